//! The ledger as a run uses it: what is committed stays, what is not never was.

mod damaged;
mod exact;
mod shared;
mod told;

use super::*;
use crate::classify::Provider;
use crate::record::{Delivery, Kind, Memory, Seconds, Tick, Value};
use std::path::Path;
use std::time::{Duration, Instant};

/// A Tuesday.
const NOW: Seconds = 1_760_000_000;

fn tick(now: Seconds) -> Tick {
    let started = Instant::now();
    Tick { now_ns: now * 1_000_000_000, started, deadline: started + Duration::from_secs(30) }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

fn place(folder: &Path) -> Place {
    Place { folder: folder.to_owned(), shared: true }
}

fn open(folder: &Path, now: Seconds) -> Ledger {
    Ledger::open(&place(folder), Limits::default(), &tick(now)).unwrap()
}

fn record(kind: Kind, logged: Seconds, vmta: &[u8]) -> Delivery<'_> {
    Delivery { queued: Some(logged - 3), size: 1_000, vmta, ..Delivery::blank(kind, logged) }
}

/// Counts `records` deliveries and notes how many there were in all, as a cursor would.
fn raise(locked: &mut Locked<'_>, records: u64) {
    let mut notes = locked.notes("accounting");
    let before = cursor(&notes);
    notes.put("cursor", &(before + records).to_le_bytes());
    for _ in 0..records {
        locked.tally().add(&record(Kind::Delivered, NOW, b"v1"), Provider::Named(1), "Gmail", None);
    }
}

fn cursor(notes: &dyn Memory) -> u64 {
    notes.get("cursor").map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

fn count(ledger: &mut Ledger, records: u64) -> Result<Tally, LedgerError> {
    let mut locked = ledger.lock(soon())?;
    raise(&mut locked, records);
    locked.commit()
}

fn delivered(tally: &Tally) -> u64 {
    match tally.rows().first().and_then(|row| row.field("delivered_total").cloned()) {
        Some(Value::Int(total)) => total as u64,
        other => panic!("{other:?}"),
    }
}

/// The committed total and the committed cursor, which must always agree.
fn committed(ledger: &Ledger) -> u64 {
    let glance = ledger.glance().unwrap();
    let total = delivered(&glance.tally().unwrap());
    assert_eq!(total, cursor(&glance.notes("accounting").unwrap()), "totals and cursors disagree");
    total
}

#[test]
fn totals_go_on_in_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    for run in 1..=5 {
        let mut ledger = open(folder.path(), NOW + run * 200);
        assert_eq!(delivered(&count(&mut ledger, 10).unwrap()), run as u64 * 10);
        assert_eq!(committed(&ledger), run as u64 * 10);
        ledger.tend().unwrap();
    }
    let vitals = open(folder.path(), NOW + 9_999).vitals().unwrap();
    assert_eq!(vitals.born_seconds, NOW + 200);
    assert!(vitals.shared_state && vitals.writable && vitals.state_bytes > 10_000, "{vitals:?}");
}

#[test]
fn what_is_dropped_never_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), NOW);
    count(&mut ledger, 10).unwrap();
    let mut locked = ledger.lock(soon()).unwrap();
    raise(&mut locked, 5);
    drop(locked);
    assert_eq!(committed(&ledger), 10);
    assert_eq!(delivered(&count(&mut ledger, 1).unwrap()), 11, "the lock is free and nothing is left over");
}

#[test]
fn a_reader_needs_no_lock_and_sees_commits_only() {
    let folder = tempfile::tempdir().unwrap();
    let (mut first, mut second) = (open(folder.path(), NOW), open(folder.path(), NOW));
    count(&mut first, 10).unwrap();
    let mut locked = first.lock(soon()).unwrap();
    raise(&mut locked, 5);
    assert_eq!(committed(&second), 10);
    assert!(matches!(second.lock(Instant::now()), Err(LedgerError::Busy)));
    locked.commit().unwrap();
    assert_eq!(committed(&second), 15);
    assert_eq!(delivered(&count(&mut second, 1).unwrap()), 16);
}

