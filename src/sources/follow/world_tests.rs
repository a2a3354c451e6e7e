//! Old files by the thousand, files that cannot be read, and how time is told. It tests no rotation.

use super::book::Seen;
use super::simulated::Simulated;
use super::trial::{BEGIN, Ground, HEADER, Heard, Real, Trial, gzip};
use crate::record::Memory;
use crate::sources::SourceError;
use std::rc::Rc;

const NONE: [u32; 0] = [];

fn simulated() -> (Rc<Simulated>, Trial) {
    let ground = Rc::new(Simulated::default());
    let trial = Trial::new(Rc::clone(&ground) as Rc<dyn Ground>);
    (ground, trial)
}

/// So many finished files, a minute apart, and a live one.
fn old_files(trial: &mut Trial, count: u32) {
    trial.now -= 60 * i64::from(count) + 600;
    for turn in 0..count {
        trial.now += 60;
        trial.write(&format!("moved/acct-2026-11-23-{turn:05}.csv"), 1);
    }
    trial.now += 600;
    trial.write("acct.csv", 1);
}

#[test]
fn old_files_cost_nothing_once_they_are_known() {
    for (from_start, count) in [(false, 3_000), (true, 500)] {
        let (ground, mut trial) = simulated();
        old_files(&mut trial, count);
        trial.from_start = from_start;
        let mut read = trial.ticks(4);
        read.sort_unstable();
        let expected: Vec<u32> = if from_start { (1..=count + 1).collect() } else { Vec::new() };
        assert!(read == expected, "{} of {} records", read.len(), expected.len());
        // Everything finished is closed once its successors are quiet.
        trial.now += 1_000;
        assert_eq!(trial.ticks(3), NONE);
        trial.write("acct.csv", 1);
        ground.forget_calls();
        assert_eq!(trial.tick().records, [count + 2]);
        let calls = ground.calls();
        assert_eq!((calls.listed, calls.stats), (0, 0), "from start: {from_start}");
        assert!(calls.opened.len() <= 2, "{:?}", calls.opened);
    }
}

#[test]
fn ten_thousand_are_remembered_and_what_is_gone_the_longest_goes_first() {
    let (_, mut trial) = simulated();
    old_files(&mut trial, 10);
    trial.tick();
    // As if ten thousand more had come and gone, each a second after the other.
    let key = |turn: u64| format!("follow/seen/7-{turn}");
    for turn in 0..10_000 {
        let gone_ns = Some(trial.now * 1_000_000_000 + i64::try_from(turn).unwrap());
        let seen = Seen { source: "/simulated/acct.csv".to_owned(), gone_ns, ..Seen::default() };
        trial.notes.put(&key(turn), &serde_json::to_vec(&seen).unwrap());
    }
    let state = String::from_utf8(trial.notes.get("follow/state").unwrap()).unwrap();
    let state = state.replace("\"seen\":10,", "\"seen\":10010,");
    trial.notes.put("follow/state", state.as_bytes());
    trial.write("moved/acct-2026-11-24-0000.csv", 1);
    assert_eq!(trial.tick().records, [12]);
    assert_eq!(trial.notes.scan("follow/seen/").len(), 10_000);
    let kept = |turn: u64| trial.notes.get(&key(turn)).is_some();
    assert!(!kept(0) && !kept(9) && kept(10) && kept(9_999), "the longest gone go first");
    trial.now += 400;
    assert_eq!(trial.tick().records, NONE, "what is still there is still known");
}

#[test]
fn files_that_are_gone_are_forgotten_first() {
    let (ground, mut trial) = simulated();
    old_files(&mut trial, 10);
    trial.tick();
    for turn in 0..5 {
        ground.remove(&format!("moved/acct-2026-11-23-{turn:05}.csv"), trial.now);
    }
    trial.now += 100_000;
    trial.tick();
    let gone = |trial: &Trial| {
        let all = trial.notes.scan("follow/seen/");
        let seen = all.iter().map(|(_, value)| serde_json::from_slice::<Seen>(value).unwrap());
        seen.filter(|seen| seen.gone_ns.is_some()).count()
    };
    assert_eq!((gone(&trial), trial.notes.scan("follow/seen/").len()), (5, 10));
    trial.now += 31 * 86_400;
    trial.tick();
    assert_eq!((gone(&trial), trial.notes.scan("follow/seen/").len()), (0, 5));
}

