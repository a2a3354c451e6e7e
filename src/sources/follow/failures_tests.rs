//! One test for each known loss or duplicate of other log readers, on a real folder and on a simulated one. It tests no random history.

use super::simulated::Simulated;
use super::trial::{Ground, HEADER, Real, Trial, gzip};
use std::rc::Rc;

const NONE: [u32; 0] = [];

/// Both grounds, each with a source that was sighted with one record in its live file.
fn everywhere(test: impl Fn(&mut Trial)) {
    let grounds: [Rc<dyn Ground>; 2] = [Rc::new(Real::new()), Rc::new(Simulated::default())];
    for ground in grounds {
        let mut trial = Trial::new(ground);
        trial.write("acct.csv", 1);
        assert_eq!(trial.tick().records, NONE, "what was there before us is not counted");
        test(&mut trial);
    }
}

fn numbers(range: std::ops::RangeInclusive<u32>) -> Vec<u32> {
    range.collect()
}

#[test]
fn stale_inode_checkpoint_past_end() {
    let mut trial = Trial::new(Rc::new(Simulated::default()));
    trial.write("acct.csv", 50);
    trial.tick();
    trial.ground.remove("acct.csv", trial.now);
    trial.ground.reuse_inodes();
    trial.write("acct.csv", 3);
    assert_eq!(trial.tick().records, numbers(51..=53));
}

#[test]
fn identity_by_inode_or_checksum_alone() {
    everywhere(|trial| {
        // Same content, other inode: a copy put in place of the file.
        trial.ground.copy("acct.csv", "acct.csv.new", trial.now);
        trial.ground.rename("acct.csv.new", "acct.csv", trial.now);
        assert_eq!(trial.tick().records, NONE);
        // Same inode, other content.
        trial.ground.truncate("acct.csv", trial.now);
        trial.ground.append("acct.csv", HEADER.as_bytes(), trial.now);
        trial.write("acct.csv", 30);
        assert_eq!(trial.tick().records, numbers(2..=31));
    });
}

#[test]
fn gz_of_rotated_file_read_again() {
    everywhere(|trial| {
        trial.write("acct.csv", 20);
        assert_eq!(trial.tick().records.len(), 20);
        trial.ground.rename("acct.csv", "acct.csv.1", trial.now);
        trial.write("acct.csv", 5);
        assert_eq!(trial.tick().records.len(), 5);
        // Both exist for a while.
        let packed = gzip(&trial.ground.content("acct.csv.1"));
        trial.ground.append("acct.csv.1.gz", &packed, trial.now);
        assert_eq!(trial.ticks(3), NONE);
        trial.ground.remove("acct.csv.1", trial.now);
        assert_eq!(trial.ticks(100), NONE);
        // Much later too, when it is nobody's cursor any more.
        trial.now += 86_400;
        trial.ground.rename("acct.csv.1.gz", "acct.csv.2.gz", trial.now);
        let heard = trial.tick();
        assert_eq!((heard.records.len(), heard.counters["lost_incidents_total"]), (0, 0));
    });
}

#[test]
fn identical_csv_headers() {
    everywhere(|trial| {
        for number in 1..5 {
            trial.ground.rename("acct.csv", &format!("acct.csv.{number}"), trial.now);
            trial.write("acct.csv", 2);
            assert_eq!(trial.tick().records.len(), 2);
        }
    });
}

#[test]
fn zero_byte_files_alike() {
    everywhere(|trial| {
        for name in ["acct-2026-11-23-0000.csv", "acct-2026-11-23-0001.csv", "acct-2026-11-23-0002.csv"] {
            trial.ground.append(name, b"", trial.now);
        }
        assert_eq!(trial.tick().records, NONE);
        trial.ground.append("acct-2026-11-23-0001.csv", HEADER.as_bytes(), trial.now);
        trial.write("acct-2026-11-23-0001.csv", 2);
        trial.ground.append("acct-2026-11-23-0002.csv", HEADER.as_bytes(), trial.now);
        trial.write("acct-2026-11-23-0002.csv", 3);
        assert_eq!(trial.ticks(3), numbers(2..=6));
    });
}

#[test]
fn empty_checkpoint_after_kill() {
    everywhere(|trial| {
        use crate::record::Memory;
        trial.write("acct.csv", 2);
        assert_eq!(trial.tick().records, [2, 3]);
        // A note that cannot be read must not stop anything; others still say what was seen.
        trial.notes.put("follow/state", b"");
        trial.write("acct.csv", 2);
        trial.ticks(2);
        trial.write("acct.csv", 2);
        assert_eq!(trial.tick().records, [6, 7]);
    });
}

