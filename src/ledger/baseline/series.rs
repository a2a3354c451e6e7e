//! What is usual for one ratio: level, hour of the day, over-dispersion. Pure arithmetic; it
//! knows neither what is counted nor when to worry.

use super::{BUCKET_SECONDS, Bucket};
use crate::record::Seconds;

/// What is believed of a ratio before anything was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    pub k: f64,
    pub n: f64,
    /// The expected ratio is never taken to be less.
    pub floor: f64,
}

/// Where a series stands in its life. Times are 0 when they do not apply.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Life {
    pub pending_since: Seconds,
    pub last_hit: Seconds,
    pub firing_since: Seconds,
    pub clear_since: Seconds,
    /// Windows never reach back past this: the end of the last episode or suppressed stretch.
    pub floor: Seconds,
    pub cusum: f64,
    pub cusum_since: Seconds,
    /// The expected ratio and its over-dispersion when it became pending, held until it clears.
    pub expected: f64,
    pub dispersion: f64,
    /// Bit i: in the bucket `busy_bucket - i` the series was pending or firing.
    pub busy: u32,
    pub busy_bucket: Bucket,
}

impl Life {
    pub fn is_quiet(&self) -> bool {
        self.pending_since == 0 && self.firing_since == 0
    }

    pub fn mark_busy(&mut self, bucket: Bucket) {
        let ahead = bucket.saturating_sub(self.busy_bucket);
        self.busy = u32::try_from(ahead).ok().and_then(|ahead| self.busy.checked_shl(ahead)).unwrap_or(0) | 1;
        self.busy_bucket = bucket;
    }

    pub fn was_busy(&self, bucket: Bucket) -> bool {
        let age = self.busy_bucket.saturating_sub(bucket);
        (0..32).contains(&age) && self.busy >> age & 1 == 1
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    pub k: f64,
    pub n: f64,
    pub hour_k: [f32; 24],
    pub hour_expected: [f32; 24],
    pub spread: [f64; 3],
    /// The bucket that entered last, 0 before the first.
    pub entered: Bucket,
    /// When the signal was first seen.
    pub born: Seconds,
    pub life: Life,
}

impl Series {
    fn level(&self, prior: Prior) -> f64 {
        (self.k + prior.k) / (self.n + prior.n)
    }

    fn clamp(prior: Prior, ratio: f64) -> f64 {
        ratio.clamp(prior.floor, 0.9)
    }

    fn season(&self, hour: usize) -> f64 {
        let at = |hours: &[f32; 24]| f64::from(hours.get(hour % 24).copied().unwrap_or(0.0));
        (at(&self.hour_k) + 10.0) / (at(&self.hour_expected) + 10.0)
    }

    /// The ratio expected at a moment; `offset_minutes` makes it the wall clock's.
    pub fn expected(&self, prior: Prior, at: Seconds, offset_minutes: i16) -> f64 {
        let local = at.saturating_add(i64::from(offset_minutes) * 60);
        let into = local.rem_euclid(86_400) as f64 / 3_600.0 - 0.5;
        let first = into.floor();
        let share = into - first;
        let hour = first.rem_euclid(24.0) as usize;
        let season = self.season(hour) * (1.0 - share) + self.season(hour + 1) * share;
        Series::clamp(prior, self.level(prior) * season)
    }

    /// How much more the ratio varies from bucket to bucket than chance alone explains.
    pub fn dispersion(&self) -> f64 {
        let [s1, s2, s3] = self.spread;
        ((s1 - s2 + 2.0) / (s3 + 200.0)).clamp(0.0005, 0.3)
    }

    /// Takes in one closed bucket: `k` of `n`, with a weight that is small during an incident.
    /// `trusting` takes it as it is: while nothing is known, nothing is an outlier.
    pub fn enter(
        &mut self,
        prior: Prior,
        bucket: Bucket,
        hour: usize,
        (k, n): (u64, u64),
        weight: f64,
        trusting: bool,
    ) {
        if n == 0 || bucket <= self.entered {
            return;
        }
        self.decay(if self.entered == 0 { 0 } else { bucket - self.entered });
        self.entered = bucket;
        let (k, n) = (k as f64, n as f64);
        let level = self.level(prior);
        let m = Series::clamp(prior, level * self.season(hour));
        let chance = n * m * (1.0 - m);
        let limit = n * m + 4.0 * (chance * (1.0 + (n - 1.0) * self.dispersion())).sqrt() + 1.0;
        let k = if trusting { k } else { k.min(limit) };
        self.k += weight * k;
        self.n += weight * n;
        if let (Some(held_k), Some(held_e)) = (self.hour_k.get_mut(hour), self.hour_expected.get_mut(hour)) {
            *held_k += (weight * k) as f32;
            *held_e += (weight * n * level) as f32;
        }
        // A single attempt cannot vary more than chance: it would only be noise here.
        if n < 2.0 {
            return;
        }
        let [s1, s2, s3] = &mut self.spread;
        *s1 += weight * (k - n * m).powi(2);
        *s2 += weight * chance;
        *s3 += weight * (n - 1.0) * chance;
    }

    pub(super) fn decay(&mut self, buckets: Bucket) {
        let by = |days: f64| (-(buckets as f64) / (days * 288.0)).exp2();
        let (level, season, spread) = (by(3.0), by(5.0) as f32, by(7.0));
        self.k *= level;
        self.n *= level;
        for held in self.hour_k.iter_mut().chain(&mut self.hour_expected) {
            *held *= season;
        }
        for held in &mut self.spread {
            *held *= spread;
        }
    }
}

/// How much mail a provider usually gets at each hour, and how long it takes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Volume {
    pub hours: [f32; 24],
    pub seen: [u16; 24],
    /// Buckets with attempts that have entered so far.
    pub buckets: u32,
    pub entered: Bucket,
    /// Decayed deliveries per delay channel.
    pub delays: [f32; 8],
    /// The first delay channel that counts as slow; 0 while unknown.
    pub slow_from: u8,
}

impl Volume {
    pub fn enter(&mut self, bucket: Bucket, hour: usize, attempts: f64, delays: [u64; 8]) {
        if bucket <= self.entered {
            return;
        }
        self.entered = bucket;
        self.buckets = self.buckets.saturating_add(u32::from(attempts > 0.0));
        if let (Some(mean), Some(seen)) = (self.hours.get_mut(hour), self.seen.get_mut(hour)) {
            *seen = seen.saturating_add(1);
            // Twelve buckets of an hour a day, half-life five days.
            let gain = (1.0 / f32::from(*seen)).max(1.0 - (-1.0f32 / 60.0).exp2());
            *mean += gain * (attempts as f32 - *mean);
        }
        let keep = (-1.0f32 / (3.0 * 288.0)).exp2();
        for (held, new) in self.delays.iter_mut().zip(delays) {
            *held = *held * keep + new as f32;
        }
    }

    /// Usual attempts per bucket at an hour, 0 when unknown.
    pub fn usual(&self, hour: usize) -> f64 {
        self.hours.get(hour).map_or(0.0, |mean| f64::from(*mean))
    }
}

/// The hour of the day on the wall clock in the middle of a bucket.
pub fn hour_of(bucket: Bucket, offset_minutes: i16) -> usize {
    let middle = bucket * BUCKET_SECONDS + BUCKET_SECONDS / 2 + i64::from(offset_minutes) * 60;
    usize::try_from(middle.rem_euclid(86_400) / 3_600).unwrap_or(0)
}
