//! How long mail may wait in each queue, by PowerMTA's configuration: parsed seldom, remembered as
//! three numbers a queue. It judges nothing.

use super::page::Waiting;
use crate::record::{Memory, Seconds};
use crate::sources::pmta_config::{self, Settings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

const NOTE: &str = "bounds";
/// The configuration changes by hand.
const EVERY: Seconds = 595;
const DAY: Seconds = 86_400;

pub type Bounds = BTreeMap<String, Bound>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    pub bounce_after: Seconds,
    /// Beyond this the retry policy has failed.
    pub horizon: Seconds,
    /// The longest wait between two attempts.
    pub retry: Seconds,
}

impl Default for Bound {
    /// PowerMTA's own: `bounce-after 4d12h`, `retry-after 10m`.
    fn default() -> Bound {
        Bound::new(108 * 3_600, 600)
    }
}

impl Bound {
    /// A day; three attempts if they are farther apart; never more than half of its life.
    fn new(bounce_after: Seconds, retry: Seconds) -> Bound {
        Bound { bounce_after, horizon: DAY.max(3 * retry).min(bounce_after / 2), retry }
    }

    fn of(settings: &Settings) -> Bound {
        let seconds = |seconds: u64| Seconds::try_from(seconds).unwrap_or(Seconds::MAX / 4);
        let retry = settings.retry_after().into_iter().max().map_or(600, seconds);
        // `never` is as good as ten years.
        Bound::new(settings.bounce_after().map_or(3_650 * DAY, seconds), retry)
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Remembered {
    at: Seconds,
    bounds: Bounds,
}

/// The bounds of these queues; none where the configuration cannot be read.
pub fn of(config: &Path, queues: &[Waiting], memory: &mut dyn Memory, now: Seconds) -> Bounds {
    let known: Remembered =
        memory.get(NOTE).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let fresh = (0..EVERY).contains(&(now - known.at));
    if fresh && queues.iter().all(|queue| known.bounds.contains_key(&queue.name)) {
        return known.bounds;
    }
    let parsed = pmta_config::read(config);
    if !parsed.found.readable {
        return Bounds::new();
    }
    let bound = |queue: &Waiting| {
        let (domain, vmta) = queue.name.rsplit_once('/').unwrap_or((&queue.name, ""));
        (queue.name.clone(), Bound::of(&parsed.queues.settings_for(domain, vmta)))
    };
    let bounds: Bounds = queues.iter().map(bound).collect();
    if let Ok(text) = serde_json::to_vec(&Remembered { at: now, bounds: bounds.clone() }) {
        memory.put(NOTE, &text);
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Notes;

    #[test]
    fn the_queue_s_own_limits_are_found_and_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config");
        let text = "<domain *>\nretry-after 10m,1h\nbounce-after 2d\n</domain>\n<domain a.example>\nbounce-after 12h\n</domain>\n";
        std::fs::write(&config, text).unwrap();
        let queues = ["a.example/v", "b.example/v"]
            .map(|name| Waiting { name: name.to_owned(), ..Waiting::default() });
        let mut notes = Notes::default();
        let bounds = of(&config, &queues, &mut notes, 1_000);
        assert_eq!(bounds["a.example/v"], Bound { bounce_after: 43_200, horizon: 21_600, retry: 3_600 });
        assert_eq!(bounds["b.example/v"], Bound { bounce_after: 172_800, horizon: 86_400, retry: 3_600 });
        std::fs::remove_file(&config).unwrap();
        assert_eq!(of(&config, &queues, &mut notes, 1_500), bounds, "not read again so soon");
        assert!(of(&config, &queues, &mut notes, 2_000).is_empty(), "gone, and known to be");
    }

    #[test]
    fn a_policy_fails_after_a_day_or_three_attempts_but_before_the_end() {
        for (bounce_after, retry, horizon) in
            [(108 * 3_600, 600, DAY), (108 * 3_600, 12 * 3_600, 36 * 3_600), (12 * 3_600, 600, 6 * 3_600)]
        {
            assert_eq!(Bound::new(bounce_after, retry).horizon, horizon);
        }
        assert_eq!(Bound::default().horizon, DAY);
    }
}
