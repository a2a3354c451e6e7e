//! A ledger that was harmed, or that another version wrote: never a crash loop, never a total
//! that falls unless totals began anew, and then it is told once.

use super::{born, busy, events, fine, health};
use crate::rig::{Rig, Shown, equal};
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
