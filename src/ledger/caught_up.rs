//! Whether the ledger knows again all that was ever printed from it. It was set back when the
//! last good copy took its place, and may have been when the host was started anew (power loss
//! takes up to a bucket). It knows no file and no total.

use super::{LedgerError, store};
use crate::record::Seconds;
use rusqlite::{Connection, OptionalExtension, params};

/// Holds the boot in which everything was last read to its end.
const FACT: &str = "caught_up";
/// Nothing was ever printed from this ledger.
const NEW: &str = "new";

/// What a run made of the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// Everything that is there was read.
    pub whole: bool,
    /// Something that was known of is gone for good.
    pub lost: bool,
}

pub(super) fn begin(db: &Connection) -> Result<(), LedgerError> {
    set(db, NEW)
}

/// From now on nothing is shown until everything was read again.
pub(super) fn revoke(db: &Connection) -> Result<(), LedgerError> {
    db.prepare_cached("DELETE FROM facts WHERE name = ?1")?.execute([FACT])?;
    Ok(())
}

pub(super) fn is(db: &Connection, boot: &str) -> Result<bool, LedgerError> {
    Ok(read(db)?.is_some_and(|known| known == boot || known == NEW))
}

/// Takes a run's reading into account, and says whether totals may be shown. What is lost while
/// it is read again may have been printed: then totals begin anew for whoever compares.
pub(super) fn note(db: &Connection, boot: &str, reading: Reading, now: Seconds) -> Result<bool, LedgerError> {
    let known = read(db)?;
    if known.as_deref() == Some(boot) {
        return Ok(true);
    }
    let new = known.as_deref() == Some(NEW);
    if reading.lost && !new {
        store::set_number(db, "born", now)?;
    }
    if reading.whole || new {
        set(db, boot)?;
    }
    Ok(reading.whole || new)
}

fn read(db: &Connection) -> Result<Option<String>, LedgerError> {
    let mut query = db.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
    Ok(query.query_row([FACT], |row| row.get(0)).optional()?)
}

fn set(db: &Connection, text: &str) -> Result<(), LedgerError> {
    db.prepare_cached("INSERT OR REPLACE INTO facts(name, value) VALUES(?1, ?2)")?
        .execute(params![FACT, text])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: Reading = Reading { whole: false, lost: false };
    const WHOLE: Reading = Reading { whole: true, lost: false };
    const LOSS: Reading = Reading { whole: false, lost: true };

    fn born(db: &Connection) -> i64 {
        store::number(db, "born").unwrap().unwrap()
    }

    #[test]
    fn totals_are_shown_again_once_everything_was_read() {
        let db = store::in_memory(1).unwrap();
        // A new ledger has shown nothing yet: its totals may begin at 0 and grow.
        assert!(is(&db, "first").unwrap() && note(&db, "first", PART, 2).unwrap());
        // (the boot, what was read, whether totals are shown from then on)
        let story = [
            ("first", PART, true),
            ("second", PART, false),
            ("second", PART, false),
            ("second", WHOLE, true),
            ("second", PART, true),
            ("first", WHOLE, true),
        ];
        for (turn, (boot, reading, shown)) in story.into_iter().enumerate() {
            assert_eq!(note(&db, boot, reading, 2).unwrap(), shown, "turn {turn}");
            assert_eq!(is(&db, boot).unwrap(), shown, "turn {turn}");
        }
        revoke(&db).unwrap();
        assert!(!is(&db, "first").unwrap());
        assert!(!note(&db, "first", PART, 2).unwrap());
        assert!(note(&db, "first", WHOLE, 2).unwrap());
        assert_eq!(born(&db), 1);
    }

    #[test]
    fn what_is_lost_meanwhile_makes_totals_begin_anew() {
        let db = store::in_memory(1).unwrap();
        assert!(note(&db, "first", LOSS, 2).unwrap(), "of a new ledger nothing was shown");
        assert!(note(&db, "first", LOSS, 3).unwrap(), "an ordinary loss makes nothing fall");
        assert_eq!(born(&db), 1);
        revoke(&db).unwrap();
        assert!(!note(&db, "first", LOSS, 4).unwrap());
        assert!(note(&db, "first", WHOLE, 5).unwrap());
        assert_eq!(born(&db), 4);
    }
}
