//! A reader that stalls or goes away: the lock is free, and nothing counts as told.

use super::{busy, committed, events, fine, full_pipe, health, terminate, until_it_listens};
use crate::rig::{Metrics, Rig, Shown, equal};
use std::fs::File;
use std::io::Read;
use std::process::{Output, Stdio};

#[test]
fn another_run_counts_while_one_cannot_print() {
    let rig = busy();
    let mut shown = Shown::default();
    shown.see(rig.collect(&[]));
    rig.pass(10);
    let (mut reader, writer) = full_pipe();
    let stalled = committed(&rig, &["--deadline", "1h"], writer);
    rig.host.break_web(&[]).unwrap();
    rig.pass(10);
    let mut other = Shown::default();
    let metrics = other.see(rig.collect(&["--consumer", "other"]));
    equal(metrics, &rig.host.totals());
    assert_eq!((health(metrics, "skipped"), health(metrics, "ledger_up")), (0, 1));
    // The reader comes back, and gets what was committed when the run ended.
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    fine(&stalled.wait_with_output().unwrap());
    shown.see(Metrics::read(text.trim_start_matches('#')));
    equal(shown.see(rig.collect(&[])), &rig.host.totals());
}

#[test]
fn a_run_that_cannot_print_ends_at_its_deadline_or_at_sigterm() {
    let rig = busy();
    rig.collect(&[]);
    rig.pass(10);
    let (_reader, writer) = full_pipe();
    let late = committed(&rig, &["--deadline", "1s"], writer).wait_with_output().unwrap();
    assert_eq!(late.status.code(), Some(1), "{}", String::from_utf8_lossy(&late.stderr));
    let (_reader, writer) = full_pipe();
    let mut child = committed(&rig, &["--deadline", "1h"], writer);
    until_it_listens(&mut child);
    terminate(&child);
    assert!(child.wait().unwrap().success());
    rig.host.break_web(&[]).unwrap();
    equal(&rig.collect(&[]), &rig.host.totals());
}

/// A ledger that had to begin anew: every consumer is told so in three runs.
fn with_an_event() -> Rig {
    let rig = busy();
    rig.collect(&[]);
    for name in ["ledger.db", "ledger-copy.db", "ledger.db-wal"] {
        std::fs::write(rig.state().join(name), "x".repeat(9_000)).unwrap();
    }
    rig
}

const EVENT: &str = "ledger-damaged";

/// In how many of six runs a consumer is told.
fn times_told(rig: &Rig, consumer: &str) -> usize {
    let told = |_: &usize| !events(&rig.collect(&["--consumer", consumer]), EVENT).is_empty();
    (0..6).filter(told).count()
}

#[test]
fn what_nobody_got_counts_as_not_told() {
    type Ending = fn(&Rig) -> Output;
    let endings: [(&str, i32, Ending); 3] = [
        ("the reader is gone", 0, |rig| {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            collect_into(rig, writer)
        }),
        ("the disk is full", 1, |rig| collect_into(rig, File::create("/dev/full").unwrap())),
        ("the reader stalls and then goes", 0, |rig| {
            let (reader, writer) = full_pipe();
            let child = committed(rig, &["--deadline", "1h"], writer);
            drop(reader);
            child.wait_with_output().unwrap()
        }),
    ];
    for (name, code, ending) in endings {
        let rig = with_an_event();
        for _ in 0..4 {
            rig.pass(1);
            let output = ending(&rig);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{name}: {stderr}");
            assert!(!stderr.contains("panicked"), "{name}: {stderr}");
        }
        rig.host.break_web(&[]).unwrap();
        assert_eq!(times_told(&rig, "rig"), 3, "{name}");
        assert_eq!(times_told(&rig, "another"), 3, "{name}");
    }
}

fn collect_into(rig: &Rig, stdout: impl Into<Stdio>) -> Output {
    let mut command = rig.command();
    command.args(["collect", "--consumer", "rig"]).stdout(stdout).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    child.wait_with_output().unwrap()
}

#[test]
fn totals_survive_a_reader_that_always_goes_early() {
    let rig = busy();
    let mut shown = Shown::default();
    shown.see(rig.collect(&[]));
    for _ in 0..4 {
        rig.pass(5);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert!(collect_into(&rig, writer).status.success());
    }
    equal(shown.see(rig.collect(&[])), &rig.host.totals());
}

/// Prometheus has no events: a scrape must not take away what another host has not seen.
#[test]
fn a_format_without_events_moves_no_cursor() {
    let rig = with_an_event();
    rig.collect(&["--consumer", "other"]);
    for _ in 0..4 {
        let textfile = rig.folder.path().join("pmta.prom");
        let output = rig.run(&["collect", "--textfile", textfile.to_str().unwrap()]);
        assert!(output.status.success());
        assert!(rig.run(&["collect", "--format", "prometheus"]).status.success());
    }
    assert_eq!(times_told(&rig, "default"), 3);
}

/// A host that never reads stderr must not stop the run either.
#[test]
fn a_stalled_stderr_stops_nothing() {
    let rig = busy();
    rig.collect(&[]);
    rig.pass(10);
    rig.host.break_web(&[pmta_sim::WebFault::Forbidden]).unwrap();
    let (_reader, writer) = full_pipe();
    let mut command = rig.command();
    command.args(["collect", "--consumer", "rig"]).stdout(Stdio::piped()).stderr(writer);
    let child = command.spawn().unwrap();
    drop(command);
    equal(&fine(&child.wait_with_output().unwrap()), &rig.host.totals());
}
