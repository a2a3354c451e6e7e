//! What a source asks to be remembered until the next run. It knows no source and no disk.

use std::collections::BTreeMap;

/// A source's private notes, kept in the same transaction as the totals they explain: a cursor
/// that moved without its counts, or counts without their cursor, cannot exist.
pub trait Memory {
    fn get(&self, key: &str) -> Option<Vec<u8>>;
    fn put(&mut self, key: &str, value: &[u8]);
    fn remove(&mut self, key: &str);
    /// Every key that begins so, in order of the keys.
    fn scan(&self, prefix: &str) -> Vec<(String, Vec<u8>)>;
}

/// Notes held in memory: a snapshot for a source on a thread of its own, or a test's ledger.
/// What changed since it was made can be taken out and written down.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    kept: BTreeMap<String, Vec<u8>>,
    changed: BTreeMap<String, Option<Vec<u8>>>,
}

impl Notes {
    pub fn new(kept: impl IntoIterator<Item = (String, Vec<u8>)>) -> Notes {
        Notes { kept: kept.into_iter().collect(), changed: BTreeMap::new() }
    }

    /// The changes since `new`: `None` says removed.
    pub fn into_changes(self) -> BTreeMap<String, Option<Vec<u8>>> {
        self.changed
    }
}

impl Memory for Notes {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.kept.get(key).cloned()
    }

    fn put(&mut self, key: &str, value: &[u8]) {
        if self.kept.get(key).is_some_and(|kept| kept == value) {
            return;
        }
        self.kept.insert(key.to_owned(), value.to_owned());
        self.changed.insert(key.to_owned(), Some(value.to_owned()));
    }

    fn remove(&mut self, key: &str) {
        if self.kept.remove(key).is_some() {
            self.changed.insert(key.to_owned(), None);
        }
    }

    fn scan(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        self.kept
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_changes_are_written_down() {
        let mut notes = Notes::new([("a".to_owned(), b"1".to_vec()), ("b".to_owned(), b"2".to_vec())]);
        notes.put("a", b"1");
        notes.put("c", b"3");
        notes.remove("b");
        notes.remove("never");
        assert_eq!(notes.scan(""), [("a".to_owned(), b"1".to_vec()), ("c".to_owned(), b"3".to_vec())]);
        let changes = notes.into_changes();
        assert_eq!(changes.keys().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(changes.get("b"), Some(&None));
    }
}
