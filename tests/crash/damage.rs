//! A ledger that was harmed, or that another version wrote: never a crash loop, never a total
//! that falls unless totals began anew, and then it is told once.

use super::{born, busy, events, fine, health};
use crate::rig::{Metrics, Rig, Shown, equal};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

type Harm = fn(&Path);

fn garble(path: &Path, at: u64, length: usize) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(&vec![0xa5; length], at).unwrap();
}

fn cut(path: &Path, length: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

fn size(path: &Path) -> usize {
    usize::try_from(fs::metadata(path).unwrap().len()).unwrap()
}

const HARMS: &[(&str, Harm)] = &[
    ("all garbage", |ledger| garble(ledger, 0, size(ledger))),
    ("garbage in the header", |ledger| garble(ledger, 0, 100)),
    ("garbage behind the first page", |ledger| garble(ledger, 4_096, size(ledger) - 4_096)),
    ("cut in half", |ledger| cut(ledger, size(ledger) as u64 / 2)),
    ("cut inside a page", |ledger| cut(ledger, 5_000)),
    ("emptied", |ledger| cut(ledger, 0)),
    ("zeros", |ledger| fs::write(ledger, vec![0; size(ledger)]).unwrap()),
    ("removed", |ledger| fs::remove_file(ledger).unwrap()),
    ("a text", |ledger| fs::write(ledger, "not a ledger\n".repeat(1_000)).unwrap()),
];

const EVENT: &str = "ledger-damaged";

/// A ledger with an hour-old copy, whose commits since then lie in the file itself.
fn harmed(rig: &Rig, shown: &mut Shown, harm: Harm) {
    shown.see(rig.collect(&[]));
    rig.pass(10);
    shown.see(rig.collect(&[]));
    // By a clock that is five minutes ahead the last bucket is closed: the log is empty, and only
    // the file knows.
    rig.pass(10);
    let mut ahead = rig.command_at(rig.host.now() + 300);
    shown.see(fine(&ahead.args(["collect", "--consumer", "rig"]).output().unwrap()));
    rig.pass(10);
    fs::write(rig.state().join("ledger.db-wal"), "").unwrap();
    harm(&rig.state().join("ledger.db"));
}

#[test]
fn from_the_last_good_copy_everything_is_read_again() {
    for (name, harm) in HARMS {
        println!("{name}");
        let (rig, mut shown) = (busy(), Shown::default());
        harmed(&rig, &mut shown, *harm);
        let before = born(&shown.last);
        let mut told = Vec::new();
        let mut up = 0;
        for _ in 0..4 {
            let metrics = shown.see(rig.collect(&[]));
            if health(metrics, "ledger_up") == 1 {
                equal(metrics, &rig.host.totals());
                assert_eq!(born(metrics), before, "{name}: totals went on");
                up += 1;
            }
            told.push(events(metrics, EVENT));
            rig.pass(10);
        }
        assert!(up >= 3, "{name}: a damaged ledger costs one run at most");
        let told: Vec<_> = told.concat();
        assert_eq!(told, ["warning"; 3], "{name}: one event, told three times");
    }
}

#[test]
fn without_a_good_copy_totals_begin_anew_and_it_is_told_once() {
    for (name, harm) in HARMS {
        println!("{name}");
        let (rig, mut shown) = (busy(), Shown::default());
        harmed(&rig, &mut shown, *harm);
        garble(&rig.state().join("ledger-copy.db"), 4_096, 20_000);
        let before = born(&shown.last);
        let mut anew = Shown::default();
        let (mut start, mut told) = (None, Vec::new());
        for _ in 0..4 {
            let metrics = anew.see(rig.collect(&[]));
            if health(metrics, "ledger_up") == 1 {
                assert!(born(metrics) > before, "{name}: hosts must see that totals began anew");
                let begin = start.get_or_insert(rig.host.totals());
                equal(metrics, &rig.host.totals().since(begin));
            }
            told.extend(events(metrics, EVENT));
            rig.pass(10);
        }
        assert!(start.is_some(), "{name}: a crash loop");
        assert_eq!(told, ["critical"; 3], "{name}: one event, told three times");
    }
}

/// What the log has lost is read again before anything is printed.
#[test]
fn a_damaged_log_makes_no_total_fall() {
    type Place = fn(usize) -> u64;
    let places: [Place; 5] = [|_| 0, |_| 30, |_| 4_200, |size| size as u64 / 2, |size| size as u64 - 600];
    for place in places {
        let (rig, mut shown) = (busy(), Shown::default());
        for _ in 0..4 {
            shown.see(rig.collect(&[]));
            rig.pass(5);
        }
        let log = rig.state().join("ledger.db-wal");
        garble(&log, place(size(&log)), 500);
        for _ in 0..3 {
            let metrics = shown.see(rig.collect(&[]));
            equal(metrics, &rig.host.totals());
            rig.pass(5);
        }
        // Cut off instead.
        cut(&log, place(size(&log)));
        equal(shown.see(rig.collect(&[])), &rig.host.totals());
    }
}

#[test]
fn the_ledger_of_a_newer_version_is_left_alone() {
    let (rig, mut shown) = (busy(), Shown::default());
    shown.see(rig.collect(&[]));
    let path = rig.state().join("ledger.db");
    let set = |version: i64| {
        let db = rusqlite::Connection::open(&path).unwrap();
        let ours: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        db.pragma_update(None, "user_version", version).unwrap();
        ours
    };
    let ours = set(99);
    let before = fs::read(&path).unwrap();
    rig.pass(10);
    for _ in 0..2 {
        let output = rig.run(&["collect", "--consumer", "rig"]);
        assert!(String::from_utf8_lossy(&output.stderr).contains("newer version"));
        let metrics = fine(&output);
        assert_eq!(health(&metrics, "ledger_up"), 0);
        assert!(metrics.series("pmta_totals", &[], "delivered_total").next().is_none());
        assert!(metrics.series("pmta", &[], "up").next().is_some(), "gauges go on");
        shown.see(metrics);
    }
    assert_eq!(fs::read(&path).unwrap(), before, "not a byte was changed");
    assert_eq!(set(ours), 99);
    equal(shown.see(rig.collect(&[])), &rig.host.totals());
}

/// A deadline that is over before the files' turn comes.
const NO_TIME: [&str; 2] = ["--deadline", "1ms"];

/// No run may show a total before everything is read again that the ledger has forgotten.
fn holds_back(rig: &Rig, shown: &mut Shown) {
    for _ in 0..3 {
        rig.pass(1);
        let metrics = shown.see(rig.collect(&NO_TIME));
        assert_eq!(health(metrics, "catching_up"), 1);
        assert_eq!(metrics.totals().into_keys().collect::<Vec<_>>(), Vec::<String>::new());
        assert!(metrics.int("pmta_collector", &[("source", "accounting")], "lag_bytes") > 0);
        // Neither does a run that only looks.
        let other = Metrics::read(&rig.collect(&["--dry-run", "--deadline", "1ms"]).text);
        assert!(other.totals().is_empty());
    }
    let metrics = shown.see(rig.collect(&[]));
    assert_eq!(health(metrics, "catching_up"), 0);
    equal(metrics, &rig.host.totals());
    shown.see(rig.collect(&NO_TIME));
    assert_eq!(health(&shown.last, "catching_up"), 0, "an ordinary lag holds nothing back");
    assert!(!shown.last.totals().is_empty());
}

#[test]
fn a_restored_ledger_shows_no_total_before_it_has_caught_up() {
    for (name, harm) in HARMS {
        println!("{name}");
        let (rig, mut shown) = (busy(), Shown::default());
        harmed(&rig, &mut shown, *harm);
        let before = born(&shown.last);
        // The run that meets the damage shows what it can, and mends nothing itself.
        shown.see(rig.collect(&NO_TIME));
        holds_back(&rig, &mut shown);
        assert_eq!(born(&shown.last), before, "{name}: totals went on");
    }
}

/// What the copy knew of and is gone by now cannot be counted again: totals begin anew.
#[test]
fn what_cannot_be_read_again_changes_when_totals_began() {
    let (rig, mut shown) = (busy(), Shown::default());
    let (_, harm) = HARMS[0];
    shown.see(rig.collect(&[]));
    rig.pass(10);
    // Not all of it is read when the copy is made.
    fs::remove_file(rig.state().join("ledger-copy.db")).unwrap();
    shown.see(rig.collect(&NO_TIME));
    assert!(rig.state().join("ledger-copy.db").exists());
    harmed(&rig, &mut shown, harm);
    let before = born(&shown.last);
    rig.host.rotate_accounting().unwrap();
    let live = rig.host.live_files();
    for folder in [rig.host.log_folder(), rig.host.log_folder().join("archive")] {
        for path in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            if path.to_string_lossy().contains(".csv") && !live.contains(&path) {
                fs::remove_file(path).unwrap();
            }
        }
    }
    let mut anew = Shown::default();
    let mut held_back = 0;
    for _ in 0..15 {
        rig.pass(10);
        let metrics = rig.collect(&[]);
        if health(&metrics, "catching_up") == 1 {
            held_back += 1;
            assert!(metrics.totals().is_empty());
        } else if health(&metrics, "ledger_up") == 1 {
            assert!(born(&metrics) > before, "hosts must see that totals began anew");
            anew.see(metrics);
        }
    }
    assert!(held_back > 3, "it is waited for");
    assert!(anew.last.int("pmta_collector", &[("source", "accounting")], "lost_incidents_total") > 0);
}

/// After another start of the host the ledger may be a bucket older than what was shown.
#[test]
fn a_ledger_that_a_power_cut_set_back_shows_no_total_before_it_has_caught_up() {
    let (rig, mut shown) = (busy(), Shown::default());
    let boot = |id: &str| {
        let folder = rig.folder.path().join("proc/sys/kernel/random");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("boot_id"), id).unwrap();
    };
    boot("4d0c1b55-first");
    shown.see(rig.collect(&[]));
    for _ in 0..3 {
        rig.pass(10);
        shown.see(rig.collect(&[]));
    }
    // What was never written to the disk.
    fs::write(rig.state().join("ledger.db-wal"), "").unwrap();
    boot("9a7b3e21-second");
    holds_back(&rig, &mut shown);
}
