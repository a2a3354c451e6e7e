//! How hard each provider slows us down: the share of its attempts in ten minutes that were
//! refused for rate, connections or a recipient's pace.

use super::{Level, Report, Scene, Signal, Symptom, number};
use crate::judge::theory::wilson;
use crate::ledger::windows::{Channel, Windows};
use crate::record::{Memory, Sample, Seconds, Severity, Unit, tag};

pub const SIGNAL: Signal = Signal {
    name: "throttle",
    about: "a provider throttles a large share of all attempts",
    source: "accounting",
    beneath_down: true,
    look,
};

const WINDOW: Seconds = 600;
/// Fewer attempts are printed by nobody: a ratio of 3 means nothing.
const SHOWN: u64 = 20;
const MOST: usize = 50;
/// A quarter surely throttled: our pace is above what the provider takes.
const QUARTER: f64 = 0.25;
const HALF: f64 = 0.50;
const FINE: f64 = 0.15;
const ENOUGH: f64 = 200.0;
const SIGMAS: f64 = 3.0;

/// The gauges as they stand at `at`, the busiest providers first.
pub fn rows(windows: &Windows, at: Seconds) -> Vec<Sample> {
    let attempts = |key| windows.sum(key, Channel::Attempts, at - WINDOW, at);
    let mut keys: Vec<_> = windows.keys().map(|key| (attempts(key), key)).collect();
    keys.retain(|(attempts, _)| *attempts >= SHOWN);
    keys.sort_unstable_by(|a, b| b.cmp(a));
    let row = |(attempts, key): (u64, _)| {
        let name = windows.provider(key)?.name.to_string();
        let throttled = windows.sum(key, Channel::Throttled, at - WINDOW, at);
        let row = Sample::new("pmta_throttle").tag("provider", name);
        Some(row.float("ratio", throttled as f64 / attempts as f64).int("attempts", attempts as i64))
    };
    keys.into_iter().take(MOST).filter_map(row).collect()
}

fn look(scene: &Scene<'_>, _memory: &mut dyn Memory, report: &mut Report) {
    for row in scene.rows("pmta_throttle") {
        let (Some(ratio), Some(attempts)) = (number(row, "ratio"), number(row, "attempts")) else { continue };
        let throttled = (ratio * attempts).round();
        let (surely, _) = wilson::interval(throttled as u64, attempts as u64, SIGMAS);
        let level = if attempts < ENOUGH {
            if ratio < FINE { Level::Fine } else { Level::Between }
        } else if surely >= HALF {
            Level::Bad(Severity::Warning)
        } else if surely >= QUARTER {
            Level::Bad(Severity::Info)
        } else if ratio < FINE {
            Level::Fine
        } else {
            Level::Between
        };
        let provider = tag(&row.tags, "provider");
        let symptom = Symptom::new("", level, 60, 600).measured(Unit::Ratio, None, ratio);
        let symptom = symptom.told(
            format!("[{provider}] throttles {:.0}% of {attempts:.0} attempts in ten minutes: we send faster than it takes", ratio * 100.0),
            "Set max-msg-rate in its <domain> to about what is delivered now and lower max-smtp-out; more connections or sooner retries prolong a throttle.",
        );
        report.symptoms.push(Symptom { provider: provider.to_owned(), n: attempts as i64, ..symptom });
    }
}
