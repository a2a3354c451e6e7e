//! A ledger that is absent, old, newer or damaged: made, migrated, left alone, or set aside for
//! the last good copy (design 3.7). It knows no table's meaning.

use super::folder::{BACKUP, Folder, LEDGER, SIDES};
use super::lock::Held;
use super::store::{self, STEPS};
use super::{LedgerError, Limits, Tally, caught_up, events, findings};
use crate::record::{Finding, Seconds, Severity};
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

const DAMAGED: &str = "ledger-damaged-";
const BEFORE: &str = "ledger-before-";
/// Damaged ledgers that are kept for whoever wants to look.
const KEPT: usize = 2;

/// What is found in the folder.
#[derive(Debug)]
pub(super) enum State {
    Sound(Connection),
    Absent,
    Older(Connection, usize),
    Damaged(String),
}

/// Looks without changing anything. Every page only when someone was suspicious.
pub(super) fn look(folder: &Folder, steps: &[&[&str]]) -> Result<State, LedgerError> {
    let length = fs::metadata(folder.ledger()).map_or(0, |found| found.len());
    if length == 0 {
        let log = fs::metadata(folder.side("-wal")).map_or(0, |found| found.len());
        let left = log > 0 || folder.backup().exists();
        return Ok(if left { State::Damaged("it is gone or empty".to_owned()) } else { State::Absent });
    }
    match look_inside(folder, steps) {
        Err(LedgerError::Damaged { why }) => Ok(State::Damaged(why)),
        other => other,
    }
}

fn look_inside(folder: &Folder, steps: &[&[&str]]) -> Result<State, LedgerError> {
    let db = store::connect(folder)?;
    let found = store::version(&db)?;
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(LedgerError::Newer { folder: folder.path.clone(), found, known });
    }
    if found == 0 && store::is_empty(&db)? {
        return Ok(State::Absent);
    }
    if found <= 0 {
        return Ok(State::Damaged("it is no ledger of ours".to_owned()));
    }
    if folder.suspect().exists() {
        prove(&db, steps)?;
    }
    if found < known {
        return Ok(State::Older(db, usize::try_from(found).unwrap_or(0)));
    }
    if store::number(&db, "born")?.is_none() {
        return Ok(State::Damaged("it does not know when it began".to_owned()));
    }
    Ok(State::Sound(db))
}

/// Gives a sound ledger, whatever is found. Under the lock, so that nobody else mends.
pub(super) fn mend(
    folder: &Folder,
    _lock: &Held<'_>,
    now: Seconds,
    steps: &[&[&str]],
) -> Result<Connection, LedgerError> {
    // Set aside, restored, migrated: a copy that is itself bad takes one more turn.
    for _ in 0..4 {
        match look(folder, steps)? {
            State::Sound(db) => {
                tell(folder, &db, now)?;
                remove(&folder.suspect());
                return Ok(db);
            }
            State::Absent => make(folder, now, steps)?,
            State::Older(db, from) => {
                copy(folder, &db, &folder.path.join(format!("{BEFORE}{}.db", from + 1)))?;
                store::set_up(&db, from, steps)?;
            }
            State::Damaged(why) => replace(folder, &why, now, steps)?,
        }
    }
    Err(LedgerError::Damaged { why: "it cannot be mended".to_owned() })
}

fn make(folder: &Folder, now: Seconds, steps: &[&[&str]]) -> Result<(), LedgerError> {
    let path = folder.ledger();
    // Closed again before SQLite opens it: its locks must not be dropped by us.
    drop(folder.make(&path, false).map_err(|why| LedgerError::io(&path, why))?);
    let db = store::connect(folder)?;
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    let change = db.unchecked_transaction()?;
    store::lay_tables(&change, 0, steps)?;
    store::begin_totals(&change, now)?;
    change.commit()?;
    folder.own_sides();
    Ok(())
}

/// Sets the damaged files aside and puts the last good copy in their place, if there is one.
fn replace(folder: &Folder, why: &str, now: Seconds, steps: &[&[&str]]) -> Result<(), LedgerError> {
    let backup = folder.backup();
    let good = backup.exists() && is_good(&backup, steps);
    let (severity, message, action) = if good {
        (
            Severity::Warning,
            format!("The ledger was damaged ({why}); the last good copy took its place."),
            "The files are read again from there: no total is lost. Check the disk.",
        )
    } else {
        (
            Severity::Critical,
            format!("The ledger was damaged ({why}) and there is no good copy: totals begin at 0."),
            "Check the disk; the damaged files are kept beside the ledger as ledger-damaged-*.",
        )
    };
    // Written down before anything is moved: who is killed on the way leaves the story to the next.
    leave_story(folder, &Finding::note("ledger-damaged", severity, now, message, action))?;
    set_aside(folder, now)?;
    if good {
        return restore(folder, &backup);
    }
    remove(&backup);
    Ok(())
}

