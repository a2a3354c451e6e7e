//! SIGKILL and SIGTERM at moments that the run itself shows.

use super::{busy, committed, fine, full_pipe, health, terminate, until_it_listens};
use crate::rig::{Metrics, Rig, Shown, equal};
use pmta_sim::WebFault;
use std::fs::File;
use std::io::Read;
use std::process::{Child, Stdio};

fn spawn(rig: &Rig, arguments: &[&str]) -> Child {
    let mut command = rig.command();
    command.args(["collect", "--consumer", "rig"]).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_run_killed_at_any_stage_changes_no_count() {
    type Stage = fn(&Rig, &mut Shown);
    let stages: [(&str, Stage); 5] = [
        ("as soon as it is born", |rig, _| kill(spawn(rig, &[]))),
        ("when it could begin", |rig, _| {
            let mut child = spawn(rig, &[]);
            until_it_listens(&mut child);
            kill(child);
        }),
        ("before it gets the lock", |rig, _| {
            let lock = File::open(rig.state().join("ledger.lock")).unwrap();
            lock.lock().unwrap();
            let mut child = spawn(rig, &[]);
            until_it_listens(&mut child);
            kill(child);
        }),
        ("committed and nothing printed", |rig, _| {
            let (_reader, writer) = full_pipe();
            kill(committed(rig, &[], writer));
        }),
        ("in the middle of printing", |rig, shown| {
            let (mut reader, writer) = full_pipe();
            let child = committed(rig, &["--deadline", "1h"], writer);
            let mut got = vec![0; 65_536];
            let mut part = Vec::new();
            // The filling first; then the first piece of what the run itself wrote.
            while part.is_empty() {
                let n = reader.read(&mut got[..4_096]).unwrap();
                part.extend(got[..n].iter().skip_while(|byte| **byte == b'#'));
            }
            kill(child);
            reader.read_to_end(&mut part).unwrap();
            shown.see_part(&part);
        }),
    ];
    let rig = busy();
    let mut shown = Shown::default();
    shown.see(rig.collect(&[]));
    for (name, stage) in stages {
        for _ in 0..3 {
            rig.pass(10);
            stage(&rig, &mut shown);
            rig.host.break_web(&[]).unwrap();
            let metrics = shown.see(rig.collect(&[]));
            equal(metrics, &rig.host.totals());
            assert_eq!(health(metrics, "ledger_up"), 1, "{name}");
        }
    }
}

/// A first run that dies has seen nothing: the next one is the first.
#[test]
fn a_killed_first_run_leaves_nothing_in_the_way() {
    for _ in 0..4 {
        let rig = busy();
        kill(spawn(&rig, &[]));
        let (_reader, writer) = full_pipe();
        kill(committed(&rig, &[], writer));
        rig.host.break_web(&[]).unwrap();
        rig.pass(10);
        equal(&rig.collect(&[]), &rig.host.totals());
    }
}

fn ended(child: Child) -> Metrics {
    fine(&child.wait_with_output().unwrap())
}

/// With an hour of patience and a web monitor that never answers only the signal can end it.
#[test]
fn sigterm_waits_for_no_source() {
    let rig = busy();
    let mut shown = Shown::default();
    shown.see(rig.collect(&[]));
    rig.pass(10);
    rig.host.break_web(&[WebFault::Silent]).unwrap();
    let mut child = spawn(&rig, &["--deadline", "1h"]);
    until_it_listens(&mut child);
    terminate(&child);
    let metrics = shown.see(ended(child));
    let accounting = [("source", "accounting")];
    let left = metrics.int("pmta_collector", &accounting, "lag_bytes");
    assert!(left > 0, "after the signal nothing more was read");
    assert_eq!(metrics.int("pmta_collector", &[("source", "web")], "up"), 0);
    assert_eq!(health(metrics, "ledger_up"), 1);
    rig.host.break_web(&[]).unwrap();
    equal(shown.see(rig.collect(&[])), &rig.host.totals());
}

/// What was read before the signal is committed and printed, and the rest is told.
#[test]
fn sigterm_while_reading_keeps_what_was_read() {
    const ENOUGH: u64 = 2 << 20;
    let mut in_the_middle = false;
    for _ in 0..5 {
        let rig = Rig::with(|options| options.rate = 400.0);
        let mut shown = Shown::default();
        rig.pass(60);
        let mut child = spawn(&rig, &["--from-start", "--only", "accounting", "--deadline", "1h"]);
        until_it_listens(&mut child);
        let progress = format!("/proc/{}/io", child.id());
        while let Ok(io) = std::fs::read_to_string(&progress) {
            let read = io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse::<u64>();
            if read.unwrap() > ENOUGH || child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::yield_now();
        }
        terminate(&child);
        let metrics = shown.see(ended(child));
        let of = |field| metrics.int("pmta_collector", &[("source", "accounting")], field);
        let size: u64 = rig.host.live_files().iter().map(|file| file.metadata().unwrap().len()).sum();
        assert_eq!(of("bytes_total") + of("lag_bytes"), i64::try_from(size).unwrap());
        in_the_middle |= of("lag_bytes") > 0 && of("bytes_total") > 0;
        equal(shown.see(rig.collect(&[])), &rig.host.totals());
        if in_the_middle {
            break;
        }
    }
    assert!(in_the_middle, "the signal never came while a file was being read");
}

#[test]
fn sigterm_ends_the_loops_with_a_success() {
    for arguments in [&["--stdin"][..], &["--stream", "1h"]] {
        let rig = busy();
        let mut command = rig.command();
        command.args(["collect", "--consumer", "rig"]).args(arguments).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until_it_listens(&mut child);
        // Standard input stays open: only the signal can end the wait for a line.
        let _input = child.stdin.take().unwrap();
        terminate(&child);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", output.status);
    }
}
