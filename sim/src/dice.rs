//! Chance by seed: the same seed gives the same host, byte for byte. Knows nothing of mail.

/// A small generator (xoshiro256++ seeded by splitmix64).
#[derive(Clone, Debug)]
pub struct Dice {
    state: [u64; 4],
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        let mut x = seed;
        let state = std::array::from_fn(|_| {
            x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
            mix(x)
        });
        Self { state }
    }

    /// An independent stream, so that one part's draws do not move another's.
    pub fn branch(&self, name: u64) -> Self {
        let [a, b, c, d] = self.state;
        Self::new(a ^ b.rotate_left(13) ^ c.rotate_left(29) ^ d ^ mix(name))
    }

    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let out = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let t = b << 17;
        let c = c ^ a;
        let d = d ^ b;
        let b = b ^ c;
        let a = a ^ d;
        self.state = [a, b, c ^ t, d.rotate_left(45)];
        out
    }

    /// 0 <= x < 1
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// 0 <= n < limit (0 for a limit of 0).
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(limit)) >> 64) as u64
    }

    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).max(1) as u64) as i64
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }

    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// How many arrivals in one step, given the mean: exact for small means, normal for large.
    pub fn arrivals(&mut self, mean: f64) -> u64 {
        if mean <= 0.0 {
            return 0;
        }
        if mean > 60.0 {
            let around: f64 = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
            return (mean + around * mean.sqrt()).round().max(0.0) as u64;
        }
        let floor = (-mean).exp();
        let (mut n, mut product) = (0, self.unit());
        while product > floor {
            n += 1;
            product *= self.unit();
        }
        n
    }
}

/// A well mixed number from any number.
pub fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_draws_and_another_seed_others() {
        let draw = |seed| {
            let mut dice = Dice::new(seed);
            (0..8).map(|_| dice.bits()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn arrivals_have_the_mean_they_were_asked_for() {
        for mean in [0.3, 4.0, 200.0] {
            let mut dice = Dice::new(1);
            let n = 20_000;
            let sum: u64 = (0..n).map(|_| dice.arrivals(mean)).sum();
            let seen = sum as f64 / f64::from(n);
            assert!((seen - mean).abs() < mean.sqrt() * 0.05, "{mean}: {seen}");
        }
    }
}
