//! How much mail the whole host handles, against the same time of day in the last seven days. It
//! knows no provider and no reason.
//!
//! Medians throughout: one day of trouble, or one campaign, must not become the usual.

use crate::ledger::baseline::{BUCKET_SECONDS, Baselines, Bucket};
use crate::ledger::windows::{Channel, HOST, Windows};
use crate::record::Seconds;
use std::collections::BTreeMap;

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
/// Buckets by which a job may be early or late.
const LEEWAY: Bucket = 3;
/// Half an hour, and what is around it.
const REMEMBERED: usize = 16;
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

/// What the last days say of one bucket, in attempts a minute.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Known {
    /// What a day usually brings.
    rate: f64,
    /// The same weekday's, a week ago.
    same: Option<f64>,
    /// The second-smallest and the largest day.
    low: f64,
    high: f64,
}

/// What may be counted on in a window, in attempts.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Promise {
    usual: f64,
    low: f64,
    high: f64,
}

/// A window that is far from the usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Odd {
    pub minutes: i64,
    pub count: u64,
    /// Attempts that were to be expected in it.
    pub usual: f64,
}

/// Seven days of the host's attempts, and what they say of this bucket.
#[derive(Debug, Clone)]
pub struct Throughput {
    ring: Vec<u32>,
    newest: Bucket,
    /// What was worked out of the buckets around now.
    known: BTreeMap<Bucket, Option<Known>>,
    /// How much today compares to other days, and the bucket that it was worked out for.
    level: Option<(Bucket, f64)>,
}

impl Throughput {
    pub fn load(baselines: &Baselines) -> Throughput {
        let ring = vec![UNKNOWN; usize::try_from(RING).unwrap_or(0)];
        let empty = Throughput { ring, newest: 0, known: BTreeMap::new(), level: None };
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
        Throughput { ring, newest: Bucket::from_le_bytes(*newest), ..empty }
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

    /// What the last minutes should have brought; `None` while fewer than three days are known.
    ///
    /// A job that begins and ends at the same time of every day does so a few minutes sooner or later:
    /// a minute promises the least that is usual around it, and surprises beyond the most.
    fn promise(&mut self, minutes: i64, at: Seconds) -> Option<Promise> {
        let level = self.level(at.div_euclid(BUCKET_SECONDS));
        let mut sum = Promise::default();
        let mut end = at;
        while end > at - minutes * 60 {
            // The buckets of a window, the newest first, each with its part of it.
            let bucket = (end - 1).div_euclid(BUCKET_SECONDS);
            let begin = (bucket * BUCKET_SECONDS).max(at - minutes * 60);
            let share = (end - begin) as f64 / 60.0;
            self.known(bucket)?;
            let around: Vec<Known> =
                (bucket - LEEWAY..=bucket + LEEWAY).filter_map(|bucket| self.known(bucket)).collect();
            // A Saturday promises no more than the last one brought.
            let usual = |known: &Known| (known.rate * level).min(known.same.unwrap_or(f64::MAX));
            sum.usual += share * around.iter().map(usual).fold(f64::MAX, f64::min);
            sum.low += share * around.iter().map(|known| known.low).fold(f64::MAX, f64::min);
            sum.high += share * around.iter().map(|known| known.high).fold(0.0, f64::max);
            end = begin;
        }
        Some(sum)
    }

    fn known(&mut self, bucket: Bucket) -> Option<Known> {
        if let Some(known) = self.known.get(&bucket) {
            return *known;
        }
        let known = self.look_up(bucket);
        self.known.insert(bucket, known);
        // A window and what is around it, and no more.
        while self.known.len() > REMEMBERED {
            self.known.pop_first();
        }
        known
    }

    fn look_up(&self, bucket: Bucket) -> Option<Known> {
        let days = self.days(bucket)?;
        let minutes = (BUCKET_SECONDS / 60) as f64;
        let (low, high) = (days.get(1).copied()?, days.last().copied()?);
        Some(Known {
            rate: usual_day(&days)? / minutes,
            same: self.day(bucket, DAYS).map(|day| day / minutes),
            low: low / minutes,
            high: high / minutes,
        })
    }

    /// How much today compares to other days, by its last hours; at most 1.
    fn level(&mut self, bucket: Bucket) -> f64 {
        match self.level {
            Some((of, level)) if of == bucket => level,
            _ => {
                let shares = ((bucket - LEVEL_LATE - LEVEL)..(bucket - LEVEL_LATE)).filter_map(|past| {
                    let usual = usual_day(&self.days(past)?)?;
                    (usual > 0.0).then_some(self.get(past)? / usual)
                });
                let level = lower_median(shares.collect()).unwrap_or(1.0).min(1.0);
                self.level = Some((bucket, level));
                level
            }
        }
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
        DROPS.iter().find_map(|(minutes, share)| {
            let promise = self.promise(*minutes, at)?;
            if promise.usual < FEWEST {
                return None;
            }
            let count = attempts(windows, *minutes, at);
            let least = 0.8 * promise.low * (share / 0.42) / 0.75;
            let seen = count as f64;
            let odd = Odd { minutes: *minutes, count, usual: promise.usual };
            (seen < share * promise.usual && seen < least).then_some(odd)
        })
    }

    /// Whether a quarter of an hour came near the usual again.
    pub fn is_back(&mut self, at: Seconds, windows: &Windows) -> bool {
        let Some(promise) = self.promise(15, at) else { return true };
        attempts(windows, 15, at) as f64 >= CLEAR_SHARE * promise.usual
    }

    /// Far more than on any of the last days.
    pub fn surge(&mut self, at: Seconds, windows: &Windows) -> Option<Odd> {
        let promise = self.promise(SURGE_MINUTES, at)?;
        let count = attempts(windows, SURGE_MINUTES, at);
        let seen = count as f64;
        let odd = Odd { minutes: SURGE_MINUTES, count, usual: promise.usual };
        (seen >= SURGE_FEWEST && seen > SURGE_FACTOR * promise.high).then_some(odd)
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
#[path = "throughput_tests.rs"]
mod tests;
