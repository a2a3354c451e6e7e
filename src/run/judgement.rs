//! Windows, baselines, replies and bench in step with event time: the same for a live run and a replay.

use crate::classify::{Answer, Word};
use crate::judge::detectors::replies;
use crate::judge::{Bench, STEP, Surroundings};
use crate::ledger::{Baselines, Repertoire, Windows};
use crate::record::{Delivery, Finding, Seconds};

/// After a longer silence the windows are empty: there is no use in judging each step of it,
/// unless a finding waits for its end.
const LONGEST: Seconds = 9 * 3_600;
/// How far records may run ahead of what is judged before the windows lose their finest grain.
const AHEAD: Seconds = 1_200;

/// Whose replies are kept together: those of all who have no windows of their own.
const OTHERS: &str = "other";

pub struct Judgement<'l> {
    pub windows: Windows,
    pub baselines: Baselines,
    pub repertoire: Repertoire<'l>,
    bench: Bench,
    /// The end of the last step that was judged, 0 before the first.
    judged: Seconds,
}

impl<'l> Judgement<'l> {
    pub fn new(
        windows: Windows,
        baselines: Baselines,
        repertoire: Repertoire<'l>,
        bench: Bench,
        judged: Seconds,
    ) -> Judgement<'l> {
        Judgement { windows, baselines, repertoire, bench, judged }
    }

    /// What is known of the host from here on.
    pub fn see(&mut self, around: Surroundings) {
        self.bench.see(around);
    }

    /// Counts a record in the windows, and its reply, whose normalised text is `text`. A reader that is far behind hands over long stretches at
    /// once; they are judged on the way, while their seconds can still be told apart.
    pub fn record(
        &mut self,
        provider: Word<'_>,
        named: bool,
        record: &Delivery<'_>,
        (answer, text): (Option<&Answer>, &str),
        changes: &mut Vec<Finding>,
    ) {
        if self.judged == 0 {
            self.judged = record.logged.div_euclid(STEP) * STEP;
        }
        if record.logged > self.judged + AHEAD && self.windows.believes(record.logged) {
            self.until(record.logged - AHEAD, changes);
        }
        self.windows.record(provider, named, record, answer);
        if let Some(answer) = answer
            && self.windows.believes(record.logged)
        {
            let known = named || self.windows.find(provider).is_some();
            let holder = if known { provider.text } else { OTHERS };
            self.repertoire.note(holder, answer, text, record.logged);
        }
    }

    /// Judges every step that ends at or before `time`, in order, each once.
    pub fn until(&mut self, time: Seconds, changes: &mut Vec<Finding>) {
        let last = time.div_euclid(STEP) * STEP;
        if self.judged == 0 {
            self.judged = last - STEP;
        }
        while self.judged < last {
            let mut step = self.judged + STEP;
            if step < last - LONGEST && !self.is_waiting() {
                step = last - LONGEST;
            }
            changes.extend(self.bench.step(step, &self.windows, &mut self.baselines));
            let named = |name: &str| {
                self.windows
                    .find(name)
                    .and_then(|key| self.windows.provider(key))
                    .is_some_and(|row| row.named)
            };
            changes.extend(replies::step(&mut self.repertoire, step, &named));
            self.judged = step;
        }
    }

    pub fn judged(&self) -> Seconds {
        self.judged
    }

    /// Whether the mere passing of time can change something.
    pub fn is_waiting(&self) -> bool {
        self.bench.is_waiting(&self.baselines)
    }

    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.bench.findings().chain(self.repertoire.open())
    }
}
