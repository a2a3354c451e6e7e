//! Which of countless keys come often: a fixed-size Space-Saving sketch. It depends on the order
//! of what it is told and on nothing else, so a run may end anywhere.

use super::key::Key;
use super::packing::{Reader, put, put_text};

/// Keys watched at a time; whatever comes more often than once in so many records is found.
const WATCHED: usize = 256;
/// Four times as many: most searches end where they begin.
const ROOM: usize = 4 * WATCHED;

#[derive(Debug, Clone)]
struct Watched {
    key: String,
    hash: u64,
    count: u64,
    /// How much of `count` may belong to keys that had this place before.
    inherited: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Sketch {
    watched: Vec<Watched>,
    places: Places,
    /// No count is below this; where the search for one that equals it goes on.
    least: u64,
    hand: usize,
    changed: bool,
}

impl Sketch {
    /// One more record of this key. Says how many were surely seen before.
    pub(super) fn note(&mut self, hash: u64, key: &Key<'_>) -> u64 {
        self.changed = true;
        if let Some(place) = self.places.find(hash, &self.watched) {
            // Two keys with one hash: the second is never watched, which costs it a slot at worst.
            let watched = self.watched.get_mut(place).filter(|watched| key.is(&watched.key));
            let Some(watched) = watched else { return 0 };
            watched.count += 1;
            return watched.count - 1 - watched.inherited;
        }
        if self.watched.len() < WATCHED {
            let mut text = String::new();
            key.write(&mut text);
            self.watched.push(Watched { key: text, hash, count: 1, inherited: 0 });
            self.places.put(hash, self.watched.len() - 1);
            self.least = 1;
            return 0;
        }
        let place = self.weakest();
        self.places.remove(place, &self.watched);
        if let Some(watched) = self.watched.get_mut(place) {
            key.write(&mut watched.key);
            watched.hash = hash;
            watched.inherited = watched.count;
            watched.count += 1;
        }
        self.places.put(hash, place);
        0
    }

    /// The key has a slot of its own now.
    pub(super) fn forget(&mut self, hash: u64, key: &Key<'_>) {
        let Some(place) = self.places.find(hash, &self.watched) else { return };
        if self.watched.get(place).is_none_or(|watched| !key.is(&watched.key)) {
            return;
        }
        self.changed = true;
        self.watched.swap_remove(place);
        self.places = Places::of(&self.watched);
    }

    /// A place with the least count. Counts only rise, so the hand passes each place once per
    /// rise of `least`: a step on average.
    fn weakest(&mut self) -> usize {
        for _ in 0..2 {
            for _ in 0..self.watched.len() {
                let place = if self.hand < self.watched.len() { self.hand } else { 0 };
                self.hand = place + 1;
                if self.watched.get(place).is_some_and(|watched| watched.count == self.least) {
                    return place;
                }
            }
            self.least = self.watched.iter().map(|watched| watched.count).min().unwrap_or(0);
        }
        0
    }

    /// The bytes to keep, when there is something new in them.
    pub(super) fn pack_changes(&mut self) -> Option<Vec<u8>> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let mut out = Vec::new();
        put(&mut out, self.least);
        put(&mut out, self.hand as u64);
        for watched in &self.watched {
            put_text(&mut out, &watched.key);
            put(&mut out, watched.count);
            put(&mut out, watched.inherited);
        }
        Some(out)
    }

    pub(super) fn unpack(bytes: &[u8]) -> Option<Sketch> {
        let mut reader = Reader(bytes);
        let mut sketch = Sketch { least: reader.number()?, hand: reader.size()?, ..Sketch::default() };
        while !reader.0.is_empty() && sketch.watched.len() < WATCHED {
            let key = reader.text()?;
            let (count, inherited) = (reader.number()?, reader.number()?);
            let hash = Key::read(&key).hash();
            sketch.watched.push(Watched { key, hash, count, inherited: inherited.min(count) });
        }
        sketch.places = Places::of(&sketch.watched);
        Some(sketch)
    }
}

/// Where each hash is watched, plus one; 0 is empty. Nearly every record of a key without a slot
/// takes one out and puts one in, which a general map does not do well.
#[derive(Debug, Clone, Default)]
struct Places(Vec<u16>);

