//! Complaints of recipients (feedback loops) against what was delivered, by the hour over three days.
//! It knows no reason and no words.
//!
//! A complaint comes hours or days after its message, so that a window of minutes would hold the
//! complaints of one campaign against the deliveries of another: those of a day are held against the
//! busiest of the last three days.

use crate::ledger::baseline::Baselines;
use crate::ledger::windows::{Channel, OTHER, Windows};
use crate::record::Seconds;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

pub const NAME: &str = "complaints";

const NOTE: &str = "complaints";
pub const HOUR: Seconds = 3_600;
const DAY: usize = 24;
const DAYS: usize = 3;
const KEPT: usize = DAY * DAYS;
/// The first complaint of all is held against what the windows still know.
const BEFORE: Seconds = 7;
/// Providers that are followed; most have no feedback loop at all.
const MOST: usize = 100;
/// Less mail in a day says nothing, and neither do fewer complaints.
const ENOUGH: u64 = 1_000;
const FEWEST: u64 = 10;
/// So many times the limit is more than a warning.
pub const GRAVE: f64 = 3.0;

/// Complaints and deliveries of one hour.
type Hour = (u32, u32);

/// Everybody who had a complaint within three days.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Complaints {
    /// The end of the hour that was taken in last.
    closed: Seconds,
    /// By display name; the newest hour is the last.
    providers: BTreeMap<String, VecDeque<Hour>>,
}

/// A day's complaints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Day {
    pub complaints: u64,
    /// Deliveries of the busiest of the last three days.
    pub delivered: u64,
    /// Complaints per delivery of the days before, if there was enough mail.
    pub usual: Option<f64>,
}

impl Day {
    pub fn ratio(&self) -> f64 {
        self.complaints as f64 / self.delivered.max(1) as f64
    }

    pub fn is_high(&self, limit: f64) -> bool {
        self.delivered >= ENOUGH && self.complaints >= FEWEST && self.ratio() >= limit
    }

    /// Half of what it takes to begin, so that nothing comes and goes.
    pub fn is_over(&self, limit: f64) -> bool {
        self.ratio() < 0.5 * limit
    }
}

impl Complaints {
    pub fn load(baselines: &Baselines) -> Complaints {
        baselines.note(NOTE).and_then(|note| serde_json::from_slice(note).ok()).unwrap_or_default()
    }

    /// Takes in the hour that ends at `at`.
    pub fn close(&mut self, at: Seconds, windows: &Windows, baselines: &mut Baselines) {
        if at <= self.closed {
            return;
        }
        let skipped = usize::try_from((at - self.closed) / HOUR - 1).unwrap_or(KEPT).min(KEPT);
        for hours in self.providers.values_mut() {
            hours.extend(std::iter::repeat_n((0, 0), skipped));
        }
        for key in windows.keys().filter(|key| *key != OTHER) {
            let Some(row) = windows.provider(key) else { continue };
            let hour = |end: Seconds| {
                let sum = |channel| u32::try_from(windows.sum(key, channel, end - HOUR, end));
                (sum(Channel::Complaints).unwrap_or(u32::MAX), sum(Channel::Delivered).unwrap_or(u32::MAX))
            };
            if let Some(hours) = self.providers.get_mut(&row.name) {
                hours.push_back(hour(at));
            } else if hour(at).0 > 0 && self.providers.len() < MOST {
                let known = (0..=BEFORE).rev().map(|back| hour(at - back * HOUR)).collect();
                self.providers.insert(row.name.clone(), known);
            }
        }
        self.closed = at;
        self.providers.retain(|_, hours| {
            hours.drain(..hours.len().saturating_sub(KEPT));
            hours.iter().any(|(complaints, _)| *complaints > 0)
        });
        let note = if self.providers.is_empty() { None } else { serde_json::to_vec(self).ok() };
        baselines.set_note(NOTE, note);
    }

    /// Everybody's last day; those who are known for less than one are left out.
    pub fn days(&self) -> impl Iterator<Item = (&str, Day)> {
        self.providers.keys().filter_map(|name| Some((name.as_str(), self.day(name)?)))
    }

    pub fn day(&self, provider: &str) -> Option<Day> {
        let hours = self.providers.get(provider).filter(|hours| hours.len() >= DAY)?;
        let sum = |back: usize, length: usize| {
            let chosen = hours.iter().rev().skip(back * DAY).take(length);
            chosen.fold((0, 0), |(complaints, delivered), hour| {
                (complaints + u64::from(hour.0), delivered + u64::from(hour.1))
            })
        };
        let delivered = (0..DAYS).map(|back| sum(back, DAY).1).max()?;
        let (before, of) = sum(1, KEPT);
        let usual = (of >= ENOUGH).then(|| before as f64 / of as f64);
        Some(Day { complaints: sum(0, DAY).0, delivered, usual })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One provider's hours: the complaints and deliveries of each day, spread over it.
    fn known(days: &[(u32, u32)]) -> Complaints {
        let hours = days.iter().flat_map(|(complaints, delivered)| {
            (0..24).map(move |hour| (if hour == 12 { *complaints } else { 0 }, delivered / 24))
        });
        let providers = BTreeMap::from([("Yahoo".to_owned(), hours.collect())]);
        Complaints { closed: 0, providers }
    }

    #[test]
    fn a_day_is_held_against_the_busiest_of_three() {
        for (what, days, high) in [
            ("a tenth of a per cent", &[(24, 24_000), (24, 24_000), (24, 24_000)][..], false),
            ("half a per cent today", &[(24, 24_000), (24, 24_000), (120, 24_000)], true),
            ("of a campaign the day before yesterday", &[(24, 48_000), (48, 2_400), (60, 2_400)], false),
            ("too few complaints", &[(0, 1_200), (0, 1_200), (9, 1_200)], false),
            ("too little mail", &[(0, 480), (0, 480), (40, 480)], false),
            ("the first day", &[(120, 24_000)], true),
            ("they came the day before", &[(0, 24_000), (240, 24_000), (0, 24_000)], false),
        ] {
            let day = known(days).day("Yahoo").unwrap();
            assert_eq!(day.is_high(0.003), high, "{what}: {day:?}");
        }
        let day = known(&[(24, 24_000), (24, 24_000), (120, 24_000)]).day("Yahoo").unwrap();
        assert_eq!((day.ratio(), day.usual), (0.005, Some(0.001)));
        assert!(!day.is_over(0.003) && day.is_over(0.02));
    }

    #[test]
    fn less_than_a_day_says_nothing() {
        let mut young = known(&[(500, 24_000)]);
        young.providers.get_mut("Yahoo").unwrap().pop_front();
        assert_eq!(young.day("Yahoo"), None);
        assert_eq!(young.day("Gmail"), None);
    }
}
