//! How each host ends a run that takes too long, at three moments of the run: afterwards totals are
//! exact, no total has fallen, and nobody is left in the process group.

use super::{busy, full_pipe, until_it_listens};
use crate::rig::{Rig, Shown, equal};
use pmta_sim::WebFault;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use std::io::{PipeReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};

struct Host {
    name: &'static str,
    /// What it starts.
    run: &'static [&'static str],
    /// How it makes an end of that.
    end: fn(&mut Child),
}

const CHECK: &[&str] = &["check", "all", "-t", "10"];
const EXEC: &[&str] = &["collect", "--consumer", "rig"];
const EXECD: &[&str] = &["collect", "--consumer", "rig", "--deadline", "2s", "--stdin"];
const STREAM: &[&str] = &["collect", "--consumer", "rig", "--format", "native-json", "--stream", "1h"];
const VECTOR: &[&str] = &["collect", "--consumer", "rig", "--format", "native-json"];

const HOSTS: &[Host] = &[
    Host { name: "Telegraf exec: SIGTERM to the group", run: EXEC, end: |run| group(run, Signal::TERM) },
    Host { name: "Telegraf exec: no answer to SIGTERM, then SIGKILL", run: EXEC, end: hung },
    Host { name: "Telegraf execd: end of input", run: EXECD, end: |run| drop(run.stdin.take()) },
    Host { name: "Telegraf execd: SIGTERM to the child", run: EXECD, end: |run| one(run, Signal::TERM) },
    Host { name: "Telegraf execd: SIGKILL to the child", run: EXECD, end: |run| one(run, Signal::KILL) },
    Host { name: "Vector: SIGKILL and nothing before it", run: VECTOR, end: |run| one(run, Signal::KILL) },
    Host { name: "Vector: the reader is gone, then SIGKILL", run: VECTOR, end: deserted },
    Host { name: "Vector streaming: SIGTERM", run: STREAM, end: |run| one(run, Signal::TERM) },
    Host { name: "Nagios: SIGKILL to the group", run: CHECK, end: |run| group(run, Signal::KILL) },
    Host { name: "Icinga: SIGTERM to the process", run: CHECK, end: |run| one(run, Signal::TERM) },
    Host { name: "Icinga: no answer to SIGTERM, then SIGKILL", run: CHECK, end: hung },
    Host { name: "NRPE: the pipe is closed", run: CHECK, end: deserted },
];

fn one(run: &mut Child, signal: Signal) {
    kill_process(Pid::from_child(run), signal).unwrap();
}

fn group(run: &mut Child, signal: Signal) {
    kill_process_group(Pid::from_child(run), signal).unwrap();
}

fn hung(run: &mut Child) {
    for signal in [Signal::STOP, Signal::TERM, Signal::KILL] {
        group(run, signal);
    }
}

fn deserted(run: &mut Child) {
    drop(run.stdout.take());
    group(run, Signal::KILL);
}

/// Where a run is when its host loses patience.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Born,
    /// PowerMTA took the connection and says nothing.
    Waiting,
    /// Everything is counted and committed, and nobody reads.
    Printing,
}

/// A run at that moment, in a process group of its own as every host makes one.
fn started(rig: &Rig, host: &Host, moment: Moment) -> (Child, Option<PipeReader>) {
    let mut command = rig.command();
    command.args(host.run).process_group(0).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut reader = None;
    command.stdout(Stdio::piped());
    match moment {
        Moment::Born => {}
        Moment::Waiting => rig.host.break_web(&[WebFault::Silent]).unwrap(),
        Moment::Printing => {
            let (read, write) = full_pipe();
            command.stdout(write);
            reader = Some(read);
        }
    }
    let before = log_of_commits(rig);
    let mut child = command.spawn().unwrap();
    drop(command);
    if host.run.contains(&"--stdin") {
        child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
    match moment {
        Moment::Born => {}
        Moment::Waiting => until_it_listens(&mut child),
        Moment::Printing => {
            while log_of_commits(rig) == before {
                assert!(child.try_wait().unwrap().is_none(), "{}: it ended uncommitted", host.name);
                std::thread::yield_now();
            }
        }
    }
    (child, reader)
}

/// It changes with every commit.
fn log_of_commits(rig: &Rig) -> Vec<u8> {
    // Its header counts the commits; SQLite itself is not in this process.
    std::fs::read(rig.state().join("ledger.db-wal")).unwrap_or_default()
}

#[test]
fn no_host_can_end_a_run_so_that_anything_is_lost() {
    let rig = busy();
    let mut shown = Shown::default();
    shown.see(rig.collect(&[]));
    for host in HOSTS {
        for moment in [Moment::Born, Moment::Waiting, Moment::Printing] {
            // Old enough that a check collects itself.
            rig.pass(40);
            let (mut child, reader) = started(&rig, host, moment);
            let process = Pid::from_child(&child);
            (host.end)(&mut child);
            drop(reader);
            // What it printed before its end goes nowhere.
            let _ = child.wait_with_output().unwrap();
            assert!(test_kill_process_group(process).is_err(), "{} {moment:?}: somebody is left", host.name);
            rig.host.break_web(&[]).unwrap();
            println!("{} {moment:?}", host.name);
            equal(shown.see(rig.collect(&[])), &rig.host.totals());
        }
    }
}

/// systemd's timer: SIGTERM, then SIGKILL. node_exporter must find a whole file whenever it looks.
#[test]
fn a_textfile_is_the_old_one_or_the_new_one() {
    let rig = busy();
    let path = rig.folder.path().join("textfile/pmta-vitals.prom");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    let run: Vec<String> = ["collect", "--consumer", "prometheus", "--textfile", path.to_str().unwrap()]
        .map(str::to_owned)
        .into();
    let delivered = || -> u64 {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with('\n') && text.contains("\npmta_collector_last_success_seconds "), "{text}");
        let line = text.lines().find_map(|line| line.strip_prefix("pmta_totals_delivered_total "));
        line.unwrap().parse().unwrap()
    };
    let whole = |rig: &Rig| assert!(rig.command().args(&run).status().unwrap().success());
    whole(&rig);
    for (signal, committed) in
        [(Signal::TERM, false), (Signal::KILL, false), (Signal::TERM, true), (Signal::KILL, true)]
    {
        let before = (delivered(), rig.host.totals().delivered);
        rig.pass(10);
        rig.host.break_web(if committed { &[] } else { &[WebFault::Silent] }).unwrap();
        let commits = log_of_commits(&rig);
        let mut child = rig.command().args(&run).process_group(0).spawn().unwrap();
        if committed {
            while log_of_commits(&rig) == commits {
                std::thread::yield_now();
            }
        } else {
            until_it_listens(&mut child);
        }
        group(&mut child, signal);
        child.wait().unwrap();
        let now = delivered();
        assert!(
            now == before.0 || (now > before.1 && now <= rig.host.totals().delivered),
            "{now} {before:?}"
        );
    }
    rig.host.break_web(&[]).unwrap();
    rig.pass(10);
    whole(&rig);
    assert_eq!(delivered(), rig.host.totals().delivered);
}