#[test]
fn a_file_that_may_not_be_read_is_told_and_read_later() {
    let (ground, mut trial) = simulated();
    trial.write("acct.csv", 1);
    trial.tick();
    trial.write("acct.csv", 1);
    ground.rename("acct.csv", "acct.csv.1", trial.now);
    trial.write("acct.csv", 1);
    ground.deny("acct.csv");
    trial.now += 10;
    let mut heard = Heard::default();
    let denied = trial.run(&mut heard).unwrap_err();
    assert!(matches!(&denied, SourceError::Denied { what, .. } if what.ends_with("acct.csv")), "{denied}");
    assert!(denied.to_string().contains("group"), "{denied}");
    assert_eq!(heard.records, [2], "the others are read");
    ground.allow("acct.csv");
    assert_eq!(trial.tick().records, [3]);
    // One that is followed may become unreadable: it is waited for and not lost.
    trial.write("acct.csv", 1);
    ground.deny("acct.csv");
    for _ in 0..20 {
        trial.now += 10;
        let mut heard = Heard::default();
        assert!(trial.run(&mut heard).is_err());
        assert_eq!(heard.counters["lost_incidents_total"], 0);
    }
    ground.allow("acct.csv");
    assert_eq!(trial.tick().records, [4]);
}

#[test]
fn a_symbolic_link_is_the_file_that_it_names() {
    let ground = Rc::new(Real::new());
    let root = ground.root();
    let mut trial = Trial::new(ground);
    trial.write("moved/today.csv", 1);
    std::os::unix::fs::symlink("moved/today.csv", root.join("acct.csv")).unwrap();
    assert_eq!(trial.tick().records, NONE);
    trial.write("moved/today.csv", 2);
    assert_eq!(trial.tick().records, [2, 3]);
    // The link is moved on to the next day's file; a dangling and a circular one harm nobody.
    trial.write("moved/today.csv", 1);
    trial.write("moved/tomorrow.csv", 2);
    std::fs::remove_file(root.join("acct.csv")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.join("acct.csv.2")).unwrap();
    std::os::unix::fs::symlink("acct.csv.3", root.join("acct.csv.3")).unwrap();
    std::os::unix::fs::symlink("moved/today.csv", root.join("acct.csv.1")).unwrap();
    std::os::unix::fs::symlink("moved/tomorrow.csv", root.join("acct.csv")).unwrap();
    let mut read = trial.ticks(2);
    read.sort_unstable();
    assert_eq!(read, [4, 5, 6]);
}

#[test]
fn a_glob_finds_sources_that_come_later() {
    let (_, mut trial) = simulated();
    trial.pattern = "*acct.csv";
    trial.write("a-acct.csv", 1);
    assert_eq!(trial.tick().records, NONE);
    trial.write("b-acct.csv", 2);
    assert_eq!(trial.tick().records, [2, 3], "its pattern was watched before it was there");
    trial.write("c-other.csv", 1);
    trial.write("a-acct.csv", 1);
    assert_eq!(trial.ticks(2), [5]);
}

#[test]
fn the_watermark_is_the_least_of_the_files_that_speak() {
    let (ground, mut trial) = simulated();
    trial.pattern = "?cct.csv";
    trial.write("acct.csv", 1);
    trial.write("bcct.csv", 1);
    trial.tick();
    let row = |time: i64| format!("d,{time},user@r7.example,1\n");
    ground.append("acct.csv", row(trial.now - 40).as_bytes(), trial.now);
    ground.append("bcct.csv", row(trial.now - 5).as_bytes(), trial.now);
    let begun = trial.now;
    assert_eq!(trial.tick().watermarks.last(), Some(&(begun - 40)));
    // One that has been silent for a minute holds nobody up.
    trial.now += 40;
    ground.append("bcct.csv", row(trial.now).as_bytes(), trial.now);
    assert_eq!(trial.tick().watermarks.last(), Some(&(begun - 40)));
    trial.now += 20;
    let spoke = trial.now;
    ground.append("bcct.csv", row(spoke).as_bytes(), trial.now);
    assert_eq!(trial.tick().watermarks.last(), Some(&spoke));
    // When nobody has spoken for a minute, time goes on by itself.
    trial.now += 80;
    assert_eq!(trial.tick().watermarks.last(), Some(&trial.now));
}