#[test]
fn a_full_disk_costs_nothing_but_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), NOW);
    count(&mut ledger, 10).unwrap();
    let pages: i64 = ledger.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    ledger.db.pragma_update(None, "max_page_count", pages).unwrap();
    for _ in 0..2 {
        let mut locked = ledger.lock(soon()).unwrap();
        raise(&mut locked, 5);
        let mut notes = locked.notes("accounting");
        (0..200).for_each(|number| notes.put(&format!("file{number}"), &[7; 500]));
        assert!(matches!(locked.commit(), Err(LedgerError::Full)));
        assert_eq!(committed(&ledger), 10);
    }
    drop(ledger);
    assert_eq!(delivered(&count(&mut open(folder.path(), NOW), 5).unwrap()), 15);
}

#[test]
fn notes_are_read_through_what_is_pending() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), NOW);
    let locked = ledger.lock(soon()).unwrap();
    let mut notes = locked.notes("logs");
    for key in ["a/1", "a/2", "b/1", "a%"] {
        notes.put(key, key.as_bytes());
    }
    locked.notes("other").put("a/9", b"not yours");
    locked.commit().unwrap();

    let locked = ledger.lock(soon()).unwrap();
    let mut notes = locked.notes("logs");
    notes.remove("a/1");
    notes.put("a/3", b"new");
    notes.put("a/2", b"changed");
    let keys = |notes: &dyn Memory, prefix: &str| -> Vec<String> {
        notes.scan(prefix).into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(keys(&notes, "a/"), ["a/2", "a/3"]);
    assert_eq!(keys(&notes, ""), ["a%", "a/2", "a/3", "b/1"]);
    assert_eq!((notes.get("a/1"), notes.get("a/2")), (None, Some(b"changed".to_vec())));
    let mut aside = crate::record::Notes::default();
    aside.put("x", b"1");
    locked.keep_notes("web", aside);
    locked.commit().unwrap();

    let glance = ledger.glance().unwrap();
    assert_eq!(keys(&glance.notes("logs").unwrap(), ""), ["a%", "a/2", "a/3", "b/1"]);
    assert_eq!(keys(&glance.notes("web").unwrap(), ""), ["x"]);
}

#[test]
fn a_rehearsal_works_and_leaves_no_trace() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state");
    let rehearse = || Ledger::rehearse(&place(&folder), Limits::default(), &tick(NOW)).unwrap();
    assert_eq!(delivered(&count(&mut rehearse(), 3).unwrap()), 3);
    assert!(!folder.exists());
    count(&mut open(&folder, NOW), 10).unwrap();
    assert_eq!(delivered(&count(&mut rehearse(), 3).unwrap()), 13);
    assert_eq!(committed(&open(&folder, NOW)), 10);
}

#[test]
fn an_idle_run_writes_nothing_and_a_closed_bucket_empties_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = || std::fs::metadata(folder.path().join("ledger.db-wal")).map_or(0, |found| found.len());
    count(&mut open(folder.path(), NOW), 10).unwrap();
    count(&mut open(folder.path(), NOW + 1), 10).unwrap();
    let after_work = log();
    assert!(after_work > 0, "closing must not checkpoint");
    open(folder.path(), NOW + 2).lock(soon()).unwrap().commit().unwrap();
    assert_eq!(log(), after_work);
    count(&mut open(folder.path(), NOW + 301), 1).unwrap();
    assert_eq!(log(), 0);
    assert_eq!(committed(&open(folder.path(), NOW + 302)), 21);
}

#[test]
fn the_copy_is_an_hour_old_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let copied = || {
        let db = rusqlite::Connection::open(folder.path().join("ledger-copy.db")).unwrap();
        delivered(&Tally::load(&db, &Limits::default(), NOW).unwrap())
    };
    for (after, expected) in [(0, 10), (3_599, 10), (3_600, 30), (100, 40)] {
        let mut ledger = open(folder.path(), NOW + after);
        count(&mut ledger, 10).unwrap();
        ledger.tend().unwrap();
        assert_eq!(copied(), expected, "after {after} s; a clock set back must not stop it");
    }
    std::fs::remove_file(folder.path().join("ledger-copy.db")).unwrap();
    open(folder.path(), NOW + 101).tend().unwrap();
    assert_eq!(copied(), 40);
}
