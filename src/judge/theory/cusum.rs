//! When a change began: the cumulative sum of evidence for a worse ratio. Pure.

const CAP: f64 = 60.0;

/// The next sum after `k` of `n`, where `usual` is expected and `worse` is looked for. 0 says no
/// evidence; the time at which it last left 0 is the onset.
pub fn next(sum: f64, k: u64, n: u64, usual: f64, worse: f64) -> f64 {
    let (k, rest) = (k as f64, n.saturating_sub(k) as f64);
    let evidence = k * (worse / usual).ln() + rest * ((1.0 - worse) / (1.0 - usual)).ln();
    (sum + evidence).clamp(0.0, CAP)
}

/// The two ratios to compare: a usual one with room for its own wandering, and one that is worse
/// by the factor or the difference that matters.
pub fn hypotheses(mean: f64, rho: f64, factor: f64, delta: f64) -> (f64, f64) {
    let usual = (mean + 2.0 * (mean * (1.0 - mean) * rho).sqrt()).min(0.8);
    let worse = (factor * usual).max(usual + delta).min(0.95);
    (usual, worse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_at_zero_in_peace_and_rises_at_the_change() {
        let (usual, worse) = hypotheses(0.05, 0.001, 2.5, 0.05);
        let mut sum = 0.0;
        for _ in 0..100 {
            sum = next(sum, 5, 100, usual, worse);
        }
        assert_eq!(sum, 0.0);
        sum = next(sum, 30, 100, usual, worse);
        assert!(sum > 10.0);
        for _ in 0..100 {
            sum = next(sum, 90, 100, usual, worse);
        }
        assert_eq!(sum, CAP, "a long incident must not take as long to forget");
    }
}
