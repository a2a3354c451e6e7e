//! The one transaction of a run, under the lock: count, keep, commit. It does not know what is
//! counted or why.

use super::lock::Held;
use super::{
    Ledger, LedgerError, Reading, Shelf, SourceNotes, Tally, caught_up, events, findings, growth, notes,
    store, vanished,
};
use crate::record::{Event, Finding, Notes, Sample, Seconds};

/// Seconds between checkpoints: after power loss the ledger is at most so much older.
const BUCKET: Seconds = 300;

/// Dropped without `commit`, it leaves everything as it was and frees the lock.
#[derive(Debug)]
pub struct Locked<'l> {
    ledger: &'l Ledger,
    tally: Tally,
    turn: Turn<'l>,
}

/// The transaction and the lock: both end with it, the transaction first.
#[derive(Debug)]
struct Turn<'l> {
    ledger: &'l Ledger,
    /// `None` for a ledger in memory, which nobody shares.
    _held: Option<Held<'l>>,
}

impl<'l> Locked<'l> {
    pub(super) fn begin(ledger: &'l Ledger, held: Option<Held<'l>>) -> Result<Locked<'l>, LedgerError> {
        let turn = Turn { ledger, _held: held };
        let begun = ledger.db.execute_batch("BEGIN IMMEDIATE").map_err(LedgerError::from);
        // A newer program may have migrated the file since it was opened.
        let known = begun.and_then(|()| store::expect_known(&ledger.db));
        let loaded = known.and_then(|()| Tally::load(&ledger.db, &ledger.limits, ledger.now));
        let tally = ledger.heed(loaded)?;
        Ok(Locked { ledger, tally, turn })
    }

    /// The totals, to be raised by each record. They are saved by `commit`.
    pub fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// The notes of one source; what it puts there is saved by `commit`.
    pub fn notes(&self, source: &str) -> SourceNotes<'l> {
        SourceNotes { ledger: self.ledger, source: source.to_owned() }
    }

    /// Takes over what a source on a thread of its own changed in its snapshot.
    pub fn keep_notes(&self, source: &str, changed: Notes) {
        let changes = changed.into_changes().into_iter();
        let keyed = changes.map(|(key, value)| ((source.to_owned(), key), value));
        self.ledger.pending.borrow_mut().extend(keyed);
    }

    /// Counters that may fall, as totals that do not. The samples as they were stay with the
    /// caller, for `Glance::grown` if the commit fails.
    pub fn grow(&self, samples: &[Sample], started: Option<Seconds>) -> Result<Vec<Sample>, LedgerError> {
        self.ledger.heed(growth::grow(&self.ledger.db, samples, started, self.ledger.now))
    }

    /// Rows of zeros for queues and VMTAs that left the pages lately. `observed` names the
    /// measurements whose page was really fetched in this run.
    pub fn farewell(&self, samples: &[Sample], observed: &[&str]) -> Result<Vec<Sample>, LedgerError> {
        self.ledger.heed(vanished::farewell(&self.ledger.db, samples, observed, self.ledger.now))
    }

    /// Findings as they were left by the run before.
    pub fn findings(&self) -> Result<Vec<Finding>, LedgerError> {
        self.ledger.heed(findings::read(&self.ledger.db, self.ledger.now))
    }

    /// Saves findings that are new or have changed; the others stay.
    pub fn keep_findings(&self, findings: &[Finding]) -> Result<(), LedgerError> {
        self.ledger.heed(findings::keep(&self.ledger.db, findings, self.ledger.now))
    }

    /// Adds changes of state to the log of events.
    pub fn keep_events(&self, changes: &[Finding]) -> Result<Vec<Event>, LedgerError> {
        self.ledger.heed(events::add(&self.ledger.db, changes, self.ledger.now))
    }

    /// Where the judge's windows and baselines are.
    pub fn shelf(&self) -> Shelf<'l> {
        Shelf { ledger: self.ledger }
    }

    /// For those who use `db`: damage met there makes the next run look into it.
    pub fn heed<T>(&self, answer: Result<T, rusqlite::Error>) -> Result<T, LedgerError> {
        self.ledger.heed(answer.map_err(LedgerError::from))
    }

    /// Whether totals may be shown after this run's reading: not before a ledger that was set back
    /// has read again what it had forgotten.
    pub fn catch_up(&self, boot: &str, reading: Reading) -> Result<bool, LedgerError> {
        self.ledger.heed(caught_up::note(&self.ledger.db, boot, reading, self.ledger.now))
    }

    /// Writes everything, frees the lock and gives the totals to print. After an error nothing
    /// has changed: `Ledger::glance` shows the commit before.
    pub fn commit(mut self) -> Result<Tally, LedgerError> {
        let written = self.write();
        let closes = self.ledger.heed(written)?;
        if let Some(home) = &self.ledger.home
            && (closes || store::log_is_long(&home.folder))
        {
            // Committed is committed: a failed checkpoint is tried again by a later run.
            let _ = store::checkpoint(&self.ledger.db);
        }
        let Locked { tally, turn, .. } = self;
        drop(turn);
        Ok(tally)
    }

    /// Says whether this is the first commit of a bucket.
    fn write(&mut self) -> Result<bool, LedgerError> {
        if let Some(trouble) = self.ledger.trouble.borrow_mut().take() {
            return Err(trouble);
        }
        let db = &self.ledger.db;
        self.tally.save(db)?;
        notes::write(db, &self.ledger.pending.borrow())?;
        let bucket = self.ledger.now.div_euclid(BUCKET);
        let closes = store::number(db, "bucket")? != Some(bucket);
        if closes {
            store::set_number(db, "bucket", bucket)?;
        }
        db.execute_batch("COMMIT")?;
        Ok(closes)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // After a commit there is nothing to roll back, and SQLite has done so by itself after
        // the worst errors.
        if !self.ledger.db.is_autocommit() {
            let _ = self.ledger.db.execute_batch("ROLLBACK");
        }
        self.ledger.pending.borrow_mut().clear();
    }
}
