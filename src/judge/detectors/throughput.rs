//! How much mail the whole host handles, against the same time of day in the last seven days. It
//! knows no provider and no reason.
//!
//! Medians throughout: one day of trouble, or one campaign, must not become the usual.

use crate::ledger::baseline::{BUCKET_SECONDS, Baselines, Bucket};
use crate::ledger::windows::{Channel, HOST, Windows};
use crate::record::Seconds;

pub const DROP: &str = "throughput-drop";
pub const SURGE: &str = "throughput-surge";

const NOTE: &str = "throughput";
const DAY: Bucket = 288;
const DAYS: Bucket = 7;
/// Seven days, and a third of one more: the level of the last hours needs them, too.
const RING: Bucket = DAY * DAYS + DAY / 3;
const UNKNOWN: u32 = u32::MAX;
/// Buckets before and after the same time of day.
const AROUND: Bucket = 6;
const FEWEST_DAYS: usize = 3;
/// Buckets that say how today compares, and how fresh the newest of them is.
const LEVEL: Bucket = 72;
const LEVEL_LATE: Bucket = 6;
/// Window in minutes and the share of the usual below which it is a drop.
const DROPS: [(i64, f64); 5] = [(3, 0.08), (5, 0.15), (10, 0.25), (15, 0.34), (30, 0.38)];
/// Attempts that the usual must promise in a window, or its silence says nothing.
const FEWEST: f64 = 120.0;
const CLEAR_SHARE: f64 = 0.6;
const SURGE_MINUTES: i64 = 30;
const SURGE_FACTOR: f64 = 4.0;
const SURGE_FEWEST: f64 = 2_000.0;

/// What is usual now, in attempts a minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    pub rate: f64,
    /// How today compares to other days, at most 1.
    pub level: f64,
    /// The second-smallest and the largest day.
    pub low: f64,
    pub high: f64,
}

/// A window that is far from the usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Odd {
    pub minutes: i64,
    pub count: u64,
}

/// Seven days of the host's attempts, and what they say of this bucket.
#[derive(Debug, Clone)]
pub struct Throughput {
    ring: Vec<u32>,
    newest: Bucket,
    usual: Option<(Bucket, Option<Usual>)>,
}

impl Throughput {
    pub fn load(baselines: &Baselines) -> Throughput {
        let empty =
            Throughput { ring: vec![UNKNOWN; usize::try_from(RING).unwrap_or(0)], newest: 0, usual: None };
        let Some((newest, counts)) = baselines.note(NOTE).and_then(|note| note.split_first_chunk::<8>())
        else {
            return empty;
        };
        let counts =
            counts.chunks_exact(4).filter_map(|bytes| Some(u32::from_le_bytes(bytes.try_into().ok()?)));
        let ring: Vec<u32> = counts.collect();
        if ring.len() != empty.ring.len() {
            return empty;
        }
        Throughput { ring, newest: Bucket::from_le_bytes(*newest), usual: None }
    }

    /// Takes in the bucket that ends at `at`. One that `is_odd` or without any record is unknown.
    pub fn close(&mut self, at: Seconds, windows: &Windows, is_odd: bool, baselines: &mut Baselines) {
        let bucket = at.div_euclid(BUCKET_SECONDS) - 1;
        if bucket <= self.newest {
            return;
        }
        let count = windows.sum(HOST, Channel::Attempts, at - BUCKET_SECONDS, at);
        for skipped in (self.newest + 1).max(bucket - RING)..bucket {
            self.put(skipped, UNKNOWN);
        }
        let known = count > 0 && !is_odd;
        self.put(bucket, if known { u32::try_from(count).unwrap_or(UNKNOWN - 1) } else { UNKNOWN });
        self.newest = bucket;
        let mut note = bucket.to_le_bytes().to_vec();
        self.ring.iter().for_each(|count| note.extend_from_slice(&count.to_le_bytes()));
        baselines.set_note(NOTE, Some(note));
    }

