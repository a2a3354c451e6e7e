//! Splits a change of a total ratio into traffic that moved and parts that got worse. Pure.

/// One part of the whole before and after: (bad, all).
pub type Part = ((f64, f64), (f64, f64));

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// What would have changed if only the shares had.
    pub mix: f64,
    /// What would have changed if only the ratios had.
    pub rate: f64,
}

/// Both effects add up to the change of the total; each is weighed with the other's mean, so that
/// neither is favoured. A part that was not there before has its present ratio throughout.
pub fn split(parts: &[Part]) -> Split {
    let before: f64 = parts.iter().map(|((_, n), _)| n).sum();
    let after: f64 = parts.iter().map(|(_, (_, n))| n).sum();
    let mut split = Split { mix: 0.0, rate: 0.0 };
    if before <= 0.0 || after <= 0.0 {
        return split;
    }
    for ((k0, n0), (k1, n1)) in parts {
        let (share0, share1) = (n0 / before, n1 / after);
        let ratio = |k: f64, n: f64, other: f64| if n > 0.0 { k / n } else { other };
        let ratio1 = ratio(*k1, *n1, if *n0 > 0.0 { k0 / n0 } else { 0.0 });
        let ratio0 = ratio(*k0, *n0, ratio1);
        split.mix += (share1 - share0) * (ratio0 + ratio1) / 2.0;
        split.rate += (ratio1 - ratio0) * (share0 + share1) / 2.0;
    }
    split
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_effect_is_told_apart() {
        let moved = [((10.0, 100.0), (90.0, 900.0)), ((450.0, 900.0), (50.0, 100.0))];
        let worse = [((10.0, 100.0), (30.0, 100.0)), ((10.0, 100.0), (30.0, 100.0))];
        let arrived = [((10.0, 100.0), (10.0, 100.0)), ((0.0, 0.0), (50.0, 100.0))];
        for (parts, mix, rate) in [(moved, -0.32, 0.0), (worse, 0.0, 0.2), (arrived, 0.2, 0.0)] {
            let split = split(&parts);
            assert!((split.mix - mix).abs() < 1e-9 && (split.rate - rate).abs() < 1e-9, "{split:?}");
        }
        assert_eq!(split(&[]), Split { mix: 0.0, rate: 0.0 });
    }

    #[test]
    fn the_effects_add_up() {
        let parts = [((5.0, 70.0), (33.0, 90.0)), ((4.0, 10.0), (1.0, 200.0)), ((9.0, 20.0), (3.0, 5.0))];
        let total = |after: bool| {
            let pick = |part: &Part| if after { part.1 } else { part.0 };
            parts.iter().map(|part| pick(part).0).sum::<f64>()
                / parts.iter().map(|part| pick(part).1).sum::<f64>()
        };
        let split = split(&parts);
        assert!((split.mix + split.rate - (total(true) - total(false))).abs() < 1e-12);
    }
}
