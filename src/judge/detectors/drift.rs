//! What grew worse from week to week, too slowly for any window: told once a week, to be read and
//! not to wake anybody. It compares levels and looks at no single record.

use crate::classify::Reason;
use crate::judge::signal::Signal;
use crate::judge::theory::beta_binomial::ln_tail;
use crate::judge::wording;
use crate::ledger::baseline::{BUCKET_SECONDS, Baselines, Bucket};
use crate::ledger::windows::{HOST, Key, Windows};
use crate::record::{Finding, Seconds, Severity, Unit};
use serde::{Deserialize, Serialize};

pub const NAME: &str = "drift";

const NOTE: &str = "drift";
const WEEK: Seconds = 7 * 86_400;
/// Fewer attempts (decayed by days) say nothing about a level.
const ENOUGH: f64 = 1_000.0;
/// A difference and a factor that somebody might want to know.
const RISE: f64 = 0.01;
const TIMES: f64 = 1.5;
/// Levels vary from day to day by themselves, and chance must not be the explanation.
const RHO: f64 = 0.000_5;
const LN_ALPHA: f64 = -14.0;
const MOST: usize = 10;
/// What incidents kept out of the usual: a note, with the half-life of the levels, and its bound.
const KEPT_OUT: &str = "drift/kept-out";
const HALF_LIFE: f64 = 3.0 * 288.0;
const MOST_KEPT_OUT: usize = 200;

/// What was usual a week ago.
#[derive(Debug, Serialize, Deserialize)]
struct Week {
    taken: Seconds,
    levels: Vec<(Key, u8, f64, f64)>,
}

/// Attempts of incidents, which are no part of what is usual, up to the bucket.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct KeptOut {
    place: (Key, u8),
    bucket: Bucket,
    k: f64,
    n: f64,
}

impl KeptOut {
    fn decayed(mut self, bucket: Bucket) -> KeptOut {
        let keep = (-((bucket - self.bucket).max(0) as f64) / HALF_LIFE).exp2();
        (self.bucket, self.k, self.n) = (bucket, self.k * keep, self.n * keep);
        self
    }
}

fn kept_out(baselines: &Baselines, bucket: Bucket) -> Vec<KeptOut> {
    let held: Option<Vec<KeptOut>> =
        baselines.note(KEPT_OUT).and_then(|note| serde_json::from_slice(note).ok());
    held.into_iter().flatten().map(|held| held.decayed(bucket)).filter(|held| held.n >= 1.0).collect()
}

/// Notes a bucket that hardly counts for what is usual, because something is amiss. If that goes on
/// for days it is how things are now, and the weekly word must not miss it.
pub fn keep_out((key, signal): (Key, Signal), bucket: Bucket, (k, n): (u64, u64), baselines: &mut Baselines) {
    if key == HOST || !matches!(signal, Signal::Reason(_)) {
        return;
    }
    let place = (key, signal.number());
    let mut held = kept_out(baselines, bucket);
    if let Some(held) = held.iter_mut().find(|held| held.place == place) {
        (held.k, held.n) = (held.k + k as f64, held.n + n as f64);
    } else if held.len() < MOST_KEPT_OUT {
        held.push(KeptOut { place, bucket, k: k as f64, n: n as f64 });
    }
    baselines.set_note(KEPT_OUT, serde_json::to_vec(&held).ok());
}

