//! How long mail may wait in each queue and how fast it may leave, by PowerMTA's configuration: parsed
//! seldom, remembered as a few numbers a queue. It judges nothing.

use super::page::Waiting;
use crate::record::{Memory, Seconds};
use crate::sources::pmta_config::{self, Queues, Settings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

const NOTE: &str = "bounds";
/// The configuration changes by hand.
const EVERY: Seconds = 595;
const DAY: Seconds = 86_400;

pub type Bounds = BTreeMap<String, Bound>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    pub bounce_after: Seconds,
    /// Beyond this the retry policy has failed.
    pub horizon: Seconds,
    /// The longest wait between two attempts.
    pub retry: Seconds,
    #[serde(default)]
    pub pace: Pace,
}

/// What sets a queue's pace; `None` is unlimited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    pub max_smtp_out: Option<u64>,
    pub backoff_max_smtp_out: Option<u64>,
    /// The VMTA's own, for all its queues together.
    pub vmta_max_smtp_out: Option<u64>,
    /// `max-msg-rate 400/h; max-connect-rate 10/m`: those that are limited, as written.
    pub rates: String,
    /// Nothing in the configuration ends backoff mode.
    pub endless: bool,
}

const RATES: &[&str] = &[
    "backoff-max-connect-rate",
    "backoff-max-msg-rate",
    "max-connect-rate",
    "max-msg-rate",
    "source-ip-max-connect-rate",
    "source-ip-max-msg-rate",
];

impl Pace {
    fn of(settings: &Settings, queues: &Queues) -> Pace {
        let limited = RATES.iter().filter(|name| settings.rate(name).is_some());
        let rates: Vec<String> = limited.map(|name| format!("{name} {}", settings.text(name))).collect();
        let list = queues.pattern_lists.get(settings.text("smtp-pattern-list"));
        let ends = list.is_some_and(|list| list.iter().any(|pattern| pattern.ends_backoff));
        Pace {
            max_smtp_out: settings.max_smtp_out(),
            backoff_max_smtp_out: settings.count("backoff-max-smtp-out"),
            vmta_max_smtp_out: settings.vmta_max_smtp_out,
            rates: rates.join("; "),
            endless: settings.backoff_is_endless() && !ends,
        }
    }
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
        let horizon = DAY.max(3 * retry).min(bounce_after / 2);
        Bound { bounce_after, horizon, retry, pace: Pace::default() }
    }

    pub fn of(settings: &Settings, queues: &Queues) -> Bound {
        let seconds = |seconds: u64| Seconds::try_from(seconds).unwrap_or(Seconds::MAX / 4);
        let retry = settings.retry_after().into_iter().max().map_or(600, seconds);
        // `never` is as good as ten years.
        let bound = Bound::new(settings.bounce_after().map_or(3_650 * DAY, seconds), retry);
        Bound { pace: Pace::of(settings, queues), ..bound }
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
        (queue.name.clone(), Bound::of(&parsed.queues.settings_for(domain, vmta), &parsed.queues))
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
        let times = |name: &str| (bounds[name].bounce_after, bounds[name].horizon, bounds[name].retry);
        assert_eq!(times("a.example/v"), (43_200, 21_600, 3_600));
        assert_eq!(times("b.example/v"), (172_800, 86_400, 3_600));
        std::fs::remove_file(&config).unwrap();
        assert_eq!(of(&config, &queues, &mut notes, 1_500), bounds, "not read again so soon");
        assert!(of(&config, &queues, &mut notes, 2_000).is_empty(), "gone, and known to be");
    }

    #[test]
    fn the_pace_is_the_most_specific_one_and_backoff_may_have_no_end() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config");
        let text = "domain-macro big a, b
<smtp-pattern-list ends>\nreply /x/ mode=backoff,backoff-to-normal-after=10m\n</smtp-pattern-list>
<smtp-pattern-list stays>\nreply /x/ mode=backoff\n</smtp-pattern-list>
<domain *>\nmax-smtp-out 5\nsmtp-pattern-list stays\n</domain>
<domain $big.example>\nmax-smtp-out 30\nmax-msg-rate 400/h\nsmtp-pattern-list ends\n</domain>
<virtual-mta v1>\nmax-smtp-out 50\n<domain *>\nmax-connect-rate 10/m\n</domain>\n</virtual-mta>
<virtual-mta v2>\n</virtual-mta>
<virtual-mta-pool p>\nvirtual-mta v1\nvirtual-mta v2\n<domain b.example>\nmax-smtp-out 7\n</domain>\n</virtual-mta-pool>
";
        std::fs::write(&config, text).unwrap();
        let queues = ["a.example/v1", "b.example/v2", "c.example/v2"]
            .map(|name| Waiting { name: name.to_owned(), ..Waiting::default() });
        let bounds = of(&config, &queues, &mut Notes::default(), 1_000);
        let pace = |name: &str| {
            let pace = bounds[name].pace.clone();
            (pace.max_smtp_out, pace.vmta_max_smtp_out, pace.rates, pace.endless)
        };
        let rates = "max-connect-rate 10/m; max-msg-rate 400/h".to_owned();
        assert_eq!(pace("a.example/v1"), (Some(30), Some(50), rates, false));
        assert_eq!(pace("b.example/v2"), (Some(7), None, "max-msg-rate 400/h".to_owned(), false));
        assert_eq!(pace("c.example/v2"), (Some(5), None, String::new(), true));
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
