//! Which of countless keys come often: a fixed-size Space-Saving sketch. It depends on the order
//! of what it is told and on nothing else, so a run may end anywhere.

use super::key::{Key, Places};
use super::packing::{Reader, put, put_text};

/// Keys watched at a time; whatever comes more often than once in so many records is found.
const WATCHED: usize = 256;

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
        if let Some(place) = self.places.get(&hash) {
            // Two keys with one hash: the second is never watched, which costs it a slot at worst.
            let watched = self.watched.get_mut(*place).filter(|watched| key.is(&watched.key));
            let Some(watched) = watched else { return 0 };
            watched.count += 1;
            return watched.count - 1 - watched.inherited;
        }
        if self.watched.len() < WATCHED {
            let mut text = String::new();
            key.write(&mut text);
            self.places.insert(hash, self.watched.len());
            self.watched.push(Watched { key: text, hash, count: 1, inherited: 0 });
            self.least = 1;
            return 0;
        }
        let place = self.weakest();
        if let Some(watched) = self.watched.get_mut(place) {
            self.places.remove(&watched.hash);
            key.write(&mut watched.key);
            watched.hash = hash;
            watched.inherited = watched.count;
            watched.count += 1;
            self.places.insert(hash, place);
        }
        0
    }

    /// The key has a slot of its own now.
    pub(super) fn forget(&mut self, hash: u64, key: &Key<'_>) {
        let Some(place) = self.places.get(&hash).copied() else { return };
        if self.watched.get(place).is_none_or(|watched| !key.is(&watched.key)) {
            return;
        }
        self.changed = true;
        self.places.remove(&hash);
        self.watched.swap_remove(place);
        if let Some(moved) = self.watched.get(place) {
            self.places.insert(moved.hash, place);
        }
    }

    /// A place with the least count. Counts only rise, so the hand passes each place once per
    /// rise of `least`: a step on average.
    fn weakest(&mut self) -> usize {
        for _ in 0..2 {
            for _ in 0..self.watched.len() {
                let place = self.hand % self.watched.len();
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
            sketch.places.insert(hash, sketch.watched.len());
            sketch.watched.push(Watched { key, hash, count, inherited: inherited.min(count) });
        }
        Some(sketch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn note(sketch: &mut Sketch, name: &str) -> u64 {
        let key = Key::one(name);
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
        sketch.forget(Key::one("a").hash(), &Key::one("a"));
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
