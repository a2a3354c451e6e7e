//! Slow providers: the share of deliveries that take longer than they usually do. It chooses the
//! limit; the tail test is the reasons' own.

use crate::judge::signal::Signal;
use crate::ledger::baseline::{Baselines, Series};
use crate::ledger::windows::{DELAY_BOUNDS, HOST, Key};
use crate::record::Seconds;

pub const NAME: &str = "slow-provider";

/// At most this share of deliveries usually exceeds the limit.
const USUAL_SHARE: f32 = 0.08;
/// Fewer deliveries say nothing about the limit.
const ENOUGH: f32 = 500.0;

/// Evidence that something is refused, long before anybody is told: e to the fifth to one.
const STIRS: f64 = 5.0;

/// The limit in seconds that a first slow channel stands for.
pub fn limit(slow_from: u8) -> i64 {
    usize::from(slow_from).checked_sub(1).and_then(|place| DELAY_BOUNDS.get(place)).copied().unwrap_or(0)
}

/// The first delay channel that at most 8 % of young deliveries reach, by what was seen.
pub fn first_slow(delays: &[f32; 8]) -> u8 {
    let young: Vec<f32> = delays.iter().take(7).copied().collect();
    let all: f32 = young.iter().sum();
    if all < ENOUGH {
        return 0;
    }
    let reaches = |from: u8| young.iter().skip(usize::from(from)).sum::<f32>();
    (1..7).find(|from| reaches(*from) <= USUAL_SHARE * all).unwrap_or(0)
}

/// Sets a provider's limit after a bucket has entered. A new limit makes a new series; during an
/// incident the old one stays.
pub fn choose_limit(key: Key, baselines: &mut Baselines) {
    let Some(volume) = baselines.volume(key) else { return };
    let chosen = first_slow(&volume.delays);
    let quiet = baselines.series(key, Signal::Slow.number()).is_none_or(|series| series.life.is_quiet());
    if key == HOST || chosen == volume.slow_from || !quiet {
        return;
    }
    baselines.volume_mut(key).slow_from = chosen;
    if baselines.series(key, Signal::Slow.number()).is_some() {
        *baselines.series_mut(key, Signal::Slow.number()) = Series::default();
    }
}

/// What waits for a retry is late without being slow: while something is refused there, nothing is
/// said of delays, and the late ones of that time are no evidence afterwards.
pub fn excuse(key: Key, at: Seconds, baselines: &mut Baselines) {
    let refused = baselines.series_of(key).any(|(number, series)| {
        let stirs = !series.life.is_quiet() || series.life.cusum >= STIRS;
        stirs && matches!(Signal::from_number(number), Some(Signal::Reason(_)))
    });
    let Some(series) = baselines.series(key, Signal::Slow.number()).filter(|_| refused) else { return };
    if series.life.firing_since == 0 {
        let life = &mut baselines.series_mut(key, Signal::Slow.number()).life;
        (life.cusum, life.cusum_since) = (0.0, 0);
        super::reasons::end(life, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_what_few_exceed() {
        for (delays, seconds) in [
            ([990.0, 5.0, 5.0, 0.0, 0.0, 0.0, 0.0, 50.0], 4),
            ([500.0, 300.0, 150.0, 50.0, 0.0, 0.0, 0.0, 0.0], 16),
            ([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1_000.0, 0.0], 0),
            ([10.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0),
        ] {
            assert_eq!(limit(first_slow(&delays)), seconds, "{delays:?}");
        }
    }
}
