//! A ledger that was harmed: never a crash loop, never totals without their cursors, never a
//! silent new beginning.

use super::*;
use crate::ledger::{damage, store};
use crate::record::{Finding, Severity};
use std::fs;
use std::os::unix::fs::FileExt;

type Harm = fn(&Path);

fn garble(path: &Path, from: u64, length: usize) {
    fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(&vec![0xa5; length], from).unwrap();
}

fn cut(path: &Path, length: u64) {
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

const HARMS: &[(&str, Harm)] = &[
    ("the header is garbage", |ledger| garble(ledger, 0, 100)),
    ("all is garbage", |ledger| garble(ledger, 0, fs::metadata(ledger).unwrap().len() as usize)),
    ("cut in the middle", |ledger| cut(ledger, fs::metadata(ledger).unwrap().len() / 2 / 4_096 * 4_096)),
    ("cut inside a page", |ledger| cut(ledger, 5_000)),
    ("only the header is left", |ledger| cut(ledger, 100)),
    ("emptied", |ledger| cut(ledger, 0)),
    ("removed", |ledger| fs::remove_file(ledger).unwrap()),
    ("a text file", |ledger| fs::write(ledger, "hello\n".repeat(2_000)).unwrap()),
    ("the first tables are garbage", |ledger| garble(ledger, 4_096, 8 * 4_096)),
    ("all but the first page is garbage", |ledger| {
        garble(ledger, 4_096, fs::metadata(ledger).unwrap().len() as usize - 4_096);
    }),
    ("somebody else's database", |ledger| {
        fs::remove_file(ledger).unwrap();
        let db = rusqlite::Connection::open(ledger).unwrap();
        db.execute_batch("CREATE TABLE theirs(x); PRAGMA user_version = 1").unwrap();
    }),
];

/// Three commits in the file itself; with `copy`, the hourly copy holds the first one.
fn harmed(folder: &Path, copy: bool, harm: Harm) {
    let mut ledger = open(folder, NOW);
    count(&mut ledger, 10).unwrap();
    if copy {
        ledger.tend().unwrap();
    }
    count(&mut ledger, 10).unwrap();
    store::checkpoint(&ledger.db).unwrap();
    drop(ledger);
    harm(&folder.join("ledger.db"));
}

/// Runs until one commits: damage may be met late in a run, but the next one mends it.
fn recover(folder: &Path, now: Seconds, name: &str) -> Ledger {
    for _ in 0..2 {
        let mut ledger = open(folder, now);
        let run = ledger.lock(soon()).and_then(|locked| {
            locked.findings()?;
            cursor(&locked.notes("accounting"));
            locked.commit()
        });
        if run.is_ok() {
            return ledger;
        }
    }
    panic!("{name}: a crash loop");
}

/// What a consumer that knows nothing is told about it.
fn stories(ledger: &Ledger) -> Vec<Finding> {
    let events = ledger.glance().unwrap().news("c", 9).unwrap().events;
    let told = events.into_iter().map(|event| event.finding);
    told.filter(|finding| finding.finding == "ledger-damaged").collect()
}

#[test]
fn the_last_good_copy_takes_the_place_of_a_damaged_ledger() {
    for (name, harm) in HARMS {
        let folder = tempfile::tempdir().unwrap();
        harmed(folder.path(), true, *harm);
        let mut ledger = recover(folder.path(), NOW + 60, name);
        assert_eq!(committed(&ledger), 10, "{name}");
        assert_eq!(ledger.vitals().unwrap().born_seconds, NOW, "{name}");
        assert_eq!(stories(&ledger)[0].severity, Severity::Warning, "{name}");
        assert_eq!(delivered(&count(&mut ledger, 5).unwrap()), 15, "{name}");
        assert_eq!(committed(&open(folder.path(), NOW + 61)), 15, "{name}");
    }
}

#[test]
fn without_a_good_copy_totals_begin_anew_and_it_is_told() {
    for (name, harm) in HARMS {
        for bad_copy in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            harmed(folder.path(), bad_copy, *harm);
            if bad_copy {
                garble(&folder.path().join("ledger-copy.db"), 4_096, 9_000);
            }
            let ledger = recover(folder.path(), NOW + 60, name);
            assert_eq!(committed(&ledger), 0, "{name}");
            assert_eq!(ledger.vitals().unwrap().born_seconds, NOW + 60, "{name}");
            let nothing_left = !bad_copy && matches!(*name, "emptied" | "removed");
            if !nothing_left {
                assert_eq!(stories(&ledger)[0].severity, Severity::Critical, "{name}");
            }
        }
    }
}

