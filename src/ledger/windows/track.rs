//! Counts of one thing over eight hours, finer the younger they are. It knows no provider.

/// Ten seconds of event time, counted from the epoch.
pub type Step = u32;

pub(super) const STEP_SECONDS: i64 = 10;
const MINUTE: Step = 6;
pub(super) const BUCKET: Step = 30;

/// How far back each resolution reaches. The extra over ten minutes, one hour and eight hours is
/// room for records that run ahead of what is judged.
const FINE_REACH: Step = 25 * MINUTE;
const MINUTE_REACH: Step = 90 * MINUTE;
pub(super) const REACH: Step = (8 * 60 + 30) * MINUTE;

/// Steps more than after the last merging before the next.
const SPARE: u32 = 48;

/// Which resolution a step is kept at, given the newest step of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Horizon {
    /// From here on every step stands alone.
    pub fine: Step,
    /// From here on every minute does; older ones are five-minute buckets.
    pub minute: Step,
    /// Older ones are gone.
    pub oldest: Step,
}

impl Horizon {
    pub(super) fn of(newest: Step) -> Horizon {
        Horizon {
            fine: newest.saturating_sub(FINE_REACH) / MINUTE * MINUTE,
            minute: newest.saturating_sub(MINUTE_REACH) / BUCKET * BUCKET,
            oldest: newest.saturating_sub(REACH) / BUCKET * BUCKET,
        }
    }

    /// The last step of the group that a step belongs to.
    pub(super) fn group(self, step: Step) -> Step {
        let size = if step >= self.fine {
            1
        } else if step >= self.minute {
            MINUTE
        } else {
            BUCKET
        };
        step / size * size + (size - 1)
    }
}

/// No step of any record.
const NEVER: Step = Step::MAX;

/// Each step stands with the sum of everything up to and with it, so that any window is two
/// look-ups. A merged group stands under its last step. Sums wrap; only differences are ever used.
#[derive(Debug, Clone)]
pub(super) struct Track {
    /// The newest step, at hand for the records that keep coming; `NEVER` while there is none.
    last: Step,
    /// The sum up to and with it.
    sum: u32,
    /// The sum before the first step.
    base: u32,
    /// Number of steps beyond which merging is worth while again.
    full_at: u32,
    /// The steps before the newest.
    older: Vec<(Step, u32)>,
}

impl Default for Track {
    fn default() -> Track {
        Track { last: NEVER, sum: 0, base: 0, full_at: 0, older: Vec::new() }
    }
}

impl Track {
    #[inline]
    pub(super) fn add(&mut self, step: Step, count: u32, newest: Step) {
        if self.last == step {
            self.sum = self.sum.wrapping_add(count);
        } else {
            self.add_other(step, count, newest);
        }
    }

    /// The first count of a step, or a late one.
    fn add_other(&mut self, step: Step, count: u32, newest: Step) {
        if self.last != NEVER {
            if self.last > step {
                return self.add_late(step, count);
            }
            if self.older.len() == self.older.capacity() {
                // Not twice as much: there are thousands of tracks.
                self.older.reserve_exact(4 + self.older.len() / 4);
            }
            self.older.push((self.last, self.sum));
        }
        (self.last, self.sum) = (step, self.sum.wrapping_add(count));
        if self.older.len() >= self.full_at as usize {
            self.merge(Horizon::of(newest));
        }
    }

    fn add_late(&mut self, step: Step, count: u32) {
        let place = self.older.partition_point(|(at, _)| *at < step);
        if self.older.get(place).is_none_or(|(at, _)| *at != step) {
            let before = self.before(place);
            self.older.insert(place, (step, before));
        }
        for (_, sum) in self.older.iter_mut().skip(place) {
            *sum = sum.wrapping_add(count);
        }
        self.sum = self.sum.wrapping_add(count);
    }

    fn before(&self, place: usize) -> u32 {
        place.checked_sub(1).and_then(|place| self.older.get(place)).map_or(self.base, |(_, sum)| *sum)
    }

    /// What was counted in the steps `from..to`.
    #[inline]
    pub(super) fn sum(&self, from: Step, to: Step) -> u32 {
        // Most windows that are asked for are the newest, of somebody who was silent in them.
        if to <= from || self.last < from || self.last == NEVER {
            return 0;
        }
        let high = if self.last < to { self.sum } else { self.before_step(to) };
        high.wrapping_sub(self.before_step(from))
    }

    /// The sum before a step that is not later than the newest.
    fn before_step(&self, step: Step) -> u32 {
        match self.older.last() {
            Some((at, sum)) if *at < step => *sum,
            _ => self.before(self.older.partition_point(|(at, _)| *at < step)),
        }
    }

    pub(super) fn merge(&mut self, horizon: Horizon) {
        if self.last != NEVER {
            self.older.push((self.last, self.sum));
        }
        let gone = self.older.partition_point(|(at, _)| *at < horizon.oldest);
        if let Some((_, sum)) = self.older.drain(..gone).next_back() {
            self.base = sum;
        }
        for (at, _) in &mut self.older {
            *at = horizon.group(*at);
        }
        self.older.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = next.1;
            }
            same
        });
        self.full_at = u32::try_from(self.older.len()).unwrap_or(u32::MAX).saturating_add(SPARE);
        (self.last, self.sum) = self.older.pop().unwrap_or((NEVER, self.base));
        self.older.shrink_to(self.older.len() + self.older.len() / 8);
    }

    /// Entries from `from` on as (step, count), oldest first.
    pub(super) fn counts_from(&self, from: Step) -> impl Iterator<Item = (Step, u32)> + '_ {
        let place = self.older.partition_point(|(at, _)| *at < from);
        let mut before = self.before(place);
        let newest = (self.last >= from && self.last != NEVER).then_some((self.last, self.sum));
        self.older.iter().skip(place).copied().chain(newest).map(move |(at, sum)| {
            let count = sum.wrapping_sub(before);
            before = sum;
            (at, count)
        })
    }

    pub(super) fn newest(&self) -> Option<Step> {
        (self.last != NEVER).then_some(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the order of arrival, aligned windows give the plain count.
        #[test]
        fn windows_are_exact_in_any_order(mut steps in prop::collection::vec(90_000u32..93_000, 1..400), shift in 0usize..50) {
            let newest = *steps.iter().max().unwrap();
            let mut track = Track::default();
            let mut high = 0;
            let turn = shift.min(steps.len() - 1);
            steps.rotate_left(turn);
            for step in &steps {
                high = high.max(*step);
                track.add(*step, 1, high);
            }
            track.merge(Horizon::of(newest));
            let end = newest + 1;
            for (length, size) in [(3u32, 1u32), (60, 1), (90, 6), (360, 6), (720, 30), (2_880, 30)] {
                let from = end.saturating_sub(length) / size * size;
                let plain = steps.iter().filter(|step| (from..end).contains(step)).count();
                prop_assert_eq!(track.sum(from, end) as usize, plain);
            }
        }
    }

    #[test]
    fn a_busy_day_stays_small() {
        let mut track = Track::default();
        for step in 0..8_640 {
            track.add(step, 5, step);
        }
        assert!(track.older.len() < 420, "{}", track.older.len());
        assert_eq!(track.sum(8_640 - 2_880, 8_640), 14_400);
        assert_eq!(track.counts_from(8_637).collect::<Vec<_>>(), [(8_637, 5), (8_638, 5), (8_639, 5)]);
    }
}
