//! How old the oldest waiting mail of each provider is. PowerMTA shows it nowhere: it is read off
//! the `t` records, for each waiting recipient is tried again within a retry period.

use super::{Level, Report, Scene, Signal, Symptom, number};
use crate::record::{Kind, Memory, Sample, Seconds, Severity, Unit, tag};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const SIGNAL: Signal = Signal {
    name: "queue-age",
    about: "mail waits longer than a day and nears its expiry",
    source: "accounting",
    beneath_down: true,
    look,
};

/// PowerMTA's default `retry-after`; in so long a span every waiting recipient shows once.
const PERIOD: Seconds = 600;
/// A provider that was silent for three periods has no known age any more.
const STALE: i64 = 3;
/// A retry policy worth its name has delivered within a day.
const DAY: Seconds = 86_400;
/// PowerMTA's default `bounce-after` is 4d12h; from four days on mail is about to expire.
const EXPIRES: f64 = 4.0 * 86_400.0;
/// A handful of full mailboxes always waits.
const SOME: f64 = 10.0;
const FEW: f64 = 5.0;
const MOST: usize = 200;

/// The ages of all providers, from one run to the next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ages {
    providers: BTreeMap<String, Age>,
    /// Of every provider the oldest mail was queued before this. The bound may be too late: then
    /// only the search for the youngest is in vain.
    #[serde(skip)]
    youngest: Option<Seconds>,
}

/// Two periods: the one that runs, and the whole one before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Age {
    period: i64,
    now: Seen,
    before: Option<Seen>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Seen {
    /// When the oldest of them was queued.
    oldest: Seconds,
    /// How many were older than a day.
    beyond: i64,
}

impl Ages {
    pub fn recall(memory: &dyn Memory, key: &str) -> Ages {
        memory.get(key).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    pub fn write_down(&self, memory: &mut dyn Memory, key: &str) {
        if let Ok(text) = serde_json::to_vec(self) {
            memory.put(key, &text);
        }
    }

    pub fn record(&mut self, provider: &str, kind: Kind, logged: Seconds, queued: Option<Seconds>) {
        let Some(queued) = queued.filter(|queued| kind == Kind::Deferred && *queued <= logged) else {
            return;
        };
        // Mail as young as everybody's is no news when there is no room, and most mail is.
        let room = self.providers.len() < MOST;
        let known = self.providers.get_mut(provider);
        if known.is_none() && !room && self.youngest.is_some_and(|youngest| queued >= youngest) {
            return;
        }
        let period = logged.div_euclid(PERIOD);
        let seen = Seen { oldest: queued, beyond: i64::from(logged - queued >= DAY) };
        if let Some(youngest) = &mut self.youngest {
            *youngest = queued.max(*youngest);
        }
        if let Some(age) = known {
            age.add(period, seen);
        } else if room || self.make_room(queued) {
            self.providers.insert(provider.to_owned(), Age { period, now: seen, before: None });
        }
    }

    /// Gives up the provider whose mail is youngest, if it is younger than this.
    fn make_room(&mut self, queued: Seconds) -> bool {
        let youngest = self.providers.iter().max_by_key(|(_, age)| age.now.oldest);
        let Some((name, age)) = youngest else { return false };
        self.youngest = Some(age.now.oldest);
        if age.now.oldest <= queued {
            return false;
        }
        let name = name.clone();
        self.providers.remove(&name).is_some()
    }

    /// The gauges at `now`; what was not heard of for long is forgotten.
    pub fn rows(&mut self, now: Seconds) -> Vec<Sample> {
        let period = now.div_euclid(PERIOD);
        self.providers.retain(|_, age| period - age.period < STALE);
        let row = |(provider, age): (&String, &Age)| {
            let before = age.before.unwrap_or(age.now);
            let oldest = age.now.oldest.min(before.oldest);
            Sample::new("pmta_queue_age")
                .tag("provider", provider.clone())
                .float("oldest_seconds", (now - oldest).max(0) as f64)
                .int("beyond_retry_recipients", age.now.beyond.max(before.beyond))
        };
        self.providers.iter().map(row).collect()
    }
}

impl Age {
    fn add(&mut self, period: i64, seen: Seen) {
        if period > self.period {
            self.before = (period == self.period + 1).then_some(self.now);
            (self.period, self.now) = (period, seen);
            return;
        }
        let place = if period == self.period { Some(&mut self.now) } else { self.before.as_mut() };
        if let Some(place) = place {
            place.oldest = place.oldest.min(seen.oldest);
            place.beyond += seen.beyond;
        }
    }
}

fn look(scene: &Scene<'_>, _memory: &mut dyn Memory, report: &mut Report) {
    for row in scene.rows("pmta_queue_age") {
        let (Some(oldest), Some(beyond)) =
            (number(row, "oldest_seconds"), number(row, "beyond_retry_recipients"))
        else {
            continue;
        };
        let level = if beyond >= SOME && oldest >= EXPIRES {
            Level::Bad(Severity::Critical)
        } else if beyond >= SOME {
            Level::Bad(Severity::Warning)
        } else if beyond >= FEW {
            Level::Between
        } else {
            Level::Fine
        };
        let provider = tag(&row.tags, "provider");
        let hours = oldest / 3_600.0;
        let symptom = Symptom::new("", level, 0, 600).measured(Unit::Seconds, None, oldest).told(
            format!("[{provider}] {beyond:.0} recipients wait for more than a day, the oldest for {hours:.0} hours (read off its deferrals); with bounce-after 4d12h, PowerMTA's default, the oldest expires in {:.0} hours", (108.0 - hours).max(0.0)),
            "Look at this provider's refusals first (finding deferral-ratio); if the cause is gone, `pmta schedule D/V` tries now; raise bounce-after in its <domain> if the mail is worth more time.",
        );
        let recipients = Some(beyond as i64);
        report.symptoms.push(Symptom { provider: provider.to_owned(), recipients, ..symptom });
    }
}
