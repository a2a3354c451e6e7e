//! The interval of a ratio seen in a sample. Pure.

/// Wilson's score interval at `z` standard deviations; all of 0 to 1 when nothing was seen.
pub fn interval(k: u64, n: u64, z: f64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (k, n) = (k.min(n) as f64, n as f64);
    let ratio = k / n;
    let scale = 1.0 + z * z / n;
    let middle = (ratio + z * z / (2.0 * n)) / scale;
    let half = z / scale * (ratio * (1.0 - ratio) / n + z * z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_intervals() {
        for (k, n, low, high) in
            [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (38, 100, 0.2910, 0.4779), (10, 10, 0.7225, 1.0)]
        {
            let (a, b) = interval(k, n, 1.959_964);
            assert!((a - low).abs() < 2e-4 && (b - high).abs() < 2e-4, "{k} of {n}: {a} {b}");
        }
        assert_eq!(interval(0, 0, 2.0), (0.0, 1.0));
    }
}
