//! A measurement's K slots: who has a series of his own and who is counted in `other`. It knows
//! keys and columns, not what they mean.

mod saved;

pub(super) use saved::SCHEMA;

use super::key::{Key, Places};
use super::sketch::Sketch;
use crate::classify::Word;
use crate::record::Seconds;
use std::collections::BTreeMap;

/// The seat of everything that has none of its own.
pub const OTHER: usize = 0;

/// Records in the sketch before a key takes a slot when most are taken.
const RECORDS_TO_EARN: u64 = 100;
/// A slot without a record for so long is given up.
const IDLE: Seconds = 7 * 86_400;
const HOUR: Seconds = 3_600;

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
    index: Places,
    vacant: Vec<usize>,
    /// Rises when seats change hands.
    generation: u64,
    /// Given up since the last save, with their totals.
    given_up: BTreeMap<Box<str>, (Seat, Vec<i64>)>,
    /// Totals whose key had to be forgotten: never printed, kept so that the sum stays exact.
    forgotten: Vec<i64>,
    sketch: Sketch,
    /// Where the newest hour of event time ends; `i64::MIN` before the first record.
    hour_end: Seconds,
    book_changed: bool,
}

impl Slots {
    /// An empty book. `book` is its number in the ledger's file, unique among all of them: 1 to 3
    /// are the totals'.
    pub fn new(book: i64, width: usize, most: usize) -> Slots {
        Slots {
            book,
            width,
            most,
            seats: vec![Seat::default()],
            counts: vec![0; width],
            index: Places::default(),
            vacant: Vec::new(),
            generation: 0,
            given_up: BTreeMap::new(),
            forgotten: vec![0; width],
            sketch: Sketch::default(),
            hour_end: i64::MIN,
            book_changed: false,
        }
    }

    /// The seat that this record of `key` counts in: its own, or `OTHER`. `at` is the record's
    /// time, which must not lie in the future (a slot is given up by it).
    pub fn seat<'k>(&mut self, key: impl Into<Word<'k>>, named: bool, at: Seconds) -> usize {
        self.seat_of(Key::one(key.into()), named, at)
    }

    /// The same for a key of two words; its text has a unit separator between them.
    pub fn seat_of_two(&mut self, first: Word<'_>, second: &[u8], named: bool, at: Seconds) -> usize {
        self.seat_of(Key::two(first, second), named, at)
    }

    /// For a seat that `seat` gave in this generation for the same key: the same, without a
    /// look-up. `false` when the seat may have changed hands since.
    pub fn touch_if(&mut self, seat: usize, generation: u64, at: Seconds) -> bool {
        if seat == OTHER || generation != self.generation || at >= self.hour_end {
            return false;
        }
        self.touch(seat, at);
        true
    }

    /// Changes whenever a seat may have got another key.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The seat that holds this key now.
    pub fn find<'k>(&self, key: impl Into<Word<'k>>) -> Option<usize> {
        let key = key.into();
        let seat = self.index.get(&key.hash).copied()?;
        (self.key(seat) == key.text).then_some(seat)
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
            self.index.values().map(|seat| (*seat, self.key(*seat), self.counts(*seat))).collect();
        held.sort_unstable_by_key(|(_, key, _)| *key);
        held
    }

    pub fn other(&self) -> &[i64] {
        self.counts(OTHER)
    }

    /// The newest hour of event time that a record has named.
    pub fn clock(&self) -> Option<Seconds> {
        (self.hour_end != i64::MIN).then(|| self.hour_end.saturating_sub(HOUR))
    }

    fn touch(&mut self, seat: usize, at: Seconds) {
        if let Some(seat) = self.seats.get_mut(seat) {
            seat.last = seat.last.max(at);
        }
    }

    fn seat_of(&mut self, key: Key<'_>, named: bool, at: Seconds) -> usize {
        if at >= self.hour_end {
            self.advance(at);
        }
        let hash = key.hash();
        if let Some(seat) = self.index.get(&hash).copied() {
            // Two keys with one hash: the second stays in `other`.
            if !self.seats.get(seat).is_some_and(|held| key.is(&held.key)) {
                return OTHER;
            }
            self.touch(seat, at);
            return seat;
        }
        // While no slot is free there is nothing to earn; most records on a busy host stop here.
        if self.index.len() >= self.most || !key.is_name() {
            return OTHER;
        }
        match key.mended() {
            None => self.seat_newcomer(hash, &key, named, at),
            Some(second) => self.seat_of(key.with_second(&second), named, at),
        }
    }

    fn seat_newcomer(&mut self, hash: u64, key: &Key<'_>, named: bool, at: Seconds) -> usize {
        let free = self.most.saturating_sub(self.index.len());
        let at_once = named || free * 2 > self.most;
        if at_once || self.sketch.note(hash, key) >= RECORDS_TO_EARN {
            return self.admit(hash, key, at);
        }
        OTHER
    }

    fn admit(&mut self, hash: u64, key: &Key<'_>, at: Seconds) -> usize {
        self.sketch.forget(hash, key);
        let mut text = String::new();
        key.write(&mut text);
        let text = text.into_boxed_str();
        let (mut seat, counts) = self.given_up.remove(&text).unwrap_or_else(|| {
            (Seat { key: text, last: at, changed: true, fresh: true }, vec![0; self.width])
        });
        seat.last = seat.last.max(at);
        seat.changed = true;
        let place = self.vacant.pop().unwrap_or(self.seats.len());
        self.place(place, seat, &counts);
        place
    }

    fn place(&mut self, place: usize, seat: Seat, counts: &[i64]) {
        self.index.insert(Key::read(&seat.key).hash(), place);
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
    #[cold]
    fn advance(&mut self, at: Seconds) {
        self.hour_end = (at.div_euclid(HOUR) + 1).saturating_mul(HOUR);
        self.book_changed = true;
        let oldest = self.hour_end.saturating_sub(HOUR + IDLE);
        let idle: Vec<usize> = (self.index.values().copied())
            .filter(|seat| self.seats.get(*seat).is_some_and(|seat| seat.last < oldest))
            .collect();
        for place in idle {
            let counts = self.counts(place).to_vec();
            if let Some(seat) = self.seats.get_mut(place).map(std::mem::take) {
                self.index.remove(&Key::read(&seat.key).hash());
                self.given_up.insert(seat.key.clone(), (seat, counts));
                self.vacant.push(place);
                self.generation += 1;
            }
        }
    }
}