/// Killed between setting aside and telling, the story is told by the run after, and only once.
#[test]
fn the_story_survives_whoever_was_killed_while_mending() {
    let folder = tempfile::tempdir().unwrap();
    harmed(folder.path(), true, |ledger| garble(ledger, 0, 100));
    let ledger = recover(folder.path(), NOW + 60, "killed");
    let story = stories(&ledger).remove(0);
    let told = |ledger: &Ledger| -> i64 {
        ledger.db.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap()
    };
    // As if killed before the marker was removed, and then as if killed before it was told.
    let marker = folder.path().join("ledger-suspect");
    assert!(!marker.exists());
    for forget in [false, true] {
        if forget {
            ledger.db.execute_batch("DELETE FROM events; DELETE FROM findings").unwrap();
        }
        fs::write(&marker, serde_json::to_string(&story).unwrap()).unwrap();
        let again = recover(folder.path(), NOW + 70, "again");
        assert_eq!((told(&again), marker.exists()), (1, false));
        assert_eq!(stories(&again), std::slice::from_ref(&story));
    }
}

#[test]
fn a_damaged_log_leaves_an_earlier_commit_whole() {
    for at in [0, 40, 5_000, 9_000, 20_000] {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = open(folder.path(), NOW);
        for _ in 0..5 {
            count(&mut ledger, 10).unwrap();
        }
        drop(ledger);
        garble(&folder.path().join("ledger.db-wal"), at, 50);
        let mut ledger = recover(folder.path(), NOW + 1, "the log is damaged");
        let left = committed(&ledger);
        assert!([0, 10, 20, 30, 40, 50].contains(&left), "{left}");
        assert_eq!(delivered(&count(&mut ledger, 5).unwrap()), left + 5);
    }
}

#[test]
fn at_most_two_damaged_ledgers_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    // The clock stands still, goes on, and goes back.
    for now in [NOW, NOW, NOW + 60, NOW + 120, NOW + 30] {
        harmed(folder.path(), false, |ledger| garble(ledger, 0, 100));
        recover(folder.path(), now, "again and again");
    }
    let mut kept: Vec<_> = (fs::read_dir(folder.path()).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("ledger-damaged-") && name.ends_with(".db"))
        .collect();
    kept.sort();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept.contains(&format!("ledger-damaged-{}.db", NOW + 30)), "{kept:?}");
}

#[test]
fn a_newer_ledger_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), NOW);
    ledger.db.pragma_update(None, "user_version", 99).unwrap();
    store::checkpoint(&ledger.db).unwrap();
    drop(ledger);
    let before = fs::read(folder.path().join("ledger.db")).unwrap();
    let refused = Ledger::open(&place(folder.path()), Limits::default(), &tick(NOW)).unwrap_err();
    assert!(matches!(refused, LedgerError::Newer { found: 99, .. }), "{refused}");
    assert_eq!(fs::read(folder.path().join("ledger.db")).unwrap(), before);
}