/// The marker of suspicion holds what is to be told once a sound ledger is there.
fn leave_story(folder: &Folder, story: &Finding) -> Result<(), LedgerError> {
    let path = folder.suspect();
    let text = serde_json::to_string(story).map_err(|_| LedgerError::unreadable("an event"))?;
    let mut file = folder.make(&path, false).map_err(|why| LedgerError::io(&path, why))?;
    // The first story counts: what follows in the same mending is its consequence.
    if file.metadata().is_ok_and(|found| found.len() > 0) {
        return Ok(());
    }
    file.write_all(text.as_bytes()).map_err(|why| LedgerError::io(&path, why))
}

/// The database first: without it nothing can mistake the rest for a whole.
fn set_aside(folder: &Folder, now: Seconds) -> Result<(), LedgerError> {
    let mut number = now;
    while folder.path.join(format!("{DAMAGED}{number}.db")).exists() {
        number += 1;
    }
    for side in ["", SIDES[0], SIDES[1]] {
        let (from, to) = (folder.side(side), folder.path.join(format!("{DAMAGED}{number}.db{side}")));
        match fs::rename(&from, &to) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                return Err(LedgerError::io(&from, why));
            }
            _ => {}
        }
    }
    drop_oldest(folder, number);
    Ok(())
}

fn drop_oldest(folder: &Folder, newest: Seconds) {
    let Ok(entries) = fs::read_dir(&folder.path) else { return };
    let mut damaged: Vec<(Seconds, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let number = name.strip_prefix(DAMAGED)?.split('.').next()?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    let mut numbers: Vec<Seconds> = damaged.iter().map(|(number, _)| *number).collect();
    // The one just made is the newest, whatever the clock says.
    numbers.sort_unstable_by_key(|number| (*number != newest, -number));
    numbers.dedup();
    damaged.retain(|(number, _)| numbers.iter().skip(KEPT).any(|old| old == number));
    damaged.iter().for_each(|(_, path)| remove(path));
}

/// Looks at every page, every table and everything that must be read back: an hour's work, or
/// that of a suspicion, never a tick's.
fn prove(db: &Connection, steps: &[&[&str]]) -> Result<(), LedgerError> {
    let damaged = |why: &str| Err(LedgerError::Damaged { why: why.to_owned() });
    if !store::is_sound(db)? {
        return damaged("its pages contradict each other");
    }
    let version = usize::try_from(store::version(db)?).unwrap_or(0);
    if version == 0 || store::tables(db)? != store::tables_of(steps, version)? {
        return damaged("its tables are not those we made");
    }
    // An older one is migrated before anything in it is read.
    if version == steps.len() {
        Tally::load(db, &Limits::default(), 0)?;
        findings::read(db, 0)?;
        events::after(db, 0, usize::MAX)?;
    }
    Ok(())
}

/// The copy lies still, so it can be read without SQLite's side files.
fn is_good(path: &Path, steps: &[&[&str]]) -> bool {
    let proved = open_still(path).and_then(|db| prove(&db, steps));
    proved.is_ok()
}

fn open_still(path: &Path) -> Result<Connection, LedgerError> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(uri, flags)?)
}

fn restore(folder: &Folder, backup: &Path) -> Result<(), LedgerError> {
    let source = open_still(backup)?;
    copy(folder, &source, &folder.path.join(LEDGER))
}

/// A copy of a whole ledger: complete and on disk before it gets its name.
pub(super) fn copy(folder: &Folder, db: &Connection, to: &Path) -> Result<(), LedgerError> {
    let path = folder.path.join("ledger-copying.db");
    remove(&path);
    let file = folder.make(&path, true).map_err(|why| LedgerError::io(&path, why))?;
    {
        let mut target = Connection::open(&path)?;
        target.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF")?;
        store::copy_pages(db, &mut target)?;
    }
    file.sync_all().map_err(|why| LedgerError::io(&path, why))?;
    fs::rename(&path, to).map_err(|why| LedgerError::io(to, why))
}

/// Replaces the hourly copy, but only by a ledger whose every page is sound.
pub(super) fn back_up(folder: &Folder, db: &Connection) -> Result<(), LedgerError> {
    if let Err(trouble) = prove(db, STEPS) {
        if trouble.is_damage() {
            suspect(folder);
        }
        return Err(trouble);
    }
    copy(folder, db, &folder.path.join(BACKUP))
}

/// Makes the next run look at every page.
pub(super) fn suspect(folder: &Folder) {
    // On a full disk the next run fails the same way and tries again.
    let _ = folder.make(&folder.suspect(), false);
}

fn tell(folder: &Folder, db: &Connection, now: Seconds) -> Result<(), LedgerError> {
    let text = fs::read_to_string(folder.suspect()).unwrap_or_default();
    let Ok(story) = findings::parse(&text) else { return Ok(()) };
    if events::newest_of(db, &story.id, i64::MAX)?.is_some() {
        return Ok(());
    }
    let change = db.unchecked_transaction()?;
    let story = [story];
    events::add(&change, &story, now)?;
    findings::keep(&change, &story, now)?;
    caught_up::revoke(&change)?;
    change.commit()?;
    Ok(())
}

fn remove(path: &Path) {
    // Whatever stays behind is overwritten or looked at again.
    let _ = fs::remove_file(path);
}
