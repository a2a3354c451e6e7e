//! The `pmta` command as a script: what it says, what it refuses, and how it hangs.

use super::stage::{Reply, Stage};
use super::*;
use crate::record::{Memory, Notes, Value};
use crate::sources::stage::Run;
use std::path::{Path, PathBuf};
use std::thread;

const AMPLE: Duration = Duration::from_secs(20);

/// A `pmta` that writes down its arguments and then does `body`.
fn script(folder: &Path, body: &str) -> PathBuf {
    let path = folder.join("pmta");
    let text = format!("#!/bin/sh\necho \"$*\" >> {}/said\n{body}\n", folder.display());
    // Written by another process: a file that this one holds open for writing while a neighbour
    // test forks cannot be started ("text file busy").
    let write = ["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\"", path.to_str().unwrap(), &text];
    assert!(std::process::Command::new("sh").args(write).status().unwrap().success());
    path
}

const GOOD: &str = r#"case "$*" in
*"show status") echo 'mta.product.version="4.5"'; echo 'status.status="running"'; echo 'status.queue.smtp.rcp="7"';;
*topqueues*) echo 'queue[0].name="a.example/v1"'; echo 'queue[0].rcp="7"';
  echo 'queue[0].event[0].text="he said "no" = x"'; echo 'queue[0].mode="backoff"'; echo 'totalRcp="7"';;
*vmtas*) echo 'vmta[0].name="v1"'; echo 'vmta[0].rcp="7"';;
esac"#;

fn closed() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn run(url: &str, command: PathBuf, now: i64, notes: Notes) -> Run {
    Run::of(&Web, Pmta { url: Some(url.to_owned()), command, ..Pmta::default() }, now, notes, AMPLE)
}

#[test]
fn without_a_web_monitor_the_command_answers() {
    let folder = tempfile::tempdir().unwrap();
    let run = run("", script(folder.path(), GOOD), 1_000, Notes::default());
    assert!(run.result.is_ok(), "{}", run.why());
    assert_eq!(run.names(), [PAGE, "pmta", "pmta_queues", PAGE, "pmta_queue", PAGE, "pmta_vmta"]);
    assert_eq!(run.samples[4].field("backoff"), Some(&Value::Int(1)));
    let said = std::fs::read_to_string(folder.path().join("said")).unwrap();
    let mut said: Vec<_> = said.lines().collect();
    said.sort_unstable();
    let lines = [
        "--dom show status",
        "--dom show topqueues --errors --maxitems=100",
        "--dom show vmtas --maxitems=100",
    ];
    assert_eq!(said, lines);
}

#[test]
fn the_command_stands_in_for_a_silent_web_monitor_for_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let command = script(folder.path(), GOOD);
    let first = run(&closed(), command.clone(), 1_000, Notes::default());
    assert!(first.result.is_ok() && first.names().contains(&"pmta_queue"), "{:?}", first.names());
    // The same note about an address that answers now: it is asked again only after the hour.
    let stage = Stage::new(|request| match request.line.as_str() {
        line if line.contains("/status") => {
            Reply::ok(r#"{"data":{"status":{"status":"running"}},"status":"success"}"#)
        }
        _ => Reply::ok(r#"{"data":{"queues":[]},"status":"success"}"#),
    });
    let note = || Notes::new([("mode".to_owned(), format!("command 1000 {}", stage.url()).into_bytes())]);
    assert!(run(&stage.url(), command.clone(), 1_010, note()).result.is_ok());
    assert!(stage.heard().is_empty());
    let later = run(&stage.url(), command, 4_600, note());
    assert!(later.result.is_ok() && stage.heard().len() == 3);
    assert!(String::from_utf8(later.notes.get("mode").unwrap()).unwrap().starts_with("json"));
    // A command that no longer works sends us back at once.
    stage.forget();
    assert!(run(&stage.url(), script(folder.path(), "exit 1"), 1_010, note()).result.is_ok());
    assert_eq!(stage.heard().len(), 3);
}

#[test]
fn a_command_that_refuses_says_why_and_leaves_the_state_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let command = script(folder.path(), "echo 'cannot talk to pmtad as joe@example.com' >&2; exit 1");
    let run = run("", command, 1_000, Notes::default());
    assert!(matches!(run.result, Err(SourceError::Denied { .. })), "{:?}", run.result);
    assert!(
        run.why().contains("cannot talk to pmtad as (address)") && run.why().contains("group pmta"),
        "{}",
        run.why()
    );
    assert_eq!(run.samples, []);
    let missing = self::run(" ", folder.path().join("none"), 1_000, Notes::default());
    assert!(matches!(missing.result, Err(SourceError::Absent(_))), "{:?}", missing.result);
    assert_eq!(missing.samples, []);
}

#[test]
fn neither_web_monitor_nor_command_means_down() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(&closed(), script(folder.path(), "echo 'no service' >&2; exit 1"), 1_000, Notes::default());
    assert!(matches!(run.result, Err(SourceError::Unreachable { .. })), "{:?}", run.result);
    assert_eq!(run.samples[0].field("up"), Some(&Value::Int(0)));
    assert!(run.notes.scan("").is_empty());
}

#[test]
fn a_command_that_hangs_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let alive = folder.path().join("alive");
    assert!(std::process::Command::new("mkfifo").arg(&alive).status().unwrap().success());
    // Whoever lives holds the pipe open: reading it ends when the last of them is dead.
    let command = script(folder.path(), &format!("exec 3> {}\nsleep 60 &\nwait", alive.display()));
    let started = Instant::now();
    let reader = alive.clone();
    let dead = thread::spawn(move || std::fs::read(reader));
    let pmta = Pmta { url: Some(String::new()), command, ..Pmta::default() };
    let run = Run::of(&Web, pmta, 1_000, Notes::default(), Duration::from_millis(900));
    assert!(matches!(run.result, Err(SourceError::Late { .. })), "{:?}", run.result);
    assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
    // Had nobody come so far as to open it, the reader would wait for ever.
    drop(std::fs::File::options().read(true).write(true).open(alive).unwrap());
    assert!(dead.join().unwrap().is_ok() && started.elapsed() < Duration::from_secs(30));
}

#[test]
fn endless_output_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let command = script(folder.path(), "yes \"title=\\\"$(head -c 9000 /dev/zero | tr '\\0' x)\\\"\"");
    let run = run("", command, 1_000, Notes::default());
    assert!(run.why().contains("longer than 16 MiB"), "{}", run.why());
}
