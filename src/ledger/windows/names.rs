//! Small numbers for names, bounded: provider names here, and any other bytes. It counts nothing.

use super::track::Step;
use crate::classify::{ByHash, Word, hash_of};

/// Stands for a provider in windows and baseline.
pub type Key = u16;

/// All providers together.
pub const HOST: Key = 0;
/// Providers beyond the key space.
pub const OTHER: Key = 1;

const FIRST: Key = 2;
/// Key space, and the part of it that only providers of the table may take.
const KEYS: usize = 1_000;
const RESERVED: usize = 100;
/// Steps without a record after which a full table may give a key away: seven days.
const IDLE: Step = 7 * 8_640;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    pub name: String,
    /// A row of the provider table, not a bare domain.
    pub named: bool,
    /// Step of its first record.
    pub born: Step,
    /// Step of its newest record.
    pub last: Step,
    /// Offset from UTC of its newest record, in minutes.
    pub offset_minutes: i16,
    pub(super) changed: bool,
    /// `last` as it stands on disk; written again only when an hour behind.
    pub(super) saved_last: Step,
}

impl Provider {
    pub(super) fn new(name: &str, named: bool, step: Step) -> Provider {
        let name = name.to_owned();
        Provider { name, named, born: step, last: step, offset_minutes: 0, changed: true, saved_last: step }
    }
}

/// The table of provider keys. Keys 0 and 1 always exist.
#[derive(Debug, Clone)]
pub(super) struct Names {
    rows: Vec<Provider>,
    /// By the hash of the name. Two names with one hash: the second shares `OTHER`.
    keys: ByHash<Key>,
    /// Step before which another search for an idle key is in vain.
    search_again: Step,
}

impl Names {
    pub(super) fn new() -> Names {
        let rows = vec![Provider::new("", true, 0), Provider::new("other", true, 0)];
        Names { rows, keys: ByHash::default(), search_again: 0 }
    }

    /// The provider's key, and whether the key was taken from another provider for it.
    pub(super) fn key(&mut self, name: Word<'_>, named: bool, step: Step) -> (Key, bool) {
        if let Some(key) = self.keys.get(&name.hash) {
            let is_his = self.get(*key).is_some_and(|row| row.name == name.text);
            return (if is_his { *key } else { OTHER }, false);
        }
        let room = if named { KEYS } else { KEYS - RESERVED };
        let taken = self.rows.len() - usize::from(FIRST);
        if taken < room {
            let key = Key::try_from(self.rows.len()).unwrap_or(OTHER);
            self.put(key, Provider::new(name.text, named, step));
            return (key, false);
        }
        match self.idle(step) {
            Some(key) => {
                self.put(key, Provider::new(name.text, named, step));
                (key, true)
            }
            None => (OTHER, false),
        }
    }

    fn idle(&mut self, step: Step) -> Option<Key> {
        if step < self.search_again {
            return None;
        }
        let rows = self.rows.iter().enumerate().skip(usize::from(FIRST));
        let (key, row) = rows.min_by_key(|(_, row)| row.last)?;
        if step.saturating_sub(row.last) < IDLE {
            // One search per five minutes at most, however many strangers come.
            self.search_again = step.saturating_add(30);
            return None;
        }
        Key::try_from(key).ok()
    }

    pub(super) fn put(&mut self, key: Key, row: Provider) {
        let place = usize::from(key);
        while self.rows.len() <= place {
            self.rows.push(Provider::new("", false, 0));
        }
        if let Some(held) = self.rows.get_mut(place) {
            let before = hash_of(held.name.as_bytes());
            if self.keys.get(&before) == Some(&key) {
                self.keys.remove(&before);
            }
            if key >= FIRST {
                self.keys.insert(hash_of(row.name.as_bytes()), key);
            }
            *held = row;
        }
    }

    pub(super) fn find(&self, name: Word<'_>) -> Option<Key> {
        if name.text == "other" {
            return Some(OTHER);
        }
        let key = *self.keys.get(&name.hash)?;
        self.get(key).is_some_and(|row| row.name == name.text).then_some(key)
    }

    pub(super) fn get(&self, key: Key) -> Option<&Provider> {
        self.rows.get(usize::from(key))
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Provider> {
        self.rows.get_mut(usize::from(key))
    }

    pub(super) fn len(&self) -> Key {
        Key::try_from(self.rows.len()).unwrap_or(Key::MAX)
    }
}

/// A bounded list of byte strings; what does not fit shares the last number.
#[derive(Debug, Clone)]
pub(super) struct Words {
    words: Vec<Vec<u8>>,
    /// By the hash of the word. Two words with one hash: the second shares the last number.
    numbers: ByHash<u8>,
    limit: u8,
    /// How many of them are on disk.
    pub(super) saved: usize,
}

impl Words {
    pub(super) fn new(limit: u8) -> Words {
        Words { words: Vec::new(), numbers: ByHash::default(), limit, saved: 0 }
    }

    pub(super) fn number(&mut self, word: &[u8]) -> u8 {
        // A name longer than any PowerMTA takes is not worth remembering.
        let word = word.get(..128).unwrap_or(word);
        let hash = hash_of(word);
        if let Some(number) = self.numbers.get(&hash) {
            return if self.get(*number) == Some(word) { *number } else { self.limit };
        }
        match u8::try_from(self.words.len()) {
            Ok(number) if number < self.limit => {
                self.words.push(word.to_vec());
                self.numbers.insert(hash, number);
                number
            }
            _ => self.limit,
        }
    }

    pub(super) fn get(&self, number: u8) -> Option<&[u8]> {
        self.words.get(usize::from(number)).map(Vec::as_slice)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.words.iter().map(Vec::as_slice)
    }

    pub(super) fn len(&self) -> usize {
        self.words.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_pools_strangers_until_somebody_has_been_idle_for_a_week() {
        let mut names = Names::new();
        for i in 0..900 {
            let (key, _) = names.key((&format!("d{i}.example")).into(), false, 100);
            assert_eq!(usize::from(key), i + 2);
        }
        assert_eq!(names.key("late.example".into(), false, 100), (OTHER, false));
        assert_ne!(names.key("Yahoo".into(), true, 100).0, OTHER, "a named provider has room of its own");
        for i in 1..900 {
            let (key, _) = names.key((&format!("d{i}.example")).into(), false, 100 + IDLE);
            names.get_mut(key).unwrap().last = 100 + IDLE;
        }
        assert_eq!(names.key("late.example".into(), false, 100 + IDLE), (2, true), "d0 was idle");
        assert_eq!(names.find("d0.example".into()), None);
        assert_eq!(names.find("late.example".into()), Some(2));
    }

    #[test]
    fn words_beyond_the_limit_share_one_number() {
        let mut words = Words::new(3);
        assert_eq!(
            [words.number(b"a"), words.number(b"b"), words.number(b"a"), words.number(b"c")],
            [0, 1, 0, 2]
        );
        assert_eq!([words.number(b"d"), words.number(b"e")], [3, 3]);
        assert_eq!(words.get(3), None);
    }
}
