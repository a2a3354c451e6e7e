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

/// Entries are (step, sum of everything up to and with it), so that any window is two look-ups.
/// A merged group stands under its last step. Sums wrap; only differences are ever used.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    entries: Vec<(Step, u32)>,
    /// The sum before the first entry.
    base: u32,
    /// Length at which merging is worth while again.
    full_at: usize,
}

impl Track {
    #[inline]
    pub(super) fn add(&mut self, step: Step, count: u32, newest: Step) {
        match self.entries.last_mut() {
            Some((last, sum)) if *last == step => *sum = sum.wrapping_add(count),
            _ => self.add_other(step, count, newest),
        }
    }

    /// The first count of a step, or a late one.
    fn add_other(&mut self, step: Step, count: u32, newest: Step) {
        let (last, before) = self.entries.last().copied().unwrap_or((0, self.base));
        if last > step {
            return self.add_late(step, count);
        }
        self.entries.push((step, before.wrapping_add(count)));
        if self.entries.len() > self.full_at {
            self.merge(Horizon::of(newest));
        }
    }

    fn add_late(&mut self, step: Step, count: u32) {
        let place = self.entries.partition_point(|(at, _)| *at < step);
        if self.entries.get(place).is_none_or(|(at, _)| *at != step) {
            let before = self.before(place);
            self.entries.insert(place, (step, before));
        }
        for (_, sum) in self.entries.iter_mut().skip(place) {
            *sum = sum.wrapping_add(count);
        }
    }

    fn before(&self, place: usize) -> u32 {
        place.checked_sub(1).and_then(|place| self.entries.get(place)).map_or(self.base, |(_, sum)| *sum)
    }

    /// What was counted in the steps `from..to`.
    pub(super) fn sum(&self, from: Step, to: Step) -> u32 {
        if to <= from {
            return 0;
        }
        let low = self.before(self.entries.partition_point(|(at, _)| *at < from));
        let high = self.before(self.entries.partition_point(|(at, _)| *at < to));
        high.wrapping_sub(low)
    }

    pub(super) fn merge(&mut self, horizon: Horizon) {
        let gone = self.entries.iter().take_while(|(at, _)| *at < horizon.oldest);
        let (gone, base) = gone.fold((0, self.base), |(gone, _), (_, sum)| (gone + 1, *sum));
        self.base = base;
        let mut kept: Vec<(Step, u32)> = Vec::with_capacity((self.entries.len() - gone) / 2 + 16);
        for (at, sum) in self.entries.drain(..).skip(gone) {
            let group = horizon.group(at);
            match kept.last_mut() {
                Some((last, held)) if *last == group => *held = sum,
                _ => kept.push((group, sum)),
            }
        }
        self.entries = kept;
        self.full_at = self.entries.len() + 48;
    }

    /// Entries from `from` on as (step, count), oldest first.
    pub(super) fn counts_from(&self, from: Step) -> impl Iterator<Item = (Step, u32)> + '_ {
        let place = self.entries.partition_point(|(at, _)| *at < from);
        let mut before = self.before(place);
        self.entries.iter().skip(place).map(move |(at, sum)| {
            let count = sum.wrapping_sub(before);
            before = *sum;
            (*at, count)
        })
    }

    pub(super) fn newest(&self) -> Option<Step> {
        self.entries.last().map(|(at, _)| *at)
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
        assert!(track.entries.len() < 420, "{}", track.entries.len());
        assert_eq!(track.sum(8_640 - 2_880, 8_640), 14_400);
        assert_eq!(track.counts_from(8_637).collect::<Vec<_>>(), [(8_637, 5), (8_638, 5), (8_639, 5)]);
    }
}
