//! How far each consumer has read the log of events. It neither prints nor judges.

use super::{LedgerError, events, findings};
use crate::record::{Event, Seconds, State};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) const SCHEMA: &str = "
CREATE TABLE consumers(name TEXT PRIMARY KEY, latest INTEGER NOT NULL, before INTEGER NOT NULL,
    earliest INTEGER NOT NULL, first INTEGER NOT NULL, runs INTEGER NOT NULL, missed INTEGER NOT NULL,
    used INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

const MOST: i64 = 32;
/// An event is printed in the run that first has it and in the next two.
const TIMES: i64 = 3;
/// A consumer with nothing new shows a sign of life this often, for the oldest is dropped first.
const SIGN_OF_LIFE: Seconds = 3_600;

/// Where a consumer stands after its last three runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    latest: i64,
    before: i64,
    earliest: i64,
    /// Where it began; the open findings of that moment were older.
    first: i64,
    runs: i64,
    missed: i64,
    used: Seconds,
}

/// What one consumer is to be told in this run; `Ledger::printed` moves its cursor behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    pub events: Vec<Event>,
    /// `events_missed_total`: events that were dropped from the log before this consumer came.
    pub missed_total: i64,
    pub(super) consumer: String,
    next: Option<Cursor>,
}

impl News {
    /// Whether there is a cursor to move after printing.
    pub fn moves(&self) -> bool {
        self.next.is_some()
    }
}

/// At most `most` events: the rest waits for the next run. The cursor moves only past those.
pub(super) fn news(db: &Connection, consumer: &str, most: usize, now: Seconds) -> Result<News, LedgerError> {
    let last = events::last(db)?;
    let known = read(db, consumer)?;
    let newcomer =
        Cursor { latest: last, before: last, earliest: last, first: last, runs: 0, missed: 0, used: now };
    let mut cursor = known.unwrap_or(newcomer);
    // A ledger set aside begins its numbers anew.
    if cursor.latest > last {
        cursor = newcomer;
    }
    let mut told = Vec::new();
    if cursor.runs < TIMES {
        // Notes of the last minutes, too: after a new beginning every consumer is new, and that is
        // the one thing it must be told.
        let worth = |state: State| state.is_open() || state == State::Noted;
        for finding in findings::read(db, now)?.iter().filter(|finding| worth(finding.state)) {
            told.extend(events::newest_of(db, &finding.id, cursor.first)?);
        }
        told.sort_by_key(|event| event.seq);
    }
    if cursor.earliest < last {
        told.extend(events::after(db, cursor.earliest, most)?);
    }
    told.truncate(most);
    let upto = told.last().map_or(last, |event| if told.len() < most { last } else { event.seq });
    let upto = upto.max(cursor.latest);
    let gone = match upto - cursor.latest {
        0 => 0,
        passed => passed - (events::kept_after(db, cursor.latest)? - events::kept_after(db, upto)?),
    };
    let next = Cursor {
        latest: upto,
        before: cursor.latest,
        earliest: cursor.before,
        first: cursor.first,
        runs: (cursor.runs + 1).min(TIMES),
        missed: cursor.missed + gone,
        used: now,
    };
    let idle = known.is_some_and(|known| {
        next == Cursor { used: now, ..known } && (0..SIGN_OF_LIFE).contains(&(now - known.used))
    });
    Ok(News {
        events: told,
        missed_total: next.missed,
        consumer: consumer.to_owned(),
        next: (!idle).then_some(next),
    })
}

pub(super) fn moved(db: &Connection, news: &News) -> Result<(), LedgerError> {
    let Some(next) = news.next else { return Ok(()) };
    db.prepare_cached(
        "INSERT OR REPLACE INTO consumers(name, latest, before, earliest, first, runs, missed, used)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        news.consumer,
        next.latest,
        next.before,
        next.earliest,
        next.first,
        next.runs,
        next.missed,
        next.used
    ])?;
    db.prepare_cached(
        "DELETE FROM consumers WHERE name IN
         (SELECT name FROM consumers ORDER BY name <> ?2, used DESC, name LIMIT -1 OFFSET ?1)",
    )?
    .execute(params![MOST, news.consumer])?;
    Ok(())
}

fn read(db: &Connection, consumer: &str) -> Result<Option<Cursor>, LedgerError> {
    let mut query = db.prepare_cached(
        "SELECT latest, before, earliest, first, runs, missed, used FROM consumers WHERE name = ?1",
    )?;
    let row = query.query_row([consumer], |row| {
        Ok(Cursor {
            latest: row.get(0)?,
            before: row.get(1)?,
            earliest: row.get(2)?,
            first: row.get(3)?,
            runs: row.get(4)?,
            missed: row.get(5)?,
            used: row.get(6)?,
        })
    });
    Ok(row.optional()?)
}