#[test]
fn copytruncate_reads_all_again() {
    everywhere(|trial| {
        trial.write("acct.csv", 20);
        trial.tick();
        trial.write("acct.csv", 3);
        trial.ground.copy("acct.csv", "acct.csv.1", trial.now);
        trial.ground.truncate("acct.csv", trial.now);
        trial.write("acct.csv", 2);
        let mut read = trial.ticks(2);
        read.sort_unstable();
        assert_eq!(read, numbers(22..=26));
        assert_eq!(trial.ticks(20), NONE);
    });
}

#[test]
fn copytruncate_then_gz() {
    everywhere(|trial| {
        trial.write("acct.csv", 100);
        trial.tick();
        trial.write("acct.csv", 50);
        let packed = gzip(&trial.ground.content("acct.csv"));
        trial.ground.append("acct.csv.1.gz", &packed, trial.now);
        trial.ground.truncate("acct.csv", trial.now);
        // The writer goes on without a header; the new content is longer than the old offset.
        trial.write("acct.csv", 300);
        let mut read = trial.ticks(3);
        read.sort_unstable();
        assert_eq!(read, numbers(102..=451));
        assert_eq!(trial.tick().counters["lost_incidents_total"], 0);
    });
}

#[test]
fn files_under_1_kib_never_read() {
    everywhere(|trial| {
        trial.ground.rename("acct.csv", "acct.csv.1", trial.now);
        trial.write("acct.csv", 1);
        assert_eq!(trial.tick().records, [2]);
        trial.write("acct.csv", 1);
        assert_eq!(trial.tick().records, [3]);
    });
}

#[test]
fn inode_reused_starts_at_old_offset() {
    let mut trial = Trial::new(Rc::new(Simulated::default()));
    trial.write("acct.csv", 1);
    trial.tick();
    trial.write("acct.csv", 20);
    trial.tick();
    trial.ground.reuse_inodes();
    trial.ground.remove("acct.csv", trial.now);
    trial.write("acct.csv", 500);
    assert_eq!(trial.tick().records, numbers(22..=521));
    // The file that went away was read to its last known byte, yet it may have held more.
    trial.ticks(10);
    assert_eq!(trial.tick().counters["lost_incidents_total"], 1);
}

#[test]
fn partial_line_at_restart() {
    everywhere(|trial| {
        let record = trial.record();
        let (first, rest) = record.split_at(record.len() / 2);
        trial.ground.append("acct.csv", first.as_bytes(), trial.now);
        for _ in 0..2_000 {
            assert_eq!(trial.tick().records, NONE);
        }
        trial.ground.append("acct.csv", rest.as_bytes(), trial.now);
        let heard = trial.tick();
        assert_eq!((heard.records, heard.counters["rejected_total"]), (vec![2], 0));
    });
}

#[test]
fn pmta_acct_successor_before_move() {
    everywhere(|trial| {
        trial.ground.rename("acct.csv", "acct-2026-11-23-0000.csv", trial.now);
        trial.tick();
        trial.write("acct-2026-11-23-0001.csv", 2);
        trial.write("acct-2026-11-23-0000.csv", 2);
        assert_eq!(trial.tick().records.len(), 4);
        trial.write("acct-2026-11-23-0000.csv", 2);
        trial.ground.rename("acct-2026-11-23-0000.csv", "moved/acct-2026-11-23-0000.csv", trial.now);
        assert_eq!(trial.tick().records, [6, 7]);
        trial.write("moved/acct-2026-11-23-0000.csv", 1);
        assert_eq!(trial.tick().records, [8]);
        trial.ground.rename("moved/acct-2026-11-23-0000.csv", "acct-2026-11-23-0000.csv", trial.now);
        assert_eq!(trial.ticks(100), NONE);
    });
}

#[test]
fn same_fingerprint_after_rotation() {
    everywhere(|trial| {
        // Both begin with the same record, of which little was read before.
        let same = "d,1700000000,user@r7.example,1\n";
        trial.ground.rename("acct.csv", "acct.csv.1", trial.now);
        trial.ground.append("acct.csv", format!("{HEADER}{same}").as_bytes(), trial.now);
        assert_eq!(trial.tick().records, [7]);
        trial.write("acct.csv", 3);
        assert_eq!(trial.tick().records, [2, 3, 4]);
        trial.ground.rename("acct.csv", "acct.csv.2", trial.now);
        trial.ground.append("acct.csv", format!("{HEADER}{same}").as_bytes(), trial.now);
        trial.write("acct.csv", 40);
        assert_eq!(trial.ticks(10), [vec![7], numbers(5..=44)].concat());
    });
}

