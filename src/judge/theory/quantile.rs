//! A quantile of a stream in one number. Pure.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Quantile {
    pub value: f64,
    pub seen: u32,
}

impl Quantile {
    /// Moves towards the `share` quantile by steps of `rate`, larger while little was seen.
    pub fn update(&mut self, sample: f64, share: f64, rate: f64) {
        self.seen = self.seen.saturating_add(1);
        if self.seen == 1 {
            self.value = sample.max(1e-12);
        }
        let above = if sample > self.value { 1.0 } else { 0.0 };
        self.value *= (rate.max(1.0 / f64::from(self.seen)) * (above - (1.0 - share))).exp();
        if self.seen < 40 && sample > self.value {
            self.value += 0.3 * (sample - self.value);
        }
        self.value = self.value.max(1e-12);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_settles_at_the_quantile() {
        let mut quantile = Quantile::default();
        // A fixed permutation of 0..1000, again and again.
        for i in 0..50_000u64 {
            quantile.update((i * 7_919 % 1_000) as f64 + 1.0, 0.97, 0.03);
        }
        assert!((quantile.value - 970.0).abs() < 60.0, "{}", quantile.value);
    }
}
