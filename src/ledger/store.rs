//! The SQLite file: how it is opened, which tables it has, when it is checkpointed. It knows no
//! table's meaning.

use super::folder::Folder;
use super::{
    LedgerError, baseline, caught_up, consumers, events, findings, growth, notes, slots, vanished, windows,
};
use crate::record::Seconds;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::Path;
use std::time::Duration;

/// Small facts of the ledger itself, each a blob or a number.
const SCHEMA: &str = "CREATE TABLE facts(name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;";

/// What leads from each version of the file to the next; the first step makes an empty file ours.
/// A released step is never changed: add another.
pub(super) const STEPS: &[&[&str]] = &[&[
    SCHEMA,
    slots::SCHEMA,
    notes::SCHEMA,
    growth::SCHEMA,
    findings::SCHEMA,
    events::SCHEMA,
    consumers::SCHEMA,
    vanished::SCHEMA,
    windows::SCHEMA,
    baseline::SCHEMA,
]];

/// A reader may hold a page for a moment while another process recovers the log.
const PATIENCE: Duration = Duration::from_millis(250);
/// Beyond this the log is checkpointed whatever the hour.
const LONGEST_LOG: u64 = 4 << 20;
/// An idle tick touches no more statements than this.
const STATEMENTS: usize = 64;

pub(super) fn connect(folder: &Folder) -> Result<Connection, LedgerError> {
    open(&folder.ledger(), OpenFlags::SQLITE_OPEN_READ_WRITE)
}

pub(super) fn connect_to_read(folder: &Folder) -> Result<Connection, LedgerError> {
    open(&folder.ledger(), OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Keeps everybody else out, and needs no index of the log on the disk.
pub(super) fn connect_alone(folder: &Folder) -> Result<Connection, LedgerError> {
    let db = open_bare(&folder.ledger(), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Before anything is read, or the index is made already.
    db.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
    Ok(db)
}

pub(super) fn in_memory(now: Seconds) -> Result<Connection, LedgerError> {
    let db = Connection::open_in_memory()?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    set_up(&db, 0, STEPS)?;
    begin_totals(&db, now)?;
    Ok(db)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, LedgerError> {
    let db = open_bare(path, flags)?;
    db.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0")?;
    Ok(db)
}

fn open_bare(path: &Path, flags: OpenFlags) -> Result<Connection, LedgerError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let denied = |why: rusqlite::Error| match LedgerError::from(why) {
        LedgerError::Store(why) => LedgerError::Denied { path: path.to_owned(), why: why.to_string() },
        other => other,
    };
    let db = Connection::open_with_flags(path, flags).map_err(denied)?;
    db.busy_timeout(PATIENCE)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // The log stays at close: no fsync in an idle tick, and a full disk can still be read.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(db)
}

pub(super) fn version(db: &Connection) -> Result<i64, LedgerError> {
    Ok(db.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

pub(super) fn expect_known(db: &Connection) -> Result<(), LedgerError> {
    let (found, known) = (version(db)?, i64::try_from(STEPS.len()).unwrap_or(i64::MAX));
    let folder = db.path().and_then(|path| Path::new(path).parent()).unwrap_or(Path::new(""));
    if found == known { Ok(()) } else { Err(LedgerError::Newer { folder: folder.to_owned(), found, known }) }
}

pub(super) fn is_empty(db: &Connection) -> Result<bool, LedgerError> {
    Ok(db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?)
}

/// Brings the file from `from` to the last of `steps`: all in one transaction, or nothing.
pub(super) fn set_up(db: &Connection, from: usize, steps: &[&[&str]]) -> Result<(), LedgerError> {
    let change = db.unchecked_transaction()?;
    lay_tables(&change, from, steps)?;
    change.commit()?;
    Ok(())
}

pub(super) fn lay_tables(db: &Connection, from: usize, steps: &[&[&str]]) -> Result<(), LedgerError> {
    for ddl in steps.iter().skip(from).flat_map(|step| step.iter()) {
        db.execute_batch(ddl)?;
    }
    db.pragma_update(None, "user_version", i64::try_from(steps.len()).unwrap_or(i64::MAX))?;
    Ok(())
}

/// The tables as they stand in a file.
pub(super) fn tables(db: &Connection) -> Result<Vec<String>, LedgerError> {
    let sql = "SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    let mut query = db.prepare(sql)?;
    let rows = query.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The tables as the first `version` steps make them.
pub(super) fn tables_of(steps: &[&[&str]], version: usize) -> Result<Vec<String>, LedgerError> {
    let db = Connection::open_in_memory()?;
    lay_tables(&db, 0, steps.get(..version).unwrap_or(steps))?;
    tables(&db)
}

pub(super) fn begin_totals(db: &Connection, now: Seconds) -> Result<(), LedgerError> {
    set_number(db, "born", now)?;
    caught_up::begin(db)
}

pub(super) fn number(db: &Connection, name: &str) -> Result<Option<i64>, LedgerError> {
    let mut query = db.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
    Ok(query.query_row([name], |row| row.get(0)).optional()?)
}

pub(super) fn set_number(db: &Connection, name: &str, value: i64) -> Result<(), LedgerError> {
    db.prepare_cached("INSERT OR REPLACE INTO facts(name, value) VALUES(?1, ?2)")?
        .execute(params![name, value])?;
    Ok(())
}

/// Every page looked at; an hour's work, never a tick's.
pub(super) fn is_sound(db: &Connection) -> Result<bool, LedgerError> {
    let answer: Result<String, _> = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    match answer.map_err(LedgerError::from) {
        Ok(answer) => Ok(answer == "ok"),
        Err(LedgerError::Damaged { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

/// All pages of one commit into another database.
pub(super) fn copy_pages(from: &Connection, to: &mut Connection) -> Result<(), LedgerError> {
    match Backup::new(from, to)?.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(LedgerError::Busy),
    }
}

/// Moves the log into the file. A reader in the way puts it off to a later run.
pub(super) fn checkpoint(db: &Connection) -> Result<(), LedgerError> {
    db.busy_timeout(Duration::ZERO)?;
    let done = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    db.busy_timeout(PATIENCE)?;
    match done.map_err(LedgerError::from) {
        Err(LedgerError::Busy) => Ok(()),
        other => other,
    }
}

pub(super) fn log_is_long(folder: &Folder) -> bool {
    std::fs::metadata(folder.side("-wal")).is_ok_and(|found| found.len() > LONGEST_LOG)
}
