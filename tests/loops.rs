//! The ways to collect again and again: newlines on stdin, an own clock, and a file for
//! node_exporter.

use crate::rig::{Metrics, Rig};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

fn start(rig: &Rig, arguments: &[&str]) -> Child {
    let mut command = rig.command();
    command.args(["collect", "--consumer", "loop"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn terminate(child: &Child) {
    let process = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
}

/// Reads the lines of one collection: its own row ends with the rest of the document behind it,
/// so what is read is counted by the rows that come once each time.
fn collections(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with("pmta_collector ")).count()
}

#[test]
fn each_newline_is_one_collection_until_the_input_ends() {
    let rig = Rig::with(|options| options.rate = 20.0);
    let mut child = start(&rig, &["--stdin"]);
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    for round in 1..=3 {
        input.write_all(b"\n").unwrap();
        while collections(&text) < round {
            assert!(output.read_line(&mut text).unwrap() > 0, "it ended: {text}");
        }
        assert!(child.try_wait().unwrap().is_none(), "it stays between two newlines");
    }
    drop(input);
    output.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(collections(&text), 3);
    Metrics::read(&text);
}

#[test]
fn a_failed_collection_is_told_and_the_next_one_works() {
    let rig = Rig::with(|options| options.rate = 20.0);
    // A folder where the ledger should be: no collection can be written down.
    std::fs::create_dir_all(rig.state().join("ledger.db")).unwrap();
    let mut child = start(&rig, &["--stdin"]);
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    input.write_all(b"\n").unwrap();
    while collections(&text) < 1 {
        assert!(output.read_line(&mut text).unwrap() > 0, "it ended: {text}");
    }
    assert!(text.contains("ledger_up=0i"), "{text}");
    std::fs::remove_dir(rig.state().join("ledger.db")).unwrap();
    input.write_all(b"\n").unwrap();
    drop(input);
    output.read_to_string(&mut text).unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(collections(&text), 2);
    assert!(text.contains("ledger_up=1i"), "{text}");
    let levels = ["E! ", "W! ", "I! ", "D! "];
    assert!(said.lines().count() >= 1, "the trouble was told");
    for line in said.lines() {
        assert!(levels.iter().any(|level| line.starts_with(level)) && line.len() <= 512, "{line}");
    }
}

#[test]
fn an_end_of_input_at_once_is_a_success_without_a_word() {
    let rig = Rig::with(|_| {});
    let output = rig.run(&["collect", "--stdin"]);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    assert!(!rig.state().exists());
}

#[test]
fn an_own_clock_beats_without_drift_until_sigterm() {
    let rig = Rig::with(|options| options.rate = 20.0);
    let began = Instant::now();
    let mut child = start(&rig, &["--stream", "300ms"]);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while collections(&text) < 5 {
        assert!(output.read_line(&mut text).unwrap() > 0, "it ended: {text}");
    }
    // Five beats are four intervals; never faster, however slow a run was.
    assert!(began.elapsed() >= Duration::from_millis(1_200), "{:?}", began.elapsed());
    let asked = Instant::now();
    terminate(&child);
    output.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert!(text.ends_with('\n'));
    Metrics::read(&text);
}

#[test]
fn a_textfile_is_written_whole_for_all_to_read_and_nothing_is_printed() {
    let rig = Rig::with(|options| options.rate = 50.0);
    let path = rig.folder.path().join("textfile").join("pmta.prom");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    let name = path.to_str().unwrap().to_owned();
    for _ in 0..2 {
        let output = rig.run(&["collect", "--consumer", "prometheus", "--textfile", &name]);
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
        rig.pass(10);
    }
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("# TYPE pmta_totals_delivered_total counter") && text.ends_with('\n'), "{text}");
    assert!(text.contains("pmta_collector_last_success_seconds"), "staleness can be seen");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit_once(' ').unwrap().1;
        assert!(value.parse::<f64>().is_ok() && !line.contains("} 1 1"), "no timestamps: {line}");
    }
    let refused = rig.run(&["collect", "--textfile", "/nonexistent/x.prom"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("/nonexistent/x.prom"));
}