#[test]
fn hundred_of_a_million() {
    everywhere(|trial| {
        let mut read = 0;
        for round in 0..11 {
            trial.write("acct.csv", 10_000);
            let name = format!("acct.csv.{}", 11 - round);
            trial.ground.rename("acct.csv", &name, trial.now);
            trial.write("acct.csv", 100);
            read += trial.tick().records.len();
        }
        assert_eq!(read, 11 * 10_100);
    });
}

#[test]
fn deleted_inode_kept() {
    everywhere(|trial| {
        trial.write("acct.csv", 3);
        trial.tick();
        let record = trial.record();
        trial.ground.append("acct.csv", &record.as_bytes()[..20], trial.now);
        trial.tick();
        trial.ground.remove("acct.csv", trial.now);
        trial.write("acct.csv", 2);
        assert_eq!(trial.tick().records, [6, 7]);
        let mut told = Vec::new();
        for _ in 0..10 {
            told.extend(trial.tick().events);
        }
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("at least 20 bytes"), "{told:?}");
        let counters = trial.tick().counters;
        assert_eq!((counters["lost_bytes_total"], counters["lost_incidents_total"]), (20, 1));
    });
}

#[test]
fn racy_truncation() {
    everywhere(|trial| {
        trial.write("acct.csv", 3);
        trial.tick();
        trial.ground.truncate("acct.csv", trial.now);
        trial.ground.append("acct.csv", &[0; 100], trial.now);
        trial.write("acct.csv", 3);
        let mut told = Vec::new();
        let mut read = Vec::new();
        for _ in 0..12 {
            let heard = trial.tick();
            read.extend(heard.records);
            told.extend(heard.events);
        }
        assert_eq!((read, told.len()), (vec![5, 6, 7], 1));
    });
}

#[test]
fn rest_lost_on_rotation() {
    everywhere(|trial| {
        trial.write("acct.csv", 3);
        trial.tick();
        trial.write("acct.csv", 4);
        trial.ground.rename("acct.csv", "moved/acct.csv", trial.now);
        trial.write("acct.csv", 2);
        assert_eq!(trial.tick().records, numbers(5..=10));
        trial.write("acct.csv", 4);
        trial.ground.gzip("acct.csv", trial.now);
        trial.write("acct.csv", 2);
        assert_eq!(trial.ticks(2), numbers(11..=16));
    });
}

#[test]
fn rotated_more_than_once() {
    everywhere(|trial| {
        trial.write("acct.csv", 3);
        for number in (1..=4).rev() {
            trial.now += 1;
            trial.ground.rename("acct.csv", &format!("acct.csv.{number}"), trial.now);
            trial.write("acct.csv", 2);
        }
        assert_eq!(trial.tick().records, numbers(2..=12));
    });
}

#[test]
fn header_only_at_midnight() {
    everywhere(|trial| {
        trial.ground.rename("acct.csv", "acct-2026-11-23-0000.csv", trial.now);
        trial.write("acct-2026-11-24-0000.csv", 0);
        assert_eq!(trial.ticks(1_000), NONE);
        trial.write("acct-2026-11-25-0000.csv", 0);
        trial.write("acct-2026-11-23-0000.csv", 1);
        trial.write("acct-2026-11-24-0000.csv", 2);
        trial.write("acct-2026-11-25-0000.csv", 3);
        let mut read = trial.ticks(40);
        read.sort_unstable();
        assert_eq!(read, numbers(2..=7));
    });
}

#[test]
fn column_order_changes_on_reload() {
    everywhere(|trial| {
        trial.ground.rename("acct.csv", "acct.csv.1", trial.now);
        trial.ground.append(
            "acct.csv",
            b"type,rcpt,header_x,timeLogged\nd,u@r70.example,x,1700000000\n",
            trial.now,
        );
        assert_eq!(trial.tick().records, [70]);
        trial.ground.append(
            "acct.csv",
            b"type,timeLogged,vmta,rcpt\nd,1700000000,v,u@r71.example\n",
            trial.now,
        );
        assert_eq!(trial.tick().records, [71]);
        trial.ground.append("acct.csv", b"d,1700000000,v,u@r72.example\n", trial.now);
        assert_eq!(trial.tick().records, [72], "the header is kept with the cursor");
    });
}
