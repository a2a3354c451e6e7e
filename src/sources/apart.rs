//! A source's notes in parts. It knows no source.

use crate::record::Memory;

/// Notes under keys of their own, so that two logs of one source keep two cursors.
pub struct Apart<'a> {
    pub memory: &'a mut dyn Memory,
    pub prefix: &'static str,
}

impl Memory for Apart<'_> {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.memory.get(&format!("{}{key}", self.prefix))
    }

    fn put(&mut self, key: &str, value: &[u8]) {
        self.memory.put(&format!("{}{key}", self.prefix), value);
    }

    fn remove(&mut self, key: &str) {
        self.memory.remove(&format!("{}{key}", self.prefix));
    }

    fn scan(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let found = self.memory.scan(&format!("{}{prefix}", self.prefix)).into_iter();
        found.filter_map(|(key, value)| Some((key.get(self.prefix.len()..)?.to_owned(), value))).collect()
    }
}
