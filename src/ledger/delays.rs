//! How long delivery took in the last five to ten minutes of event time, by provider: a small
//! histogram each. It knows no totals.

use super::packing::{Reader, put, put_text};
use crate::record::Seconds;

/// Seconds of event time in one bucket; the window is the current and the one before.
const BUCKET: Seconds = 300;
/// Exact below 16 s, then four steps to each doubling: within 10 % of the truth.
const STEPS: usize = 16 + 4 * 24;

#[derive(Debug, Clone)]
struct Histogram {
    steps: [u32; STEPS],
    longest: u32,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { steps: [0; STEPS], longest: 0 }
    }
}

/// One provider's two buckets, the current one first.
#[derive(Debug, Clone, Default)]
struct Window {
    key: Box<str>,
    buckets: [Histogram; 2],
}

/// What the window shows of one provider, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) max: f64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Delays {
    bucket: i64,
    windows: Vec<Window>,
    changed: bool,
}

impl Delays {
    /// One delivery of the provider that holds `seat`; `keep_only` must have been told when seats
    /// changed hands.
    pub(super) fn note(&mut self, seat: usize, key: &str, at: Seconds, delay: Seconds) {
        let into = at - self.bucket * BUCKET;
        if into >= BUCKET {
            self.turn(at.div_euclid(BUCKET));
        }
        let age = usize::from(into < 0);
        if into < -BUCKET {
            return;
        }
        if self.windows.len() <= seat {
            self.windows.resize_with(seat + 1, Window::default);
        }
        let Some(window) = self.windows.get_mut(seat) else { return };
        if window.key.is_empty() && !key.is_empty() {
            window.key = key.into();
        }
        let delay = u32::try_from(delay.max(0)).unwrap_or(u32::MAX);
        if let Some(histogram) = window.buckets.get_mut(age) {
            if let Some(count) = histogram.steps.get_mut(step_of(delay)) {
                *count = count.saturating_add(1);
            }
            histogram.longest = histogram.longest.max(delay);
            self.changed = true;
        }
    }

    /// `None` when nothing was delivered lately.
    pub(super) fn spread(&self, seat: usize, key: &str, now: Seconds) -> Option<Spread> {
        let window = self.windows.get(seat).filter(|window| *window.key == *key)?;
        let late = now.div_euclid(BUCKET) - self.bucket;
        let seen: Vec<&Histogram> = (window.buckets.iter().zip(0..))
            .filter(|(_, age)| late + age < 2)
            .map(|(seen, _)| seen)
            .collect();
        let count = |step: usize| -> u64 {
            seen.iter().filter_map(|histogram| histogram.steps.get(step)).map(|count| u64::from(*count)).sum()
        };
        let all: u64 = (0..STEPS).map(count).sum();
        if all == 0 {
            return None;
        }
        let max = seen.iter().map(|histogram| histogram.longest).max().unwrap_or(0);
        let quantile = |percent: u64| -> f64 {
            let rank = (all * percent).div_ceil(100).max(1);
            let mut below = 0;
            let step = (0..STEPS).find(|step| {
                below += count(*step);
                below >= rank
            });
            middle(step.unwrap_or(STEPS)).min(f64::from(max))
        };
        Some(Spread { p50: quantile(50), p95: quantile(95), max: f64::from(max) })
    }

