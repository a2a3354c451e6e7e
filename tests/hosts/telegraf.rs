//! A real Telegraf runs the shipped drop-ins, unchanged but for paths, against a living host whose
//! files rotate. What Telegraf wrote last must equal what the host really did, also when a child
//! of it hung or was killed.

use crate::agent::{Telegraf, falls_never, last_values, shipped, telegraf, total};
use crate::simulated::{Simulated, binary};
use crate::stage::{INCIDENT, QUIET, Stage};
use influxdb_line_protocol::{ParsedLine, parse_lines};
use rustix::process::{Signal, kill_process, test_kill_process};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Telegraf collects every ten seconds: one collection before the first record, one after the
/// last.
const BEFORE: &str = "14s";
const TRAFFIC: &str = "60s";

/// A host that lives for a minute, and a Telegraf that already watches it.
fn running(program: &Path, drop_in: &str, seed: &str) -> (Telegraf, Simulated, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--rate", "300", "--seed", seed, "--after", BEFORE, "--for", TRAFFIC];
    let rotating = ["--rotate-every", "7s", "--move-to", "--separate-diag"];
    let host =
        Simulated::start(&binary(), &folder.path().join("host"), &[&arguments[..], &rotating[..]].concat());
    // There was a ledger once. That it is gone is an event, and totals begin at nothing.
    std::fs::create_dir(folder.path().join("state")).unwrap();
    std::fs::write(folder.path().join("state/ledger.db"), "garbage".repeat(1_000)).unwrap();
    // Every collection has something to complain about, which is no error.
    let mut config = std::fs::File::options().append(true).open(host.config()).unwrap();
    config.write_all(b"[rules]\ndirectory = \"/nonexistent/rules.d\"\n").unwrap();
    let telegraf = Telegraf::start(program, folder.path(), drop_in, &host);
    (telegraf, host, folder)
}

/// Waits until the host has ended; then what Telegraf wrote last is the truth.
fn exact(telegraf: &Telegraf, host: &mut Simulated) {
    let truth = host.truth();
    telegraf.three_more();
    let last = last_values(&telegraf.written());
    let counters = [
        ("d", "delivered_total"),
        ("b", "bounced_total"),
        ("t", "deferred_total"),
        ("tq", "queue_deferred_total"),
        ("rb", "remote_bounced_total"),
        ("rs", "remote_status_total"),
        ("f", "complaints_total"),
        ("delivered_bytes", "delivered_bytes_total"),
    ];
    for (kind, field) in counters {
        let real = truth["total"][kind].as_i64().unwrap();
        assert_eq!(total(&last, "pmta_totals", field), real, "{kind}");
        assert_eq!(total(&last, "pmta_recipients", field), real, "{kind} over providers and VMTAs");
    }
    let delivered = truth["total"]["d"].as_i64().unwrap();
    assert!(delivered > 10_000, "only {delivered} recipients: the simulator did not keep up");
    falls_never(&telegraf.written());
    // Sentences went where sentences belong.
    let events = telegraf.events();
    assert!(events.contains("event=ledger-damaged"), "{events}");
    assert!(events.lines().all(|line| line.starts_with("pmta_event,")), "{events}");
    assert!(!telegraf.written().contains("pmta_event"), "events are kept out of the store of metrics");
}

#[test]
fn telegraf_gets_every_record_exactly() {
    let Some(program) = telegraf() else { return };
    let (telegraf, mut host, _folder) = running(&program, "pmta-vitals.conf", "11");
    exact(&telegraf, &mut host);
    let log = telegraf.log();
    assert!(!log.lines().any(|line| line.contains(" E! ")), "{log}");
}

#[test]
fn a_killed_and_a_hung_run_of_telegraf_cost_no_record() {
    let Some(program) = telegraf() else { return };
    let (telegraf, mut host, _folder) = running(&program, "pmta-vitals.conf", "12");
    telegraf.wait("first collection", || (telegraf.collections() > 0).then_some(()));
    telegraf.strike(Signal::KILL);
    telegraf.wait("word of the kill", || telegraf.log().contains("signal: killed").then_some(()));
    // Telegraf asks it to end, which it does not hear, and then makes an end of it.
    let hung = telegraf.strike(Signal::STOP);
    telegraf.wait("word of the hang", || telegraf.log().contains("timed out").then_some(()));
    telegraf.wait("end of the hang", || test_kill_process(hung).is_err().then_some(()));
    exact(&telegraf, &mut host);
}

