//! The tail test on pooled windows: is this ratio worse than it ever is? Decides for one series;
//! knows neither words nor who is told.

use super::lasting::{Lasting, Past};
use crate::judge::signal::Strictness;
use crate::judge::theory::beta_binomial;
use crate::ledger::baseline::{Life, Series};
use crate::ledger::windows::{Channel, Key, Windows};
use crate::record::Seconds;

/// Beyond this difference nobody waits for a second look.
const BLATANT: f64 = 0.35;
pub(super) const PENDING: Seconds = 600;
/// How long what is beyond all doubt has to last, and the power of the usual odds that says so.
pub(super) const PENDING_LOUD: Seconds = 300;
const LOUD: f64 = 3.0;
/// From this window on a few refusals too many may do, if the ratio and the odds are far worse
/// than a crowd of them would need: one in ten to the fifth of the usual odds.
const FEW_WINDOW: Seconds = 1_800;
const FEW_EVIDENCE: f64 = 11.5;
/// Logarithm of the odds that a trickle of hard refusals must reach: one in ten to the twelfth.
const TRICKLE_EVIDENCE: f64 = 27.0;
const CLEAR_FOR: Seconds = 900;

/// The counts of one series.
pub struct View<'a> {
    pub windows: &'a Windows,
    pub key: Key,
    pub hits: &'a [Channel],
    pub whole: &'a [Channel],
}

impl View<'_> {
    pub fn counts(&self, from: Seconds, to: Seconds) -> (u64, u64) {
        let sum = |channels| self.windows.sum_of(self.key, channels, from, to);
        (sum(self.hits), sum(self.whole))
    }

    pub fn hits(&self, from: Seconds, to: Seconds) -> u64 {
        self.windows.sum_of(self.key, self.hits, from, to)
    }
}

/// What is usual for the series now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    pub mean: f64,
    pub rho: f64,
    /// Campaign allowance on the factor, 1 when there is none.
    pub allowance: f64,
}

/// Where what is usual comes from.
pub enum Source<'a> {
    Baseline(Usual),
    /// No baseline yet: what the provider did since `born` has to serve.
    Young {
        born: Seconds,
        life: &'a Life,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    pub window: Seconds,
    pub k: u64,
    pub n: u64,
    pub usual: Usual,
    /// Logarithm of the odds against so many.
    pub odds: f64,
    /// Nothing to compare with: the ratio alone is bad enough.
    pub absolute: bool,
    pub lasting: Lasting,
    /// When it began, by the sum of evidence; 0 without one.
    pub since: Seconds,
}

/// The beginning of a window, at the resolution the windows are kept in, not before `floor`.
pub fn start(at: Seconds, window: Seconds, floor: Seconds) -> Seconds {
    let grain = match window {
        ..=600 => 10,
        601..=3_600 => 60,
        _ => 300,
    };
    let from = (at - window).div_euclid(grain) * grain;
    if floor > from { (floor + grain - 1).div_euclid(grain) * grain } else { from }
}

/// One series at one moment, and all that it is judged by.
pub struct Look<'a> {
    pub view: &'a View<'a>,
    pub strict: &'a Strictness,
    pub life: &'a Life,
    pub source: &'a Source<'a>,
    pub at: Seconds,
}

