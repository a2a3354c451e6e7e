//! The log of changes: kept for seven days and ten thousand events. It does not know who reads it.

use super::LedgerError;
use super::findings::parse;
use crate::record::{Event, Finding, Seconds};
use rusqlite::{Connection, Row, params};

pub(super) const SCHEMA: &str = "
CREATE TABLE events(seq INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, id TEXT NOT NULL,
    time INTEGER NOT NULL, finding TEXT NOT NULL) STRICT;
CREATE INDEX events_by_subject ON events(subject, seq);
";

const KEPT: Seconds = 7 * 86_400;
const MOST: i64 = 10_000;

/// Adds changes to the log and returns them with their numbers and ids.
pub(super) fn add(db: &Connection, changes: &[Finding], now: Seconds) -> Result<Vec<Event>, LedgerError> {
    let mut added = Vec::with_capacity(changes.len());
    for finding in changes {
        let seq = last(db)? + 1;
        let id = format!("{}-{}-{seq}", finding.id, finding.state.name());
        let text = serde_json::to_string(finding).map_err(|_| LedgerError::unreadable("an event"))?;
        db.prepare_cached("INSERT INTO events(seq, subject, id, time, finding) VALUES(?1, ?2, ?3, ?4, ?5)")?
            .execute(params![seq, finding.id, id, finding.changed, text])?;
        added.push(Event { seq, id, time: finding.changed, finding: finding.clone() });
    }
    if let Some(newest) = added.last() {
        db.prepare_cached("DELETE FROM events WHERE seq <= ?1")?.execute([newest.seq - MOST])?;
        db.prepare_cached("DELETE FROM events WHERE time < ?1")?.execute([now - KEPT])?;
    }
    Ok(added)
}

/// The number of the newest event ever added, also when it is no longer kept.
pub(super) fn last(db: &Connection) -> Result<i64, LedgerError> {
    let mut query =
        db.prepare_cached("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'")?;
    Ok(query.query_row([], |row| row.get(0))?)
}

/// How many of the events with a number above `seq` are kept.
pub(super) fn kept_after(db: &Connection, seq: i64) -> Result<i64, LedgerError> {
    let mut query = db.prepare_cached("SELECT count(*) FROM events WHERE seq > ?1")?;
    Ok(query.query_row([seq], |row| row.get(0))?)
}

/// The oldest `most` events above `seq`, in order.
pub(super) fn after(db: &Connection, seq: i64, most: usize) -> Result<Vec<Event>, LedgerError> {
    let mut query =
        db.prepare_cached("SELECT seq, id, time, finding FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    let mut rows = query.query(params![seq, i64::try_from(most).unwrap_or(i64::MAX)])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(event(row)?);
    }
    Ok(events)
}

/// The newest event of one finding up to `seq`.
pub(super) fn newest_of(db: &Connection, subject: &str, seq: i64) -> Result<Option<Event>, LedgerError> {
    let mut query = db.prepare_cached(
        "SELECT seq, id, time, finding FROM events WHERE subject = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1",
    )?;
    let mut rows = query.query(params![subject, seq])?;
    rows.next()?.map(event).transpose()
}

fn event(row: &Row<'_>) -> Result<Event, LedgerError> {
    let text = row.get_ref(3)?.as_str().map_err(|_| LedgerError::unreadable("an event"))?;
    Ok(Event { seq: row.get(0)?, id: row.get(1)?, time: row.get(2)?, finding: parse(text)? })
}