    fn put(&mut self, bucket: Bucket, count: u32) {
        let place = usize::try_from(bucket.rem_euclid(RING)).unwrap_or(0);
        if let Some(held) = self.ring.get_mut(place) {
            *held = count;
        }
    }

    fn get(&self, bucket: Bucket) -> Option<f64> {
        if bucket > self.newest || bucket <= self.newest - RING {
            return None;
        }
        let place = usize::try_from(bucket.rem_euclid(RING)).ok()?;
        self.ring.get(place).filter(|count| **count != UNKNOWN).map(|count| f64::from(*count))
    }

    /// What is usual at `at`; `None` while fewer than three days are known.
    pub fn usual(&mut self, at: Seconds) -> Option<Usual> {
        let bucket = at.div_euclid(BUCKET_SECONDS);
        match self.usual {
            Some((of, usual)) if of == bucket => usual,
            _ => {
                let usual = self.work_out(bucket);
                self.usual = Some((bucket, usual));
                usual
            }
        }
    }

    fn work_out(&self, bucket: Bucket) -> Option<Usual> {
        let days = self.days(bucket)?;
        let shares = ((bucket - LEVEL_LATE - LEVEL)..(bucket - LEVEL_LATE)).filter_map(|past| {
            let usual = usual_day(&self.days(past)?)?;
            (usual > 0.0).then_some(self.get(past)? / usual)
        });
        let level = lower_median(shares.collect()).unwrap_or(1.0).min(1.0);
        let minutes = (BUCKET_SECONDS / 60) as f64;
        let (low, high) = (days.get(1).copied()?, days.last().copied()?);
        let rate = usual_day(&days)?;
        // A Saturday promises no more than the last one brought.
        let level = match self.day(bucket, DAYS) {
            Some(same) if rate > 0.0 => level.min(same / rate),
            _ => level,
        };
        Some(Usual { rate: rate / minutes, level, low: low / minutes, high: high / minutes })
    }

    /// The usual count of a bucket on each known day, smallest first; at least three days.
    fn days(&self, bucket: Bucket) -> Option<Vec<f64>> {
        let mut days: Vec<f64> = (1..=DAYS).filter_map(|back| self.day(bucket, back)).collect();
        days.sort_by(f64::total_cmp);
        (days.len() >= FEWEST_DAYS).then_some(days)
    }

    /// The usual count around the same time of day, so many days before.
    fn day(&self, bucket: Bucket, back: Bucket) -> Option<f64> {
        let middle = bucket - back * DAY;
        let around: Vec<f64> =
            (middle - AROUND..=middle + AROUND).filter_map(|bucket| self.get(bucket)).collect();
        if around.len() as Bucket > AROUND { lower_median(around) } else { None }
    }

    /// Far too little, in the shortest window that shows it.
    pub fn drop(&mut self, at: Seconds, windows: &Windows) -> Option<Odd> {
        let usual = self.usual(at)?;
        DROPS.iter().find_map(|(minutes, share)| {
            let length = *minutes as f64;
            let expected = usual.rate * usual.level * length;
            if expected < FEWEST {
                return None;
            }
            let count = attempts(windows, *minutes, at);
            let least = 0.8 * usual.low * length * (share / 0.42) / 0.75;
            let seen = count as f64;
            (seen < share * expected && seen < least).then_some(Odd { minutes: *minutes, count })
        })
    }

    /// Whether a quarter of an hour came near the usual again.
    pub fn is_back(&mut self, at: Seconds, windows: &Windows) -> bool {
        let Some(usual) = self.usual(at) else { return true };
        attempts(windows, 15, at) as f64 >= CLEAR_SHARE * usual.rate * usual.level * 15.0
    }

