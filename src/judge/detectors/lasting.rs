//! Whether trouble goes on and for how long it has, from when its refusals came and what was
//! delivered since. Decides for one series; knows neither reasons nor who is told.

use super::reasons::{Hit, PENDING, PENDING_LOUD, View, start};
use crate::ledger::baseline::Life;
use crate::record::Seconds;

/// Shorter stretches say nothing about whether it goes on.
const LATELY: Seconds = 120;
/// The longest stretch of last attempts that may show that it has healed, and the odds that say
/// so: e to the third.
const TAIL: Seconds = 300;
const HEALED: f64 = 3.0;

/// The odds that it had healed and began anew, looked for in its whole past: e to the tenth.
const ANEW: f64 = 10.0;
/// How far back that is looked for.
const PAST: Seconds = 28_800;

/// Whether it goes on, and for how long it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lasting {
    /// It has healed just now, or too few come to say.
    Over,
    /// Refusals still come.
    Fresh,
    /// They have come all through the shorter wait, and all through the longer one.
    Short,
    Long,
}

/// What is known of one series up to now.
#[derive(Clone, Copy)]
pub struct Past<'a> {
    pub view: &'a View<'a>,
    pub life: &'a Life,
    pub at: Seconds,
}

impl Past<'_> {
    pub fn lasting(self, hit: &Hit) -> Lasting {
        if !self.is_fresh(hit) {
            return Lasting::Over;
        }
        match (self.is_steady(hit, PENDING), self.is_steady(hit, PENDING_LOUD)) {
            (true, _) => Lasting::Long,
            (false, true) => Lasting::Short,
            (false, false) => Lasting::Fresh,
        }
    }

    /// When it began: where the sum of evidence left 0, or later, where refusals came again after so
    /// many deliveries that it had healed in between. Bursts of every hour are not one trouble of many
    /// hours. 0 without a sum of evidence.
    pub fn since(self, usual: f64) -> Seconds {
        let Past { view, life, at } = self;
        let from = life.cusum_since.max(at - PAST);
        let (k, n) = view.counts(from, at);
        let bad = k as f64 / n.max(1) as f64;
        if life.cusum_since == 0 || bad <= usual {
            return life.cusum_since;
        }
        let (mut since, mut healed, mut end) = (Some(from), 0.0_f64, from);
        while end < at {
            let begin = end;
            end = next_edge(begin, at);
            let (k, n) = view.counts(begin, end);
            healed = (healed - evidence((k, n), bad, usual)).max(0.0);
            if healed >= ANEW {
                since = None;
            }
            if k > 0 && since.is_none() {
                (since, healed) = (Some(begin), 0.0);
            }
        }
        since.unwrap_or(from)
    }

    fn from(self, window: Seconds) -> Seconds {
        start(self.at, window, self.life.floor)
    }

    fn hits(self, window: Seconds) -> u64 {
        self.view.hits(self.from(window), self.at)
    }

    /// Whether refusals still come at a third of their pace since it began, or more: over as many
    /// seconds as five of them took, so that neither little mail is taken for an end nor one late
    /// refusal for more of the same. Deliveries since the last refusals end it sooner.
    fn is_fresh(self, hit: &Hit) -> bool {
        let pace = self.pace(hit);
        let lately = ((5.0 / pace.max(1e-9)).min(3_600.0) as Seconds).max(LATELY);
        let seen = self.hits(lately) as f64;
        // None for as long as three of them took: then it may be over.
        let pause = ((3.0 / pace.max(1e-9)).min(3_600.0) as Seconds).max(LATELY);
        seen * 3.0 >= pace * lately as f64 && self.hits(pause) > 0 && !self.has_healed(hit)
    }

    /// For how long it has been going on within the window that convinced.
    fn length(self, hit: &Hit) -> Seconds {
        hit.window.min(self.at - hit.since).max(LATELY)
    }

    /// Refusals a second since it began.
    fn pace(self, hit: &Hit) -> f64 {
        hit.k as f64 / self.length(hit) as f64
    }

    /// Whether the last attempts are far likelier under what is usual than under what was seen since
    /// it began: mail gets through again, and waiting longer would only add refusals that are history.
    fn has_healed(self, hit: &Hit) -> bool {
        let length = self.length(hit);
        let counts = |window| self.view.counts(self.from(window), self.at);
        let (k, n) = counts(length);
        let bad = k as f64 / n.max(1) as f64;
        (3..=TAIL.min(length / 2) / 10)
            .any(|steps| evidence(counts(steps * 10), bad, hit.usual.mean) < -HEALED)
    }

    /// Whether refusals were coming from the first third of the wait on: one stray refusal a while
    /// before a burst does not make the burst older.
    fn is_steady(self, hit: &Hit, wait: Seconds) -> bool {
        let pace = self.pace(hit);
        let wait = wait.max((10.0 / pace.max(1e-9)).min(3_600.0) as Seconds);
        let from = self.from(wait);
        let third = (self.at - from) / 30 * 10;
        self.view.hits(from, from + third) as f64 * 2.0 >= pace * third as f64
    }
}

/// The end of the stretch that begins at `begin`, as fine as the windows still hold it.
fn next_edge(begin: Seconds, at: Seconds) -> Seconds {
    let grain = match at - begin {
        ..=1_200 => 10,
        1_201..=5_100 => 60,
        _ => 300,
    };
    ((begin.div_euclid(grain) + 1) * grain).min(at)
}

/// How much likelier the attempts are under what was seen than under what is usual, as a logarithm.
fn evidence((k, n): (u64, u64), bad: f64, usual: f64) -> f64 {
    let (bad, usual) = (bad.clamp(0.001, 0.98), usual.clamp(0.001, 0.98));
    let refused = k as f64 * (bad / usual).ln();
    refused + n.saturating_sub(k) as f64 * ((1.0 - bad) / (1.0 - usual)).ln()
}
