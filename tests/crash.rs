//! Whatever ends, stalls or harms a run: totals stay exact, and no total that a consumer was
//! shown ever falls. Nothing here sleeps or measures time.

mod clock;
mod damage;
mod full;
mod hosts;
mod killed;
mod shared;
mod stalled;

use crate::rig::{Metrics, Rig, Value};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::process::{Child, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A host with traffic enough that each run has something to count.
fn busy() -> Rig {
    Rig::with(|options| {
        options.rate = 20.0;
        options.small_domains = 5;
    })
}

/// What a run printed that had to end well, whatever happened around it.
fn fine(output: &Output) -> Metrics {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
    assert!(!stderr.contains("panicked"), "{stderr}");
    Metrics::read(std::str::from_utf8(&output.stdout).unwrap())
}

fn health(metrics: &Metrics, field: &str) -> i64 {
    metrics.int("pmta_collector", &[], field)
}

fn born(metrics: &Metrics) -> f64 {
    match metrics.get("pmta_collector", &[], "born_seconds") {
        Some(Value::Float(born)) => *born,
        other => panic!("born_seconds: {other:?}"),
    }
}

/// Severity and state of each event with this name.
fn events(metrics: &Metrics, name: &str) -> Vec<String> {
    let tags = [("event", name)];
    metrics.series("pmta_event", &tags, "event_id").map(|(tags, _)| tags["severity"].clone()).collect()
}

/// A pipe that takes nothing more until somebody reads from it.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'#'; 4_096]).is_ok() {}
    rustix::fs::fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

/// Starts a run that has a trouble nobody was told before: it says so on stderr when it has committed
/// and before it prints, and this returns at that moment.
fn committed(rig: &Rig, arguments: &[&str], stdout: impl Into<Stdio>) -> Child {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let trouble = format!("no-such-folder-{}", CALLS.fetch_add(1, Relaxed));
    rig.configure(&format!("[rules]\ndirectory = \"/{trouble}\"\n"));
    rig.host.break_web(&[pmta_sim::WebFault::Forbidden]).unwrap();
    let mut command = rig.command();
    command.args(["collect", "--consumer", "rig"]).args(arguments);
    let mut child = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains(&trouble)), "{trouble} was not told");
    child
}

/// Returns when the process has its handler for SIGTERM.
fn until_it_listens(child: &mut Child) {
    loop {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be asked to");
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        if u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (Signal::TERM.as_raw() - 1)) != 0 {
            return;
        }
        std::thread::yield_now();
    }
}

fn terminate(child: &Child) {
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(id, Signal::TERM).unwrap();
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