    /// Far more than on any of the last days.
    pub fn surge(&mut self, at: Seconds, windows: &Windows) -> Option<Odd> {
        let usual = self.usual(at)?;
        let count = attempts(windows, SURGE_MINUTES, at);
        let seen = count as f64;
        let most = SURGE_FACTOR * usual.high * SURGE_MINUTES as f64;
        (seen >= SURGE_FEWEST && seen > most).then_some(Odd { minutes: SURGE_MINUTES, count })
    }

    /// Whether silence would mean something now.
    pub fn expects_mail(&mut self, at: Seconds) -> bool {
        self.usual(at).is_some_and(|usual| usual.rate * usual.level * 3.0 >= FEWEST)
    }
}

fn attempts(windows: &Windows, minutes: i64, at: Seconds) -> u64 {
    windows.sum(HOST, Channel::Attempts, at - minutes * 60, at)
}

/// What a day usually brings, of the days smallest first: the median; while few days are known, what
/// at least three of them brought, for two campaigns would be the median of three days.
fn usual_day(days: &[f64]) -> Option<f64> {
    let median = days.len().saturating_sub(1) / 2;
    days.get(median.min(days.len().saturating_sub(FEWEST_DAYS))).copied()
}

fn lower_median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(count: impl Fn(Bucket) -> u32) -> Throughput {
        let mut held = Throughput::load(&Baselines::new());
        held.newest = 10 * DAY - 1;
        for bucket in 10 * DAY - RING..10 * DAY {
            held.put(bucket, count(bucket));
        }
        held
    }

    #[test]
    fn the_usual_is_the_time_of_day_and_one_odd_day_does_not_move_it() {
        let mut held = week(|bucket| {
            let night = bucket % DAY < 100;
            if bucket / DAY == 6 {
                10
            } else if night {
                200
            } else {
                1_000
            }
        });
        let night = held.usual((10 * DAY + 50) * BUCKET_SECONDS).unwrap();
        assert_eq!((night.rate, night.low, night.high), (40.0, 40.0, 40.0));
        let mut gaps = week(|bucket| if bucket / DAY < 8 { UNKNOWN } else { 1_000 });
        assert_eq!(gaps.usual((10 * DAY + 50) * BUCKET_SECONDS), None, "two days are too few");
    }

    #[test]
    fn a_quiet_weekday_promises_no_more_than_it_did_last_week() {
        for (last_week, level) in [(400, 0.4), (1_000, 1.0), (4_000, 1.0)] {
            let mut held = week(|bucket| if bucket / DAY == 3 { last_week } else { 1_000 });
            let usual = held.usual((10 * DAY + 50) * BUCKET_SECONDS).unwrap();
            assert_eq!((usual.rate, usual.level), (200.0, level), "{last_week}");
        }
    }

    #[test]
    fn while_few_days_are_known_three_of_them_must_promise_it() {
        for (days, rate) in [
            (vec![900, 300, 800], 60.0),
            (vec![900, 300, 800, 310], 62.0),
            (vec![900, 300, 800, 310, 320], 64.0),
            (vec![900, 300, 800, 310, 320, 330, 340], 66.0),
        ] {
            let mut held = week(|bucket| {
                let back = usize::try_from(9 - bucket / DAY).unwrap_or(usize::MAX);
                days.get(back).copied().unwrap_or(UNKNOWN)
            });
            let usual = held.usual((10 * DAY + 50) * BUCKET_SECONDS).unwrap();
            assert_eq!(usual.rate, rate, "{days:?}");
        }
    }

    #[test]
    fn what_is_kept_comes_back() {
        let mut baselines = Baselines::new();
        let mut held = week(|bucket| bucket as u32);
        held.close((10 * DAY + 1) * BUCKET_SECONDS, &Windows::new(), false, &mut baselines);
        let back = Throughput::load(&baselines);
        assert_eq!((&back.ring, back.newest), (&held.ring, held.newest));
        assert_eq!(back.get(10 * DAY), None, "a bucket without a record is unknown");
        assert_eq!(back.get(10 * DAY - 1), Some(f64::from(10 * DAY as u32 - 1)));
    }
}