    /// Forgets those whose seat went to somebody else.
    pub(super) fn keep_only<'k>(&mut self, holder: impl Fn(usize) -> &'k str) {
        for (seat, window) in self.windows.iter_mut().enumerate() {
            if *window.key != *holder(seat) {
                *window = Window::default();
            }
        }
    }

    fn turn(&mut self, bucket: i64) {
        let next = bucket == self.bucket + 1;
        for window in &mut self.windows {
            let current = std::mem::take(&mut window.buckets[0]);
            window.buckets[1] = if next { current } else { Histogram::default() };
        }
        self.bucket = bucket;
        self.changed = true;
    }

    pub(super) fn pack_changes(&mut self) -> Option<Vec<u8>> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let mut out = Vec::new();
        put(&mut out, u64::try_from(self.bucket).unwrap_or(0));
        for (seat, window) in self.windows.iter().enumerate() {
            for (age, histogram) in (0u64..).zip(&window.buckets) {
                let used: Vec<_> = (0u64..).zip(&histogram.steps).filter(|(_, count)| **count > 0).collect();
                if used.is_empty() {
                    continue;
                }
                put(&mut out, seat as u64);
                put_text(&mut out, &window.key);
                put(&mut out, age);
                put(&mut out, u64::from(histogram.longest));
                put(&mut out, used.len() as u64);
                for (step, count) in used {
                    put(&mut out, step);
                    put(&mut out, u64::from(*count));
                }
            }
        }
        Some(out)
    }

    /// `seat_of` says which seat a key holds in this run.
    pub(super) fn unpack(bytes: &[u8], seat_of: impl Fn(&str) -> Option<usize>) -> Option<Delays> {
        let mut reader = Reader(bytes);
        let bucket = i64::try_from(reader.number()?).ok().filter(|bucket| *bucket < i64::MAX / BUCKET)?;
        let mut delays = Delays { bucket, ..Delays::default() };
        while !reader.0.is_empty() {
            reader.number()?;
            let key = reader.text()?;
            let age = reader.size()?;
            let longest = u32::try_from(reader.number()?).ok()?;
            let mut histogram = Histogram { longest, ..Histogram::default() };
            for _ in 0..reader.size()?.min(STEPS) {
                let (step, count) = (reader.size()?, u32::try_from(reader.number()?).ok()?);
                *histogram.steps.get_mut(step)? = count;
            }
            let Some(seat) = seat_of(&key) else { continue };
            if delays.windows.len() <= seat {
                delays.windows.resize_with(seat + 1, Window::default);
            }
            let window = delays.windows.get_mut(seat)?;
            window.key = key.into();
            *window.buckets.get_mut(age)? = histogram;
        }
        Some(delays)
    }
}

fn step_of(delay: u32) -> usize {
    if delay < 16 {
        return delay as usize;
    }
    let doubling = delay.ilog2();
    let quarter = (delay >> (doubling - 2)) & 3;
    (16 + (doubling - 4) * 4 + quarter) as usize
}

/// The middle of a step, in seconds.
fn middle(step: usize) -> f64 {
    if step < 16 {
        return step as f64;
    }
    let (doubling, quarter) = ((step - 16) / 4 + 4, (step - 16) % 4);
    let width = 2f64.powi(doubling as i32 - 2);
    (4.0 + quarter as f64) * width + width / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_within_a_tenth_of_what_it_holds() {
        for delay in (0..16).chain((4..32).flat_map(|bit| [1u32 << bit, (1 << bit) + (1 << (bit - 1))])) {
            let step = step_of(delay);
            assert!(step < STEPS + 16, "{delay}");
            let error = (middle(step) - f64::from(delay)).abs();
            assert!(error <= f64::from(delay) * 0.125, "{delay}: {}", middle(step));
        }
    }

    #[test]
    fn the_window_forgets_after_ten_minutes_and_survives_packing() {
        let mut delays = Delays::default();
        for delay in 1..=100 {
            delays.note(3, "Gmail", 3_000, delay);
        }
        delays.note(3, "Gmail", 3_300, 4_000);
        let seen = delays.spread(3, "Gmail", 3_310).unwrap();
        assert!((seen.p50 - 50.0).abs() <= 6.0 && (seen.p95 - 96.0).abs() <= 12.0, "{seen:?}");
        assert_eq!(seen.max, 4_000.0);
        let bytes = delays.pack_changes().unwrap();
        assert!(delays.pack_changes().is_none());
        let back = Delays::unpack(&bytes, |key| (key == "Gmail").then_some(1)).unwrap();
        assert_eq!(back.spread(1, "Gmail", 3_310), Some(seen));
        // The first bucket has left the window, then the second one. 3,840 is the middle of a step.
        assert_eq!(back.spread(1, "Gmail", 3_600).map(|seen| seen.p50), Some(3_840.0));
        assert_eq!(back.spread(1, "Gmail", 3_900), None);
        assert_eq!(back.spread(1, "Yahoo", 3_310), None);
    }
}
