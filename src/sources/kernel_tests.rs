//! The kernel's log as the device hands it out and as a file keeps it: numbers, gaps, boots,
//! classes.

use super::*;
use crate::config::Config;
use crate::record::{Notes, Value};
use crate::sources::stage::Run;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

struct Bench {
    folder: tempfile::TempDir,
    notes: Notes,
    now: Seconds,
}

impl Bench {
    fn new() -> Bench {
        let bench = Bench { folder: tempfile::tempdir().unwrap(), notes: Notes::default(), now: 1_000 };
        bench.boot("aaaa");
        bench
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("kmsg")
    }

    fn boot(&self, id: &str) {
        let folder = self.folder.path().join("proc/sys/kernel/random");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("boot_id"), format!("{id}\n")).unwrap();
    }

    fn write(&self, lines: &[&str]) {
        fs::write(self.log(), lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }

    fn run(&mut self) -> Run {
        let mut config = Config::default();
        config.logs.kernel = self.log();
        config.logs.kernel_files.clear();
        config.host.proc = self.folder.path().join("proc");
        let run = Run::with(&Kernel, &config, self.now, self.notes.clone(), Duration::from_secs(5));
        self.notes = run.notes.clone();
        self.now += 30;
        run
    }

    fn total(&mut self, class: &str) -> i64 {
        let run = self.run();
        assert!(run.result.is_ok(), "{:?}", run.result);
        let row = |sample: &&Sample| match class {
            MISSED => sample.field("missed_total").is_some(),
            _ => sample.measurement == "pmta_kernel" && crate::record::tag(&sample.tags, "class") == class,
        };
        let sample = run.samples.iter().find(row).unwrap();
        match sample.field("total").or(sample.field("missed_total")) {
            Some(Value::Int(total)) => *total,
            other => panic!("{other:?}"),
        }
    }
}

const OLD: &str = "4,7,100,-;TCP: out of memory -- consider tuning tcp_mem";
const FULL: &str = "4,8,200,-;nf_conntrack: nf_conntrack: table full, dropping packet";

#[test]
fn what_was_there_at_first_sight_is_not_counted_and_then_each_line_once() {
    let mut bench = Bench::new();
    bench.write(&[OLD]);
    assert_eq!(bench.total("tcp-memory"), 0);
    bench.write(&[OLD, FULL]);
    assert_eq!(bench.total("conntrack-full"), 1);
    assert_eq!(bench.total("conntrack-full"), 1);
    assert_eq!(bench.total("tcp-memory"), 0);
    assert_eq!(bench.total(MISSED), 0);
}

#[test]
fn a_gap_in_the_numbers_is_told_and_another_boot_is_none() {
    let mut bench = Bench::new();
    bench.write(&[OLD]);
    assert_eq!(bench.total(MISSED), 0);
    bench.write(&["4,12,300,-;harmless", "4,13,300,-,caller=T1;nf_conntrack: table full, dropping packet"]);
    assert_eq!(bench.total(MISSED), 4);
    bench.boot("bbbb");
    bench.write(&["4,3,10,-;nf_conntrack: table full, dropping packet"]);
    assert_eq!(bench.total("conntrack-full"), 2, "numbers begin again with a boot");
    assert_eq!(bench.total(MISSED), 4);
}

#[test]
fn every_class_has_its_line_and_its_look_alike() {
    for (line, class) in [
        ("Out of memory: Killed process 1234 (pmtad) total-vm:8kB, anon-rss:7kB, UID:0", Some("oom-kill")),
        ("Memory cgroup out of memory: Killed process 7 (pmtahttp) total-vm:8kB", Some("oom-kill")),
        ("python3 invoked oom-killer: gfp_mask=0xcc0, order=0", None),
        ("pmtad[123]: segfault at 0 ip 0000 sp 00007f error 14 in pmtad[400000+1000]", Some("segfault")),
        ("traps: pmtad[123] general protection fault ip:55 sp:7f error:0", Some("segfault")),
        ("chrome[123]: segfault at 0 ip 0000 sp 00007f error 14", None),
        ("TCP: request_sock_TCP: Possible SYN flooding on port [::]:25. Sending cookies.", Some("syn-flood")),
        ("TCP: too many orphaned sockets", Some("tcp-memory")),
        ("blk_update_request: I/O error, dev sda, sector 5 op 0x1:(WRITE)", Some("io-error")),
        ("EXT4-fs (dm-17): Remounting filesystem read-only", Some("read-only")),
        ("EXT4-fs (sda1): re-mounted. Opts: errors=remount-ro", None),
        ("INFO: task pmtad:1234 blocked for more than 120 seconds.", Some("hung-task")),
        ("e1000e 0000:00:1f.6 eth0: NIC Link is Down", Some("link-down")),
        ("e1000e 0000:00:1f.6 eth0: NIC Link is Up 1000 Mbps", None),
        ("VFS: file-max limit 9 reached", Some("limit")),
        ("mce: [Hardware Error]: Machine check events logged", Some("lockup")),
        ("tsc: Marking clocksource 'tsc' as unstable because the skew is too large", Some("clock")),
        ("net_ratelimit: 123 callbacks suppressed", None),
    ] {
        let text = format!("4,1,1,-;{line}");
        assert_eq!(Record::parse(text.as_bytes()).unwrap().class(), class, "{line}");
        // A program that writes the same words into the log is not the kernel.
        let text = format!("28,1,1,-;{line}");
        assert_eq!(Record::parse(text.as_bytes()).unwrap().class(), None, "{line}");
    }
}

#[test]
fn a_shown_line_has_no_address_and_an_end() {
    let mut bench = Bench::new();
    bench.write(&[OLD]);
    bench.run();
    let long = format!("4,8,1,-;nf_conntrack: table full <joe@example.com> {}", "x".repeat(5_000));
    bench.write(&[OLD, &long]);
    let run = bench.run();
    let Some(Value::Text(text)) =
        run.samples.iter().find(|sample| sample.measurement == HIDDEN).and_then(|line| line.field("text"))
    else {
        panic!("no line");
    };
    assert!(text.starts_with("nf_conntrack: table full <address> x") && text.len() == 200, "{text}");
}

#[test]
fn half_a_line_nonsense_and_nothing_are_endured() {
    let mut bench = Bench::new();
    let none = bench.run();
    assert!(matches!(none.result, Err(SourceError::Absent(_))));
    bench.write(&["nonsense", ";", ",,,;", OLD]);
    assert!(bench.run().result.is_ok());
    fs::write(bench.log(), format!("{OLD}\n4,8,1,-;nf_conntrack: table fu")).unwrap();
    assert_eq!(bench.total("conntrack-full"), 0);
    bench.write(&[OLD, FULL]);
    assert_eq!(bench.total("conntrack-full"), 1, "it was read when it was whole");
    fs::remove_file(bench.log()).unwrap();
    fs::create_dir(bench.log()).unwrap();
    assert!(bench.run().result.is_err());
}

#[test]
fn the_real_device_ends_without_blocking() {
    // Where this host lets us read it.
    let Ok(mut records) = open(Path::new("/dev/kmsg")) else { return };
    let mut buffer = vec![0; LONGEST];
    let ended = (0..MOST_RECORDS).any(|_| records.next(&mut buffer).unwrap() == Next::Nothing);
    assert!(ended);
}
