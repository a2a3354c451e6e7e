//! A measurement's K slots: who has a series of his own and who is counted in `other`. It knows
//! keys and columns, not what they mean.

mod saved;

pub(super) use saved::DDL;

use super::sketch::Sketch;
use crate::record::Seconds;
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// The seat of everything that has none of its own.
pub const OTHER: usize = 0;

/// Records in the sketch before a key takes a slot when most are taken.
const RECORDS_TO_EARN: u64 = 100;
/// A slot without a record for so long is given up.
const IDLE: Seconds = 7 * 86_400;
const HOUR: Seconds = 3_600;
/// Longer keys are no names of providers or VMTAs; they are counted in `other`.
const LONGEST_KEY: usize = 320;

#[derive(Debug, Clone, Default)]
struct Seat {
    key: Box<str>,
    last: Seconds,
    changed: bool,
    /// Taken since the last save: an earlier total of this key may be resting.
    fresh: bool,
}

/// Counters by key: `width` columns for each of at most K keys, and for `other`.
#[derive(Debug)]
pub struct Slots {
    book: i64,
    width: usize,
    most: usize,
    seats: Vec<Seat>,
    counts: Vec<i64>,
    index: HashMap<Box<str>, usize, FixedState>,
    vacant: Vec<usize>,
    /// Given up since the last save, with their totals.
    given_up: HashMap<Box<str>, (Seat, Vec<i64>), FixedState>,
    /// Totals whose key had to be forgotten: never printed, kept so that the sum stays exact.
    forgotten: Vec<i64>,
    sketch: Sketch,
    /// The newest hour of event time.
    hour: i64,
    book_changed: bool,
}

impl Slots {
    /// An empty book. `book` is its number in the ledger's file, unique among all of them.
    pub fn new(book: i64, width: usize, most: usize) -> Slots {
        Slots {
            book,
            width,
            most,
            seats: vec![Seat::default()],
            counts: vec![0; width],
            index: HashMap::default(),
            vacant: Vec::new(),
            given_up: HashMap::default(),
            forgotten: vec![0; width],
            sketch: Sketch::default(),
            hour: i64::MIN,
            book_changed: false,
        }
    }

    /// The seat that this record of `key` counts in: its own, or `OTHER`. `at` is the record's
    /// time, which must not lie in the future (a slot is given up by it).
    pub fn seat(&mut self, key: &str, named: bool, at: Seconds) -> usize {
        if let Some(seat) = self.index.get(key).copied()
            && at.div_euclid(HOUR) <= self.hour
        {
            self.touch(seat, at);
            return seat;
        }
        self.seat_slowly(key, named, at)
    }

    /// For a seat that is known to belong to the record's key: the same as `seat`, without a
    /// look-up. `false` when the seat may have been given up meanwhile.
    pub fn touch_if(&mut self, seat: usize, key: &str, at: Seconds) -> bool {
        if seat == OTHER || at.div_euclid(HOUR) > self.hour || self.key(seat) != key {
            return false;
        }
        self.touch(seat, at);
        true
    }

    /// Raises a counter; totals stop at the largest number rather than fall.
    pub fn raise(&mut self, seat: usize, column: usize, by: i64) {
        if let Some(count) = self.counts.get_mut(seat * self.width + column) {
            *count = count.saturating_add(by);
            if let Some(seat) = self.seats.get_mut(seat) {
                seat.changed = true;
            }
        }
    }

    /// The key of a seat; empty for `OTHER` and for a vacant one.
    pub fn key(&self, seat: usize) -> &str {
        self.seats.get(seat).map_or("", |seat| &seat.key)
    }

    pub fn counts(&self, seat: usize) -> &[i64] {
        self.counts.get(seat * self.width..(seat + 1) * self.width).unwrap_or_default()
    }

    /// Every held seat with its key and counters, by key.
    pub fn held(&self) -> Vec<(usize, &str, &[i64])> {
        let mut held: Vec<_> =
            self.index.iter().map(|(key, seat)| (*seat, &**key, self.counts(*seat))).collect();
        held.sort_unstable_by_key(|(_, key, _)| *key);
        held
    }

    pub fn other(&self) -> &[i64] {
        self.counts(OTHER)
    }

    /// The newest hour of event time that a record has named.
    pub fn clock(&self) -> Option<Seconds> {
        self.hour.checked_mul(HOUR)
    }

    fn touch(&mut self, seat: usize, at: Seconds) {
        if let Some(seat) = self.seats.get_mut(seat) {
            seat.last = seat.last.max(at);
        }
    }

    #[cold]
    fn seat_slowly(&mut self, key: &str, named: bool, at: Seconds) -> usize {
        self.advance(at);
        if let Some(seat) = self.index.get(key).copied() {
            self.touch(seat, at);
            return seat;
        }
        if !storable(key) {
            return OTHER;
        }
        let free = self.most.saturating_sub(self.index.len());
        if free > 0 && (named || free * 2 > self.most || self.sketch.seen(key) >= RECORDS_TO_EARN) {
            return self.admit(key, at);
        }
        self.sketch.note(key);
        OTHER
    }

    fn admit(&mut self, key: &str, at: Seconds) -> usize {
        self.sketch.forget(key);
        let (mut seat, counts) = self.given_up.remove(key).unwrap_or_else(|| {
            let seat = Seat { key: key.into(), last: at, changed: true, fresh: true };
            (seat, vec![0; self.width])
        });
        seat.last = seat.last.max(at);
        seat.changed = true;
        let place = self.vacant.pop().unwrap_or(self.seats.len());
        self.place(place, seat, &counts);
        place
    }

    fn place(&mut self, place: usize, seat: Seat, counts: &[i64]) {
        self.index.insert(seat.key.clone(), place);
        if let Some(old) = self.seats.get_mut(place) {
            *old = seat;
            if let Some(columns) = self.counts.get_mut(place * self.width..(place + 1) * self.width) {
                columns.copy_from_slice(counts);
            }
        } else {
            self.seats.push(seat);
            self.counts.extend_from_slice(counts);
        }
    }

    /// A new hour of event time: slots idle for seven days are given up. By the records' order
    /// and never by the run, so that any cut into runs gives the same.
    fn advance(&mut self, at: Seconds) {
        let hour = at.div_euclid(HOUR);
        if hour <= self.hour {
            return;
        }
        self.hour = hour;
        self.book_changed = true;
        let oldest = hour * HOUR - IDLE;
        let idle: Vec<usize> = (self.index.values().copied())
            .filter(|seat| self.seats.get(*seat).is_some_and(|seat| seat.last < oldest))
            .collect();
        for place in idle {
            let counts = self.counts(place).to_vec();
            if let Some(seat) = self.seats.get_mut(place).map(std::mem::take) {
                self.index.remove(&seat.key);
                self.given_up.insert(seat.key.clone(), (seat, counts));
                self.vacant.push(place);
            }
        }
    }
}

/// A name of a provider or a VMTA. Anything with an `@` may be an address and is never kept.
fn storable(key: &str) -> bool {
    !key.is_empty() && key.len() <= LONGEST_KEY && !key.contains('@')
}