#[test]
fn what_is_stamped_far_ahead_moves_no_watermark() {
    let (ground, mut trial) = simulated();
    trial.write("acct.csv", 1);
    trial.tick();
    let now = trial.now + 10;
    for ahead in [0, 300, 301, 86_400] {
        ground.append("acct.csv", format!("d,{},user@r7.example,1\n", now + ahead).as_bytes(), now);
    }
    let heard = trial.tick();
    assert_eq!((heard.records.len(), heard.counters["bad_time_total"]), (4, 2));
    assert_eq!(heard.watermarks.last(), Some(&(now + 300)));
    assert!(now > BEGIN);
}

#[test]
fn what_another_program_packed_unread_is_lost_and_told() {
    for ending in [".zst", ".xz", ".bz2"] {
        let (ground, mut trial) = simulated();
        trial.write("acct.csv", 1);
        trial.tick();
        trial.write("acct.csv", 2);
        let short = Heard { enough_after: Some(0), ..Heard::default() };
        trial.now += 10;
        trial.run(&mut { short }).unwrap();
        ground.remove("acct.csv", trial.now);
        ground.append(&format!("acct.csv.1{ending}"), b"not to be read here", trial.now);
        ground.append(&format!("acct.csv{ending}"), b"not to be read here", trial.now);
        trial.write("acct.csv", 1);
        let mut told = Vec::new();
        let mut last = Heard::default();
        for _ in 0..10 {
            last = trial.tick();
            told.append(&mut last.events);
        }
        assert_eq!(last.counters["lost_incidents_total"], 1, "{ending}");
        assert!(last.counters["lost_bytes_total"] > 50);
        assert!(
            told.len() == 1 && told[0].contains(&format!("packed to /simulated/acct.csv{ending}")),
            "{told:?}"
        );
    }
}

#[test]
fn a_packed_file_counts_only_when_it_is_whole() {
    let (ground, mut trial) = simulated();
    trial.write("acct.csv", 1);
    trial.tick();
    let mut text = HEADER.to_owned();
    (0..2_000).for_each(|_| text += &trial.record());
    let packed = gzip(text.as_bytes());
    let (begin, rest) = packed.split_at(packed.len() / 2);
    ground.append("acct.csv.1.gz", begin, trial.now);
    assert_eq!(trial.ticks(3), NONE, "half of it is written");
    ground.append("acct.csv.1.gz", rest, trial.now);
    assert_eq!(trial.tick().records, (2..=2_001).collect::<Vec<_>>());
    // Damage in the middle: nothing of it is believed, and nobody looks at it again and again.
    let mut text = HEADER.to_owned();
    (0..2_000).for_each(|_| text += &trial.record());
    let mut packed = gzip(text.as_bytes());
    let middle = packed.len() / 2;
    packed[middle] ^= 0x55;
    packed[middle + 1] ^= 0xaa;
    ground.append("acct.csv.2.gz", &packed, trial.now);
    assert_eq!(trial.ticks(3), NONE);
    trial.now += 7_200;
    trial.ticks(2);
    ground.forget_calls();
    trial.tick();
    assert_eq!((ground.calls().listed, ground.calls().stats), (0, 0));
    assert!(ground.calls().opened.iter().all(|name| name == "acct.csv"), "{:?}", ground.calls().opened);
}

#[test]
fn a_source_added_later_is_followed_from_its_end() {
    let (_, mut trial) = simulated();
    trial.write("acct.csv", 1);
    trial.write("diag.csv", 3);
    trial.write("diag-2026-11-22-0000.csv", 3);
    trial.tick();
    trial.pattern = "*.csv";
    trial.write("acct.csv", 1);
    assert_eq!(trial.tick().records, [8]);
    trial.write("diag.csv", 2);
    assert_eq!(trial.tick().records, [9, 10]);
}

#[test]
fn of_several_copies_the_longest_goes_on_and_none_is_counted_twice() {
    for own_is_left in [false, true] {
        let (ground, mut trial) = simulated();
        trial.write("acct.csv", 3);
        trial.tick();
        for copy in ["acct.csv.1", "acct.csv.2", "acct.csv.3"] {
            trial.write("acct.csv", 2);
            ground.copy("acct.csv", copy, trial.now);
        }
        if own_is_left {
            trial.write("acct.csv", 1);
            ground.rename("acct.csv", "acct.csv.4", trial.now);
        } else {
            ground.remove("acct.csv", trial.now);
        }
        trial.write("acct.csv", 1);
        let mut read = trial.ticks(30);
        read.sort_unstable();
        assert_eq!(read, (4..=trial.written).collect::<Vec<_>>(), "own inode left: {own_is_left}");
    }
}