#[test]
fn an_older_ledger_is_migrated_after_a_copy_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    count(&mut open(folder.path(), NOW), 10).unwrap();
    let ledger = open(folder.path(), NOW);
    let home = ledger.home.as_ref().unwrap();
    let held = ledger.hold(soon()).unwrap().unwrap();
    let steps = |last: &'static [&'static str]| [store::STEPS, &[&["CREATE TABLE extra(x)"], last]].concat();

    let failing = steps(&["CREATE TABLE more(x)", "CREATE TABLE extra(x)"]);
    assert!(damage::mend(&home.folder, &held, NOW, &failing).is_err());
    assert_eq!(committed(&ledger), 10);
    assert_eq!(store::version(&ledger.db).unwrap(), store::STEPS.len() as i64, "all steps or none");

    let db = damage::mend(&home.folder, &held, NOW, &steps(&["CREATE TABLE more(x)"])).unwrap();
    assert_eq!(store::version(&db).unwrap(), store::STEPS.len() as i64 + 2);
    db.execute_batch("INSERT INTO extra SELECT x FROM more").unwrap();
    assert_eq!(committed(&ledger), 10);
    let copy = rusqlite::Connection::open(folder.path().join("ledger-before-2.db")).unwrap();
    assert_eq!(store::version(&copy).unwrap(), store::STEPS.len() as i64);
}

#[test]
fn a_copy_is_only_replaced_by_a_sound_ledger() {
    let folder = tempfile::tempdir().unwrap();
    harmed(folder.path(), true, |ledger| garble(ledger, fs::metadata(ledger).unwrap().len() - 4_096, 4_096));
    let mut ledger = open(folder.path(), NOW + 4_000);
    let tended = ledger.tend();
    assert!(matches!(tended, Err(LedgerError::Damaged { .. })), "{tended:?}");
    drop(ledger);
    assert_eq!(committed(&recover(folder.path(), NOW + 4_001, "found by the hourly look")), 10);
}

/// Pages may be sound while their contents make no sense; such a ledger is replaced, too.
#[test]
fn contents_that_cannot_be_read_back_are_damage() {
    let harms = [
        "UPDATE slots SET counts = x'ffffffffffffffffffffffff'",
        "UPDATE sketches SET sketch = x'05'",
        "INSERT INTO findings(id, finding) VALUES('x', 'no json')",
        "DROP TABLE notes",
        "DELETE FROM facts",
    ];
    for harm in harms {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = open(folder.path(), NOW);
        let mut locked = ledger.lock(soon()).unwrap();
        for number in 0..60 {
            let name = format!("p{number}.example");
            raise_one(&mut locked, &name);
        }
        locked.commit().unwrap();
        ledger.tend().unwrap();
        ledger.db.execute_batch(harm).unwrap();
        drop(ledger);
        let ledger = recover(folder.path(), NOW + 1, harm);
        assert_eq!(delivered(&ledger.glance().unwrap().tally().unwrap()), 60, "{harm}");
        assert_eq!(stories(&ledger).len(), 1, "{harm}");
    }
}

fn raise_one(locked: &mut Locked<'_>, name: &str) {
    locked.tally().add(&record(Kind::Delivered, NOW, b"v1"), Provider::Domain(name), name, None);
}

#[test]
fn a_run_that_was_overtaken_by_a_mending_one_counts_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    count(&mut open(folder.path(), NOW), 10).unwrap();
    let mut overtaken = open(folder.path(), NOW);
    damage::suspect(&overtaken.home.as_ref().unwrap().folder);
    overtaken.db.execute_batch("DROP TABLE growth").unwrap();
    count(&mut open(folder.path(), NOW + 1), 1).unwrap();
    assert!(matches!(overtaken.lock(soon()).map(|_| ()), Err(LedgerError::Busy)));
    assert!(overtaken.tend().is_ok(), "it leaves the copy alone");
    assert_eq!(committed(&open(folder.path(), NOW + 2)), 1);
}

#[test]
fn a_run_that_was_overtaken_by_a_newer_program_leaves_its_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    count(&mut open(folder.path(), NOW), 10).unwrap();
    let mut overtaken = open(folder.path(), NOW);
    open(folder.path(), NOW).db.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(overtaken.lock(soon()).map(|_| ()), Err(LedgerError::Newer { found: 99, .. })));
}