/// Once a week: every level that has drifted since the last one.
pub fn weekly(at: Seconds, windows: &Windows, baselines: &mut Baselines) -> Vec<Finding> {
    let before: Option<Week> = baselines.note(NOTE).and_then(|note| serde_json::from_slice(note).ok());
    if before.as_ref().is_some_and(|week| (week.taken..week.taken + WEEK).contains(&at)) {
        return Vec::new();
    }
    let out = kept_out(baselines, at.div_euclid(BUCKET_SECONDS));
    let levels = baselines
        .all_series()
        .filter(|(key, number, _)| *key != HOST && Reason::from_number(*number).is_some())
        .map(|(key, number, series)| {
            // Most of the mail of the last days was kept out: that is no incident any more.
            let out = out.iter().find(|held| held.place == (key, number) && held.n > series.n);
            let (k, n) = out.map_or((0.0, 0.0), |held| (held.k, held.n));
            (key, number, series.k + k, series.n + n)
        })
        .filter(|(_, _, _, n)| *n >= ENOUGH);
    let now = Week { taken: at, levels: levels.collect() };
    let was = |place: (Key, u8)| {
        let levels = before.iter().flat_map(|week| &week.levels);
        levels.copied().find(|level| (level.0, level.1) == place).map(|level| (level.2, level.3))
    };
    // What was not seen a week ago is new, and new replies are told elsewhere.
    let mut drifted: Vec<(f64, Finding)> = now
        .levels
        .iter()
        .filter_map(|(key, number, k, n)| {
            let rise = risen(was((*key, *number))?, (*k, *n))?;
            Some((rise, told((*key, *number), was((*key, *number))?, (*k, *n), at, windows)?))
        })
        .collect();
    drifted.sort_by(|a, b| b.0.total_cmp(&a.0));
    drifted.truncate(MOST);
    baselines.set_note(NOTE, serde_json::to_vec(&now).ok());
    drifted.into_iter().map(|(_, finding)| finding).collect()
}

/// By how much a level rose, if that is worth a word.
fn risen(was: (f64, f64), now: (f64, f64)) -> Option<f64> {
    let (before, after) = ((was.0 + 0.5) / (was.1 + 50.0), now.0 / now.1.max(1.0));
    let worth = after - before >= RISE && after >= TIMES * before;
    let sure = worth && ln_tail(now.0.max(0.0) as u64, now.1 as u64, before, RHO) < LN_ALPHA;
    sure.then_some(after - before)
}

fn told(
    (key, number): (Key, u8),
    was: (f64, f64),
    now: (f64, f64),
    at: Seconds,
    windows: &Windows,
) -> Option<Finding> {
    let (Signal::Reason(reason), row) = (Signal::from_number(number)?, windows.provider(key)?) else {
        return None;
    };
    let (before, after) = (was.0 / was.1.max(1.0), now.0 / now.1.max(1.0));
    let message = wording::drift(&wording::bracket(&row.name, row.named), reason.name(), before, after);
    let action = "Nothing is broken today: look at the trend of `pmta_replies` for this reason, and what changed within the week.";
    let mut finding = Finding::note(NAME, Severity::Info, at, message, action);
    let provider = row.name.replace(' ', "-");
    finding.id = format!("{NAME}-{provider}-{}-{at}", reason.name());
    finding.provider = row.name.to_string();
    finding.reason = reason.name().to_owned();
    finding.offset_minutes = row.offset_minutes;
    finding.unit = Unit::Ratio;
    finding.was = Some((before * 1e6).round() / 1e6);
    finding.now = Some((after * 1e6).round() / 1e6);
    finding.n = now.1 as i64;
    finding.routing = "log".to_owned();
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_rose_is_told_and_one_that_wanders_is_not() {
        for (what, was, now, told) in [
            ("from 2 to 9 per cent", (100.0, 5_000.0), (450.0, 5_000.0), true),
            ("from 2 to 2.6", (100.0, 5_000.0), (130.0, 5_000.0), false),
            ("from 10 to 13", (500.0, 5_000.0), (650.0, 5_000.0), false),
            ("from nothing to half a per cent", (0.0, 5_000.0), (25.0, 5_000.0), false),
            ("from nothing to two", (0.0, 5_000.0), (100.0, 5_000.0), true),
            ("it fell", (450.0, 5_000.0), (100.0, 5_000.0), false),
        ] {
            assert_eq!(risen(was, now).is_some(), told, "{what}");
        }
    }
}
