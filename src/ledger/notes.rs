//! What sources asked to be remembered. It does not know what they wrote.

use super::{Ledger, LedgerError};
use crate::record::Memory;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// With rows and an index: without, every search that passes a long note reads all of it to compare
/// its key, which was a hundred reads in an idle run.
pub(super) const SCHEMA: &str = "
CREATE TABLE notes(source TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY(source, key)) STRICT;
";

/// Source and key of what is to be written (`None`: removed) at commit.
pub(super) type Pending = BTreeMap<(String, String), Option<Vec<u8>>>;

/// A source's memory on top of the ledger: read when asked for, written with the totals at
/// commit. A note that cannot be read makes the commit fail, so nothing is counted on a guess.
#[derive(Debug)]
pub struct SourceNotes<'l> {
    pub(super) ledger: &'l Ledger,
    pub(super) source: String,
}

impl SourceNotes<'_> {
    fn of(&self, key: &str) -> (String, String) {
        (self.source.clone(), key.to_owned())
    }

    fn answer<T: Default>(&self, read: Result<T, LedgerError>) -> T {
        read.unwrap_or_else(|trouble| {
            self.ledger.trouble.borrow_mut().get_or_insert(trouble);
            T::default()
        })
    }
}

impl Memory for SourceNotes<'_> {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        if let Some(pending) = self.ledger.pending.borrow().get(&self.of(key)) {
            return pending.clone();
        }
        self.answer(read(&self.ledger.db, &self.source, key))
    }

    fn put(&mut self, key: &str, value: &[u8]) {
        if self.get(key).is_none_or(|kept| kept != value) {
            self.ledger.pending.borrow_mut().insert(self.of(key), Some(value.to_owned()));
        }
    }

    fn remove(&mut self, key: &str) {
        if self.get(key).is_some() {
            self.ledger.pending.borrow_mut().insert(self.of(key), None);
        }
    }

    fn scan(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let kept = self.answer(read_all(&self.ledger.db, &self.source, prefix));
        let mut found: BTreeMap<String, Vec<u8>> = kept.into_iter().collect();
        let pending = self.ledger.pending.borrow();
        for ((source, key), value) in pending.range(self.of(prefix)..) {
            if *source != self.source || !key.starts_with(prefix) {
                break;
            }
            match value {
                Some(value) => found.insert(key.clone(), value.clone()),
                None => found.remove(key),
            };
        }
        found.into_iter().collect()
    }
}

pub(super) fn read(db: &Connection, source: &str, key: &str) -> Result<Option<Vec<u8>>, LedgerError> {
    let mut query = db.prepare_cached("SELECT value FROM notes WHERE source = ?1 AND key = ?2")?;
    Ok(query.query_row([source, key], |row| row.get(0)).optional()?)
}

/// Every note whose key begins so, in order of the keys.
pub(super) fn read_all(
    db: &Connection,
    source: &str,
    prefix: &str,
) -> Result<Vec<(String, Vec<u8>)>, LedgerError> {
    let mut query =
        db.prepare_cached("SELECT key, value FROM notes WHERE source = ?1 AND key >= ?2 ORDER BY key")?;
    let mut rows = query.query([source, prefix])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        if !key.starts_with(prefix) {
            break;
        }
        found.push((key, row.get(1)?));
    }
    Ok(found)
}

pub(super) fn write(db: &Connection, pending: &Pending) -> Result<(), LedgerError> {
    for ((source, key), value) in pending {
        match value {
            Some(value) => db
                .prepare_cached("INSERT OR REPLACE INTO notes(source, key, value) VALUES(?1, ?2, ?3)")?
                .execute(params![source, key, value])?,
            None => db
                .prepare_cached("DELETE FROM notes WHERE source = ?1 AND key = ?2")?
                .execute(params![source, key])?,
        };
    }
    Ok(())
}
