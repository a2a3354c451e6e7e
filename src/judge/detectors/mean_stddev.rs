//! The literal rule: a provider's five-minute deferral ratio above the mean plus some standard
//! deviations of seven days. Offered by name; it knows no reasons.

use crate::ledger::baseline::History;
use crate::ledger::windows::Key;

pub const NAME: &str = "mean-stddev";

/// An hour of buckets before anything is said.
const FEWEST: usize = 12;

/// What the last seven days say of a provider's ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    pub mean: f64,
    pub deviation: f64,
}

pub fn usual(history: &History, key: Key) -> Option<Usual> {
    let ratios: Vec<f64> = history
        .of(key)
        .map(|(_, totals)| f64::from(totals.deferred) / f64::from(totals.attempts.max(1)))
        .collect();
    if ratios.len() < FEWEST {
        return None;
    }
    let count = ratios.len() as f64;
    let mean = ratios.iter().sum::<f64>() / count;
    let variance = ratios.iter().map(|ratio| (ratio - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Some(Usual { mean, deviation: variance.sqrt() })
}

pub fn is_high(usual: Usual, ratio: f64, sigmas: f64) -> bool {
    ratio > usual.mean + sigmas * usual.deviation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::baseline::Totals;

    #[test]
    fn the_rule_is_the_literal_one() {
        let mut history = History::default();
        for bucket in 0..12 {
            let deferred = if bucket % 2 == 0 { 10 } else { 20 };
            history.enter(1_000 + bucket, vec![(2, Totals { attempts: 100, deferred, bounced: 0 })]);
        }
        let usual = usual(&history, 2).unwrap();
        assert!((usual.mean - 0.15).abs() < 1e-12);
        assert!((usual.deviation - 0.05 * (12.0f64 / 11.0).sqrt()).abs() < 1e-12);
        assert!(is_high(usual, 0.2545, 2.0) && !is_high(usual, 0.2544, 2.0));
        assert_eq!(super::usual(&history, 3), None);
    }
}