impl Look<'_> {
    /// The shortest window that convinces.
    pub fn hit(&self) -> Option<Hit> {
        let strict = self.strict;
        let longest = strict.windows.last().copied().unwrap_or(0);
        let most = self.view.hits(self.from(longest), self.at);
        let least = if strict.at_once { 0.0 } else { strict.excess_long.min(strict.excess_few) };
        if most < strict.fewest || (most as f64) < least {
            return None;
        }
        let found = strict.windows.iter().find_map(|window| self.in_window(*window));
        found.or_else(|| self.at_once()).or_else(|| self.trickle())
    }

    fn from(&self, window: Seconds) -> Seconds {
        start(self.at, window, self.life.floor)
    }

    fn counts(&self, window: Seconds) -> (u64, u64) {
        self.view.counts(self.from(window), self.at)
    }

    fn in_window(&self, window: Seconds) -> Option<Hit> {
        let from = self.from(window);
        if from >= self.at || self.view.hits(from, self.at) < self.strict.fewest {
            return None;
        }
        let (k, n) = self.view.counts(from, self.at);
        let (usual, absolute) = match self.source {
            Source::Baseline(usual) => (*usual, false),
            Source::Young { born, life } => self.young(*born, life, from, (k, n))?,
        };
        let odds = self.convinces(window, (k, n), usual);
        let convinced = odds.is_some() && self.still_bad(usual.mean);
        (absolute || convinced).then(|| {
            let past = Past { view: self.view, life: self.life, at: self.at };
            let since = past.since(usual.mean);
            let odds = odds.unwrap_or(0.0);
            let hit = Hit { window, k, n, usual, odds, absolute, lasting: Lasting::Over, since };
            Hit { lasting: past.lasting(&hit), ..hit }
        })
    }

    /// A hit that needs no window to have lasted.
    fn plain(&self, window: Seconds, (k, n): (u64, u64), usual: Usual, odds: f64) -> Hit {
        let past = Past { view: self.view, life: self.life, at: self.at };
        let since = past.since(usual.mean);
        Hit { window, k, n, usual, odds, absolute: false, lasting: Lasting::Long, since }
    }

    /// What never happens, and needs no statistics when it does: a handful within the hour, if it is
    /// not lost among much mail.
    fn at_once(&self) -> Option<Hit> {
        let Source::Baseline(usual) = self.source else { return None };
        let strict = self.strict;
        if !strict.at_once || usual.mean > 2.0 * strict.prior.floor {
            return None;
        }
        [300, 3_600].into_iter().find_map(|window| {
            let (k, n) = self.counts(window);
            let enough = k >= strict.fewest && k as f64 / n as f64 - usual.mean >= strict.delta;
            enough.then(|| self.plain(window, (k, n), *usual, -strict.alpha_ln.abs()))
        })
    }

    /// A domain with a handful of messages a day that all fail: no window holds enough of them, but
    /// the sum of evidence does.
    fn trickle(&self) -> Option<Hit> {
        let Source::Baseline(usual) = self.source else { return None };
        if !self.strict.hard || self.life.cusum < TRICKLE_EVIDENCE {
            return None;
        }
        let window = self.strict.windows.last().copied().unwrap_or(0);
        let (k, n) = self.counts(window);
        let rise = k as f64 / n.max(1) as f64 - usual.mean;
        (k >= 3 && rise >= 0.5).then(|| self.plain(window, (k, n), *usual, -TRICKLE_EVIDENCE))
    }

    /// The logarithm of the odds against so many, if they convince.
    fn convinces(&self, window: Seconds, (k, n): (u64, u64), usual: Usual) -> Option<f64> {
        let (strict, young) = (self.strict, matches!(self.source, Source::Young { .. }));
        let (hits, all, mean) = (k as f64, n as f64, usual.mean);
        let (excess, rise) = (hits - all * mean, hits / all - mean);
        let few = excess < if window >= 3_600 { strict.excess_long } else { strict.excess };
        if few && (young || window < FEW_WINDOW || excess < strict.excess_few || rise < strict.rise_few) {
            return None;
        }
        let allowance = if strict.hard { 1.0 } else { usual.allowance };
        // A guess of what is usual has to be contradicted more loudly.
        let delta = if young { strict.delta.max(0.08) } else { strict.delta };
        if rise < delta || hits / all < strict.factor * allowance * mean {
            return None;
        }
        let odds = beta_binomial::ln_tail(k, n, mean, usual.rho);
        let needed = if few { strict.alpha_ln - FEW_EVIDENCE } else { strict.alpha_ln };
        (odds < needed).then_some(odds)
    }

    /// The worst may be over although a long window still shows it.
    fn still_bad(&self, mean: f64) -> bool {
        let (mut k, mut n) = self.counts(300);
        if n < 5 {
            (k, n) = self.counts(900);
        }
        let (delta, factor) = (self.strict.delta, self.strict.factor);
        n < 5 || k as f64 / n as f64 - mean >= 0.5 * delta.max((factor - 1.0) * mean)
    }

    /// What is usual when there is no baseline: the time from the first record to a minute before the
    /// window. `None` when that is too little to judge by.
    fn young(&self, born: Seconds, life: &Life, from: Seconds, (k, n): (u64, u64)) -> Option<(Usual, bool)> {
        if !life.is_quiet() {
            return Some((Usual { mean: life.expected, rho: life.dispersion, allowance: 1.0 }, false));
        }
        let first = born.max(self.life.floor);
        let begin = if self.at - born < 3_600 { first } else { start(self.at, 28_800, first) };
        let end = (from - 60).div_euclid(60) * 60;
        let (k0, n0) = if end > begin { self.view.counts(begin, end) } else { (0, 0) };
        if end - begin >= 300 && n0 >= 100 {
            let mean = ((k0 as f64 + 0.5) / (n0 as f64 + 10.0)).clamp(0.005, 0.9);
            return Some((Usual { mean, rho: 0.008, allowance: 1.0 }, false));
        }
        // Seen only since a few minutes, and most of it fails.
        let blatant = self.at - from >= 300 && k >= 100 && k * 2 >= n;
        blatant.then_some((Usual { mean: 0.05, rho: 0.01, allowance: 1.0 }, true))
    }
}

