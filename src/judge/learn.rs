//! Moves closed five-minute buckets into the baseline, an hour late, so that an incident is known
//! for one before it could become the usual. It judges nothing.

use super::detectors::{drift, slow};
use super::signal::{Signal, channels, strictness};
use crate::config;
use crate::ledger::baseline::{BUCKET_SECONDS, Baselines, Bucket, Totals, hour_of};
use crate::ledger::windows::{Channel, HOST, Key, Windows};
use crate::record::Seconds;

const WAIT: Seconds = 3_600;
/// After a gap the windows hold no more than this.
const MOST: Bucket = 95;
/// What a bucket of an incident still counts; its retries count no more than its usual mail would.
const BUSY_WEIGHT: f64 = 0.05;

/// Enters every bucket that is due at `at`.
pub fn close_buckets(at: Seconds, windows: &Windows, baselines: &mut Baselines, settings: &config::Judge) {
    let due = (at - WAIT).div_euclid(BUCKET_SECONDS) - 1;
    let entered = baselines.volume(HOST).map_or(0, |volume| volume.entered);
    if due <= entered {
        return;
    }
    let first_record = windows.span().map_or(due, |(first, _)| first.div_euclid(BUCKET_SECONDS));
    let first = (entered + 1).max(due - MOST).max(first_record);
    let offset = windows.provider(HOST).map_or(0, |host| host.offset_minutes);
    for bucket in first..=due {
        let from = bucket * BUCKET_SECONDS;
        // No mail at all is a gap, not a night.
        if windows.sum(HOST, Channel::Attempts, from, from + BUCKET_SECONDS) > 0 {
            close(bucket, hour_of(bucket, offset), windows, baselines, settings);
        }
    }
    baselines.volume_mut(HOST).entered = due;
}

fn close(
    bucket: Bucket,
    hour: usize,
    windows: &Windows,
    baselines: &mut Baselines,
    settings: &config::Judge,
) {
    let (from, to) = (bucket * BUCKET_SECONDS, (bucket + 1) * BUCKET_SECONDS);
    let mut totals = Vec::new();
    for key in windows.keys().chain([HOST]) {
        let attempts = windows.sum(key, Channel::Attempts, from, to);
        let known = baselines.volume(key).is_some();
        if attempts == 0 && !known {
            continue;
        }
        let mut delays = [0; 8];
        for (held, index) in delays.iter_mut().zip(0u8..) {
            *held = windows.sum(key, Channel::Delay(index), from, to);
        }
        let any_busy = baselines.series_of(key).any(|(_, series)| series.life.was_busy(bucket));
        let volume = baselines.volume_mut(key);
        let trusting = volume.buckets < super::signal::GROWN_BUCKETS;
        // The retries of an incident are no more mail than there usually is.
        let usual = volume.usual(hour);
        let most = if any_busy && usual > 0.0 { usual } else { f64::MAX };
        volume.enter(bucket, hour, most.min(attempts as f64), delays);
        slow::choose_limit(key, baselines);
        if attempts > 0 {
            enter_signals(key, bucket, hour, windows, baselines, settings, trusting);
            if key != HOST {
                totals.push((key, totals_of(windows, key, from, to)));
            }
        }
    }
    baselines.history.enter(bucket, totals);
}

fn enter_signals(
    key: Key,
    bucket: Bucket,
    hour: usize,
    windows: &Windows,
    baselines: &mut Baselines,
    settings: &config::Judge,
    trusting: bool,
) {
    let (from, to) = (bucket * BUCKET_SECONDS, (bucket + 1) * BUCKET_SECONDS);
    let volume = baselines.volume(key);
    let slow_from = volume.map_or(0, |volume| volume.slow_from);
    let usual = volume.map_or(0.0, |volume| volume.usual(hour));
    let mut signals: Vec<Signal> =
        baselines.series_of(key).filter_map(|(number, _)| Signal::from_number(number)).collect();
    signals.retain(|signal| !signal.is_context());
    let any_busy = baselines.series_of(key).any(|(_, series)| series.life.was_busy(bucket));
    signals.extend([Signal::Deferred, Signal::Bounced, Signal::Throttled]);
    if slow_from > 0 && key != HOST && !signals.contains(&Signal::Slow) {
        signals.push(Signal::Slow);
    }
    for signal in signals {
        let (hits, whole) = channels(signal, slow_from);
        let k = windows.sum_of(key, &hits, from, to);
        let n = windows.sum_of(key, &whole, from, to);
        if n == 0 {
            continue;
        }
        let prior = strictness(key, signal, settings).prior;
        let series = baselines.series_mut(key, signal.number());
        let busy = if signal.is_context() { any_busy } else { series.life.was_busy(bucket) };
        let weight = if busy { BUSY_WEIGHT * (usual / n as f64).min(1.0) } else { 1.0 };
        series.enter(prior, bucket, hour, (k, n), weight, trusting);
        if busy {
            drift::keep_out((key, signal), bucket, (k, n), baselines);
        }
    }
}

fn totals_of(windows: &Windows, key: Key, from: Seconds, to: Seconds) -> Totals {
    let sum =
        |channels: &[Channel]| u32::try_from(windows.sum_of(key, channels, from, to)).unwrap_or(u32::MAX);
    Totals {
        attempts: sum(&[Channel::Attempts]),
        deferred: sum(&[Channel::Deferred, Channel::QueueDeferred]),
        bounced: sum(&[Channel::Bounced]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{Answer, Reason};
    use crate::record::{Delivery, Finding, Kind};

    const START: Seconds = 1_795_478_400;

    /// What the weekly notes say of 22 days in which `bad` of twenty attempts of each bucket of a day
    /// are refused; from a quarter on the series is taken for firing.
    fn notes(bad: impl Fn(Bucket) -> usize) -> Vec<Finding> {
        let (mut windows, mut baselines) = (Windows::new(), Baselines::new());
        let limited = Reason::RateLimited;
        let answer =
            Answer { reason: limited, stage: None, code: 450, throttling: true, template: 0, rule: None };
        let mut told = Vec::new();
        for bucket in 0..22 * 288 {
            let (begin, bad) = (START + bucket * BUCKET_SECONDS, bad(bucket / 288));
            for place in 0..20 {
                let kind = if place < bad { Kind::Deferred } else { Kind::Delivered };
                windows.record("Gmail", true, &Delivery::blank(kind, begin), Some(&answer));
            }
            if bucket == 0 {
                baselines.series_mut(2, limited.number()).born = begin;
            }
            if bad >= 5 {
                let now = begin.div_euclid(BUCKET_SECONDS);
                baselines.series_mut(2, limited.number()).life.mark_busy(now);
            }
            let at = begin + BUCKET_SECONDS;
            close_buckets(at, &windows, &mut baselines, &config::Judge::default());
            told.extend(drift::weekly(at, &windows, &mut baselines));
        }
        told
    }

    #[test]
    fn a_drift_that_is_kept_out_of_the_usual_is_told_all_the_same_and_a_bad_day_is_none() {
        let told = notes(|day| if day < 7 { 1 } else { 6 });
        let words: Vec<&str> = told.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(words, ["[Gmail] Weekly drift: rate-limited 5% → 26% of attempts"]);
        let told = notes(|day| if day == 13 { 12 } else { 1 });
        assert!(told.is_empty(), "{told:#?}");
    }
}