#[test]
fn a_killed_and_a_hung_child_of_execd_cost_no_record() {
    let Some(program) = telegraf() else { return };
    let (mut telegraf, mut host, _folder) = running(&program, "pmta-vitals-execd.conf.example", "13");
    let newest = |telegraf: &Telegraf| *telegraf.children().last().unwrap();
    let collects_on = |telegraf: &Telegraf, more: usize| {
        let seen = telegraf.collections();
        telegraf.wait("collection", || (telegraf.collections() >= seen + more).then_some(()));
    };
    collects_on(&telegraf, 2);
    assert_eq!(telegraf.children().len(), 1, "one process for all collections");
    kill_process(newest(&telegraf), Signal::KILL).unwrap();
    telegraf.wait("new child", || (telegraf.children().len() == 2).then_some(()));
    collects_on(&telegraf, 1);
    // It hangs for more than an interval, and works off the newlines that came meanwhile.
    let hung = newest(&telegraf);
    kill_process(hung, Signal::STOP).unwrap();
    let seen = telegraf.collections();
    std::thread::sleep(Duration::from_secs(12));
    assert!(telegraf.collections() <= seen + 1, "a stopped process says nothing");
    kill_process(hung, Signal::CONT).unwrap();
    collects_on(&telegraf, 2);
    assert_eq!(telegraf.children().len(), 2);
    exact(&telegraf, &mut host);
    telegraf.stop();
    assert!(test_kill_process(newest(&telegraf)).is_err(), "it ended with its standard input");
    let log = telegraf.log();
    assert!(log.contains("signal: killed"), "{log}");
    // Telegraf takes our prefix for the level; a line without one would be an error of its own.
    assert!(log.contains("W! [inputs.execd] ") && log.contains("/nonexistent/rules.d"), "{log}");
    assert!(!log.contains("stderr: \""), "{log}");
}

/// `data_format = "nagios"`: a check's answer becomes a metric.
#[test]
fn telegraf_reads_a_check() {
    let Some(program) = telegraf() else { return };
    let stage = Stage::new(30.0, INCIDENT);
    stage.collect();
    stage.live(QUIET, 300);
    let once = || {
        let _ = std::fs::remove_file(stage.path("checks.out"));
        let config = format!(
            "[agent]\n  omit_hostname = true\n[[outputs.file]]\n  files = [{:?}]\n  data_format = \"influx\"\n{}",
            stage.path("checks.out"),
            shipped("pmta-vitals-check.conf.example", &stage.program())
        );
        std::fs::write(stage.path("telegraf.conf"), config).unwrap();
        let mut run = Command::new(&program);
        let output = run.arg("--once").arg("--config").arg(stage.path("telegraf.conf")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains(" E! "), "{said}");
        std::fs::read_to_string(stage.path("checks.out")).unwrap()
    };
    // Rows as `measurement,tag=value` with the fields, a sentence perhaps over several lines.
    let state = |text: &str, name: &str| {
        let name = name.to_owned();
        let is_of = |line: &ParsedLine<'_>| {
            let tags = line.series.tag_set.iter().flatten();
            line.series.measurement == "nagios_state" && tags.clone().any(|(_, value)| *value == name)
        };
        let found = parse_lines(text).map(Result::unwrap).find(is_of).unwrap();
        let field = |name: &str| found.field_value(name).unwrap().to_string();
        (field("state"), field("service_output"))
    };
    let quiet = once();
    assert_eq!(state(&quiet, "all").0, "0i", "{quiet}");
    assert_eq!(state(&quiet, "queue-size").0, "0i", "{quiet}");
    stage.live(720, 60);
    let firing = once();
    let (code, sentence) = state(&firing, "all");
    assert!(code == "1i" && sentence.contains("VITALS WARNING - [Yahoo]"), "{firing}");
    let delivered = format!("value={}", stage.host.totals().delivered);
    let found = firing.lines().any(|line| {
        line.starts_with("nagios,") && line.contains("perfdata=delivered,") && line.contains(&delivered)
    });
    assert!(found, "no {delivered} in {firing}");
}