/// Whether the ratio is back to what is usual, over the last ten minutes or, with little mail,
/// the last hour.
pub fn is_calm(view: &View<'_>, strict: &Strictness, usual: Usual, at: Seconds) -> bool {
    let (mut k, mut n) = view.counts(start(at, 600, 0), at);
    if n < 20 {
        (k, n) = view.counts(start(at, 3_600, 0), at);
    }
    let factor = strict.factor * if strict.hard { 1.0 } else { usual.allowance };
    n == 0 || k as f64 / n as f64 - usual.mean <= 0.5 * strict.delta.max((factor - 1.0) * usual.mean)
}

/// What became of a series in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    None,
    Fires,
    Ends,
}

/// Moves the life of a series on by one step.
pub fn advance(life: &mut Life, strict: &Strictness, hit: Option<&Hit>, calm: bool, at: Seconds) -> Change {
    if let Some(hit) = hit {
        if life.is_quiet() {
            life.pending_since = at;
            life.expected = hit.usual.mean;
            life.dispersion = hit.usual.rho;
        }
        life.last_hit = at;
    }
    if life.firing_since != 0 {
        if !calm {
            life.clear_since = 0;
            return Change::None;
        }
        if life.clear_since == 0 {
            life.clear_since = at;
        }
        if at - life.clear_since < CLEAR_FOR {
            return Change::None;
        }
        end(life, at);
        return Change::Ends;
    }
    match hit {
        Some(hit) if is_sure(life, strict, hit, at) => {
            life.firing_since = at;
            life.clear_since = 0;
            return Change::Fires;
        }
        None if life.pending_since != 0 && at - life.last_hit >= PENDING => life.pending_since = 0,
        _ => {}
    }
    Change::None
}

/// Whether a hit need not wait any longer. What is known for bursts that heal themselves has to
/// have lasted, however loud it is, and so has what is only a few.
fn is_sure(life: &Life, strict: &Strictness, hit: &Hit, at: Seconds) -> bool {
    let rise = hit.k as f64 / hit.n as f64 - hit.usual.mean;
    let since = match life.cusum_since {
        0 => life.pending_since,
        known => life.pending_since.min(known).max(hit.since),
    };
    let lasted = |seconds: Seconds| {
        let least = if seconds == PENDING { Lasting::Long } else { Lasting::Short };
        hit.lasting >= least && at - since >= seconds
    };
    if strict.patient {
        return hit.absolute || lasted(PENDING);
    }
    if strict.hard {
        return true;
    }
    if hit.k as f64 - hit.n as f64 * hit.usual.mean < strict.excess {
        return lasted(PENDING_LOUD);
    }
    let loud = hit.odds < LOUD * strict.alpha_ln;
    rise >= BLATANT || hit.window >= 1_800 || lasted(if loud { PENDING_LOUD } else { PENDING })
}

/// Ends an episode: later windows do not reach back into it.
pub fn end(life: &mut Life, at: Seconds) {
    life.pending_since = 0;
    life.firing_since = 0;
    life.clear_since = 0;
    life.floor = at;
}

/// What is usual by the baseline, for the campaign allowance with the volume of the last half hour.
pub fn usual(
    series: &Series,
    strict: &Strictness,
    at: Seconds,
    offset_minutes: i16,
    volume: (f64, f64),
) -> Usual {
    let (half_hour, per_bucket) = volume;
    let surge = if per_bucket > 0.0 { half_hour / (6.0 * per_bucket) / 1.5 } else { 1.0 };
    Usual {
        mean: series.expected(strict.prior, at, offset_minutes),
        rho: series.dispersion(),
        allowance: surge.clamp(1.0, 2.0),
    }
}

#[cfg(test)]
#[path = "reasons_tests.rs"]
mod tests;