impl Places {
    fn of(watched: &[Watched]) -> Places {
        let mut places = Places::default();
        watched.iter().enumerate().for_each(|(place, watched)| places.put(watched.hash, place));
        places
    }

    #[inline]
    fn find(&self, hash: u64, watched: &[Watched]) -> Option<usize> {
        let mut at = home(hash);
        loop {
            let place = usize::from(*self.0.get(at)?).checked_sub(1)?;
            if watched.get(place).is_some_and(|watched| watched.hash == hash) {
                return Some(place);
            }
            at = (at + 1) % ROOM;
        }
    }

    fn put(&mut self, hash: u64, place: usize) {
        self.0.resize(ROOM, 0);
        let mut at = home(hash);
        while let Some(held) = self.0.get_mut(at) {
            if *held == 0 {
                *held = u16::try_from(place + 1).unwrap_or(0);
                return;
            }
            at = (at + 1) % ROOM;
        }
    }

    /// Empties a place's entry, and closes the gap for those that had to go further.
    fn remove(&mut self, place: usize, watched: &[Watched]) {
        let hash_at = |entry: u16| watched.get(usize::from(entry) - 1).map_or(0, |watched| watched.hash);
        let Some(mut gap) = watched.get(place).map(|watched| home(watched.hash)) else { return };
        while self.0.get(gap).is_some_and(|entry| *entry != 0 && usize::from(*entry) != place + 1) {
            gap = (gap + 1) % ROOM;
        }
        let mut at = gap;
        loop {
            at = (at + 1) % ROOM;
            let entry = self.0.get(at).copied().unwrap_or(0);
            if entry == 0 {
                break;
            }
            // Moved back unless its home lies behind the gap.
            if (at + ROOM - home(hash_at(entry))) % ROOM >= (at + ROOM - gap) % ROOM {
                if let Some(held) = self.0.get_mut(gap) {
                    *held = entry;
                }
                gap = at;
            }
        }
        if let Some(held) = self.0.get_mut(gap) {
            *held = 0;
        }
    }
}

#[inline]
fn home(hash: u64) -> usize {
    hash as usize % ROOM
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn note(sketch: &mut Sketch, name: &str) -> u64 {
        let key = Key::one(name.into());
        sketch.note(key.hash(), &key)
    }

    #[test]
    fn a_frequent_key_is_found_among_countless_rare_ones() {
        let mut sketch = Sketch::default();
        let mut frequent = 0;
        for turn in 0..50_000 {
            assert!(note(&mut sketch, &format!("rare{turn}")) <= 1);
            if turn % 100 == 0 {
                frequent = note(&mut sketch, "frequent");
            }
        }
        assert!(frequent >= 100, "{frequent}");
        assert_eq!(sketch.watched.len(), WATCHED);
    }

    #[test]
    fn what_is_forgotten_begins_anew() {
        let mut sketch = Sketch::default();
        for key in ["a", "b", "c", "a", "c"] {
            note(&mut sketch, key);
        }
        let key = Key::one("a".into());
        sketch.forget(key.hash(), &key);
        let seen: Vec<u64> = ["a", "b", "c"].into_iter().map(|key| note(&mut sketch, key)).collect();
        assert_eq!(seen, [0, 1, 2]);
    }

    proptest! {
        /// Never more than the truth, and the same whether packed in between or not.
        #[test]
        fn it_is_a_lower_bound_and_survives_any_cut(
            keys in prop::collection::vec(0..400u32, 0..3_000),
            cuts in prop::collection::vec(0..3_000usize, 0..4),
        ) {
            let (mut whole, mut cut) = (Sketch::default(), Sketch::default());
            let mut truth = HashMap::new();
            for (number, key) in keys.iter().enumerate() {
                // A third of the records name one of few keys, so that both kinds occur.
                let key = if number % 3 == 0 { key % 7 } else { *key };
                let name = format!("key{key}");
                if cuts.contains(&number) && let Some(bytes) = cut.pack_changes() {
                    cut = Sketch::unpack(&bytes).unwrap();
                }
                let seen = note(&mut whole, &name);
                prop_assert_eq!(seen, note(&mut cut, &name));
                let before = truth.entry(name).or_insert(0u64);
                prop_assert!(seen <= *before);
                *before += 1;
            }
            prop_assert_eq!(whole.pack_changes(), cut.pack_changes());
        }
    }
}
