//! Any series of five-minute values that has no ratio: is this value strange for its time of day
//! and after its predecessor? Causal, and it knows no names.

use crate::judge::theory::quantile::Quantile;
use serde::{Deserialize, Serialize};

const DAY: usize = 288;
const DAYS: usize = 7;
/// Buckets after which a predecessor no longer says anything.
const OLDEST_PREDECESSOR: usize = 6;
const OPEN_AT: f64 = 4.0;
const CLOSE_SHARE: f64 = 0.3;
const CLOSE_AFTER: u32 = 6;
/// Values that a scale must have seen before it says anything.
const SILENT: u32 = 50;

/// The parts of a score, for those who want to know why.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Score {
    /// The jump since the last value, beyond what this time of day does.
    pub jump: f64,
    /// The distance from the same time on other days.
    pub level: f64,
    /// The slow departure of the level.
    pub drift: f64,
    pub z: f64,
}

/// The memory of one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesDetector {
    /// Seven days of values and the one before, a neighbour of the oldest; `NaN` is unknown, which
    /// JSON cannot say: `week` has them.
    #[serde(skip, default = "blank")]
    ring: Vec<f32>,
    /// Values taken in so far, the next one's place.
    at: usize,
    known: u32,
    level: f64,
    drift_level: f64,
    drift_seen: u32,
    residuals: Vec<f64>,
    /// Value, usual value and place of the last known bucket.
    last: Option<(f64, Option<f64>, usize)>,
    jump: Quantile,
    daily_jump: Quantile,
    distance: Quantile,
    departure: Quantile,
    open: bool,
    calm: u32,
}

impl Default for SeriesDetector {
    fn default() -> SeriesDetector {
        SeriesDetector {
            ring: blank(),
            at: 0,
            known: 0,
            level: 0.0,
            drift_level: 0.0,
            drift_seen: 0,
            residuals: Vec::new(),
            last: None,
            jump: Quantile::default(),
            daily_jump: Quantile::default(),
            distance: Quantile::default(),
            departure: Quantile::default(),
            open: false,
            calm: 0,
        }
    }
}

fn blank() -> Vec<f32> {
    vec![f32::NAN; DAY * DAYS + 1]
}

