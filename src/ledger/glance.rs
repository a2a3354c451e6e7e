//! The last committed truth, read without the lock by whoever may not or cannot write. It changes
//! nothing.

use super::{Ledger, LedgerError, News, Tally, Windows, caught_up, consumers, findings, growth, notes};
use crate::record::{Finding, Notes, Sample};

/// All that is read through one glance belongs to one commit.
#[derive(Debug)]
pub struct Glance<'l> {
    ledger: &'l Ledger,
    /// Whether this glance began the transaction it reads in.
    began: bool,
}

impl<'l> Glance<'l> {
    pub(super) fn new(ledger: &'l Ledger) -> Result<Glance<'l>, LedgerError> {
        let began = ledger.db.is_autocommit();
        if began {
            ledger.db.execute_batch("BEGIN")?;
        }
        Ok(Glance { ledger, began })
    }

    /// The committed totals; `rows` prints them.
    pub fn tally(&self) -> Result<Tally, LedgerError> {
        self.ledger.heed(Tally::load(&self.ledger.db, &self.ledger.limits, self.ledger.now))
    }

    /// Whether the totals are at least those that were shown before. A ledger that is being mended
    /// may be an old copy.
    pub fn caught_up(&self, boot: &str) -> Result<bool, LedgerError> {
        let mending = self.ledger.home.as_ref().is_some_and(|home| home.folder.suspect().exists());
        Ok(!mending && self.ledger.heed(caught_up::is(&self.ledger.db, boot))?)
    }

    /// Findings that are pending, open, or ended less than ten minutes ago.
    pub fn findings(&self) -> Result<Vec<Finding>, LedgerError> {
        self.ledger.heed(findings::read(&self.ledger.db, self.ledger.now))
    }

    /// What was attempted and refused lately.
    pub fn windows(&self) -> Result<Windows, LedgerError> {
        self.ledger.heed(Windows::load(&self.ledger.db).map_err(LedgerError::from))
    }

    /// What a consumer has not been told three times, at most `most` events.
    pub fn news(&self, consumer: &str, most: usize) -> Result<News, LedgerError> {
        self.ledger.heed(consumers::news(&self.ledger.db, consumer, most, self.ledger.now))
    }

    /// Counters as last committed, for a run that may not count. A series never committed is left
    /// out.
    pub fn grown(&self, samples: &[Sample]) -> Result<Vec<Sample>, LedgerError> {
        self.ledger.heed(growth::grown(&self.ledger.db, samples))
    }

    /// One note of a source, where the others are not wanted.
    pub fn note(&self, source: &str, key: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        self.ledger.heed(notes::read(&self.ledger.db, source, key))
    }

    /// A snapshot of a source's notes, for a source on a thread of its own.
    pub fn notes(&self, source: &str) -> Result<Notes, LedgerError> {
        self.ledger.heed(notes::read_all(&self.ledger.db, source, "")).map(Notes::new)
    }
}

impl Drop for Glance<'_> {
    fn drop(&mut self) {
        if self.began && !self.ledger.db.is_autocommit() {
            let _ = self.ledger.db.execute_batch("COMMIT");
        }
    }
}
