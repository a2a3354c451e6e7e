//! How unlikely so many hits are when a ratio varies more than chance. Pure.

/// Natural logarithm of the gamma function for `x > 0`: Stirling's series, shifted to where it is
/// exact to twelve digits.
pub fn ln_gamma(x: f64) -> f64 {
    let mut x = x.max(1e-300);
    let mut shift = 0.0;
    while x < 12.0 {
        shift += x.ln();
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = (1.0 / 12.0
        - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0))))
        / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - shift
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// `ln P(X >= k)` for `X ~ BetaBinomial(n, mean M, (1 - mean) M)`, `M = (1 - rho) / rho`. Meant for
/// `k` above the mean; below it the answer is "certain", 0.
pub fn ln_tail(k: u64, n: u64, mean: f64, rho: f64) -> f64 {
    let rho = rho.clamp(1e-6, 0.999);
    let mean = mean.clamp(1e-9, 1.0 - 1e-9);
    let size = (1.0 - rho) / rho;
    let (a, b) = (mean * size, (1.0 - mean) * size);
    let (hits, all) = (k as f64, n as f64);
    if k > n {
        return f64::NEG_INFINITY;
    }
    if hits <= all * mean {
        return 0.0;
    }
    let choose = ln_gamma(all + 1.0) - ln_gamma(hits + 1.0) - ln_gamma(all - hits + 1.0);
    let first = choose + ln_beta(hits + a, all - hits + b) - ln_beta(a, b);
    let (mut term, mut sum, mut j) = (1.0, 1.0, hits);
    // Past the mean the terms fall; the bound only guards against a ratio that creeps.
    for _ in 0..20_000 {
        if j >= all {
            break;
        }
        term *= (all - j) / (j + 1.0) * (j + a) / (all - j - 1.0 + b);
        sum += term;
        j += 1.0;
        if term < 1e-4 * sum {
            break;
        }
    }
    (first + sum.ln()).min(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_gamma_agrees_with_factorials_and_halves() {
        let mut ln_factorial = 0.0;
        for n in 1..60 {
            assert!((ln_gamma(f64::from(n)) - ln_factorial).abs() < 1e-10, "{n}");
            ln_factorial += f64::from(n).ln();
        }
        let half = std::f64::consts::PI.sqrt().ln();
        assert!((ln_gamma(0.5) - half).abs() < 1e-10);
        assert!((ln_gamma(1e6) - 12_815_504.569_147_77).abs() < 1e-4);
    }

    /// The whole sum, term by term.
    fn slow_tail(k: u64, n: u64, mean: f64, rho: f64) -> f64 {
        let size = (1.0 - rho) / rho;
        let (a, b) = (mean * size, (1.0 - mean) * size);
        let term = |j: f64| {
            let n = n as f64;
            let choose = ln_gamma(n + 1.0) - ln_gamma(j + 1.0) - ln_gamma(n - j + 1.0);
            (choose + ln_beta(j + a, n - j + b) - ln_beta(a, b)).exp()
        };
        (k..=n).map(|j| term(j as f64)).sum::<f64>().ln()
    }

    #[test]
    fn the_tail_agrees_with_the_whole_sum() {
        for (k, n, mean, rho) in [
            (8, 20, 0.05, 0.01),
            (40, 100, 0.12, 0.01),
            (100, 1_000, 0.01, 0.002),
            (700, 1_000, 0.3, 0.05),
            (20, 20, 0.1, 0.3),
        ] {
            let (fast, slow) = (ln_tail(k, n, mean, rho), slow_tail(k, n, mean, rho));
            assert!((fast - slow).abs() < 2e-2, "{k} of {n}: {fast} {slow}");
        }
        assert_eq!(ln_tail(5, 100, 0.1, 0.01), 0.0, "below the mean nothing is unlikely");
        assert_eq!(ln_tail(5, 4, 0.1, 0.01), f64::NEG_INFINITY);
        let plain = ln_tail(10, 10, 0.5, 1e-6);
        assert!(
            (plain - 10.0 * 0.5f64.ln()).abs() < 1e-3,
            "without over-dispersion it is the binomial: {plain}"
        );
    }
}
