//! How evenly something is shared. Pure.

/// Jain's index: 1 when all have the same, 1/n when one has all. `None` when nobody has anything.
pub fn index(shares: &[f64]) -> Option<f64> {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    (squares > 0.0).then(|| sum * sum / (shares.len() as f64 * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_even_to_one_takes_all() {
        for (shares, expected) in
            [(vec![5.0, 5.0, 5.0, 5.0], 1.0), (vec![9.0, 0.0, 0.0], 1.0 / 3.0), (vec![1.0, 3.0], 0.8)]
        {
            assert!((index(&shares).unwrap() - expected).abs() < 1e-12);
        }
        assert_eq!(index(&[0.0, 0.0]), None);
        assert_eq!(index(&[]), None);
    }
}