impl SeriesDetector {
    /// The seven days of values, for whoever keeps them; the rest is serialised.
    pub fn week(&self) -> Vec<u8> {
        self.ring.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// Takes the values back; of another length they are unknown.
    pub fn with_week(mut self, week: &[u8]) -> SeriesDetector {
        if week.len() == self.ring.len() * 4 {
            for (held, bytes) in self.ring.iter_mut().zip(week.chunks_exact(4)) {
                *held = bytes.try_into().map_or(f32::NAN, f32::from_le_bytes);
            }
        }
        self
    }

    /// Scores the next five-minute value and then learns from it. `None` is a missing bucket:
    /// unknown, never 0. `noise` is the deviation that counting alone explains.
    pub fn next(&mut self, value: Option<f64>, noise: f64) -> Score {
        let score = match value.filter(|value| value.is_finite()) {
            Some(value) => self.take(value, noise),
            None => Score::default(),
        };
        let place = self.at % self.ring.len().max(1);
        if let Some(held) = self.ring.get_mut(place) {
            *held = value.map_or(f32::NAN, |value| value as f32);
        }
        self.at += 1;
        self.judge(score.z, value.is_some());
        score
    }

    /// Whether an anomaly is open.
    pub fn is_open(&self) -> bool {
        self.open
    }

    fn take(&mut self, value: f64, noise: f64) -> Score {
        let usual = self.usual();
        self.known = self.known.saturating_add(1);
        let gain = (1.0 / f64::from(self.known)).max(1.0 / (DAY * DAYS) as f64);
        let floor = 0.05 * self.level + noise;
        let last = self.last.filter(|(_, _, at)| self.at - at <= OLDEST_PREDECESSOR);
        let jump = last.map(|(before, _, _)| (value - before).abs());
        let daily = match (last, usual) {
            (Some((before, Some(usual_before), _)), Some(usual)) => {
                Some((value - before - (usual - usual_before)).abs())
            }
            _ => None,
        };
        let residual = usual.map(|usual| value - usual);
        let departure = residual.map(|residual| self.departure_of(residual));
        let scaled = |part: Option<f64>, quantile: Quantile| {
            part.filter(|_| quantile.seen >= SILENT).map(|part| {
                let scale = (quantile.value / 1.96).max(floor);
                if scale > 0.0 { part / scale } else { 0.0 }
            })
        };
        let a = scaled(jump, self.jump);
        let b = scaled(daily, self.daily_jump);
        let jump_score = match (a, b) {
            (Some(a), Some(b)) => a.min(b),
            (Some(a), None) => a,
            _ => 0.0,
        };
        let level = scaled(residual.map(f64::abs), self.distance).unwrap_or(0.0);
        let drift = scaled(departure.map(|(d, _)| d), self.departure).unwrap_or(0.0);
        let z = (0.65 * jump_score + 0.35 * level).max(0.6 * drift);
        self.learn((value, usual), (jump, daily), residual, departure, gain);
        Score { jump: jump_score, level, drift, z }
    }

    /// The distance of the last three residuals' median from its slow mean, and that median.
    fn departure_of(&mut self, residual: f64) -> (f64, f64) {
        self.residuals.push(residual);
        if self.residuals.len() > 3 {
            self.residuals.remove(0);
        }
        let median = median(self.residuals.clone()).unwrap_or(residual);
        // The slow mean begins where the first residual is: no departure yet.
        let distance = if self.drift_seen == 0 { 0.0 } else { (median - self.drift_level).abs() };
        (distance, median)
    }

    fn learn(
        &mut self,
        (value, usual): (f64, Option<f64>),
        (jump, daily): (Option<f64>, Option<f64>),
        residual: Option<f64>,
        departure: Option<(f64, f64)>,
        gain: f64,
    ) {
        self.level += gain * (value.abs() - self.level);
        if let Some(jump) = jump {
            self.jump.update(jump, 0.97, 0.03);
        }
        if let Some(daily) = daily {
            self.daily_jump.update(daily, 0.97, 0.03);
        }
        if let Some(residual) = residual {
            self.distance.update(residual.abs(), 0.99, 0.02);
        }
        if let Some((distance, median)) = departure {
            self.departure.update(distance, 0.95, 0.01);
            self.drift_seen = self.drift_seen.saturating_add(1);
            self.drift_level += (1.0 / f64::from(self.drift_seen)).max(0.02) * (median - self.drift_level);
        }
        self.last = Some((value, usual, self.at));
    }

    /// What the next value usually is: the median of the same time of day, one bucket either way, on
    /// the last seven days.
    pub fn usual(&self) -> Option<f64> {
        let mut seen = Vec::with_capacity(21);
        for day in 1..=DAYS {
            for near in [-1i64, 0, 1] {
                let back = i64::try_from(day * DAY).unwrap_or(0) - near;
                let Some(place) = usize::try_from(back).ok().and_then(|back| self.at.checked_sub(back))
                else {
                    continue;
                };
                // The ring has already given the oldest neighbour's place away.
                if self.at - place > self.ring.len() {
                    continue;
                }
                let value = self.ring.get(place % self.ring.len().max(1)).copied().unwrap_or(f32::NAN);
                if value.is_finite() {
                    seen.push(f64::from(value));
                }
            }
        }
        if seen.len() < 3 { None } else { median(seen) }
    }

    fn judge(&mut self, z: f64, known: bool) {
        if z > OPEN_AT {
            self.open = true;
            self.calm = 0;
        } else if self.open && known {
            self.calm = if z < CLOSE_SHARE * OPEN_AT { self.calm + 1 } else { 0 };
            self.open = self.calm < CLOSE_AFTER;
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied()?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    middle.checked_sub(1).and_then(|lower| values.get(lower)).map(|lower| (lower + upper) / 2.0)
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
