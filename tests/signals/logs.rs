//! What the logs say, and what somebody changed.

use super::{Bench, fires, open, quiet};
use crate::rig::{Metrics, Rig, Value};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

fn append(path: &Path, line: &str) {
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    writeln!(file, "{line}").unwrap();
}

fn told(metrics: &Metrics, signal: &str) -> Vec<String> {
    texts(metrics, signal, "message")
}

/// What changed before stands behind what to do.
fn advised(metrics: &Metrics, signal: &str) -> Vec<String> {
    texts(metrics, signal, "action")
}

fn texts(metrics: &Metrics, signal: &str, field: &str) -> Vec<String> {
    let of = [("event", signal), ("state", "firing")];
    let rows = metrics.series("pmta_event", &of, field);
    rows.map(|(_, value)| if let Value::Text(text) = value { text.clone() } else { String::new() }).collect()
}

#[test]
fn pmta_log_trouble_is_told_once_with_its_line_and_a_quoted_one_is_not() {
    let bench = Bench::new();
    let host = &bench.rig.host;
    let (log, web) = (host.log_folder(), host.log_folder().join("pmtahttp.log"));
    quiet(&bench.runs(2, 10), "pmta-log");
    // What a receiver says is no word of PowerMTA's, and neither is a request to its web monitor.
    host.log_line("( 20)>>> 452 4.3.1 No space left on device").unwrap();
    host.log_line("ETIMEDOUT connecting to mx.gone.example (192.0.2.1)").unwrap();
    append(&web, "2026-11-24 10:00:00 127.0.0.1 GET /getFile?file=license too many open files");
    let metrics = bench.runs(1, 10);
    quiet(&metrics, "pmta-log");
    assert_eq!(metrics.int("pmta_log", &[("class", "web")], "total"), 1, "{}", metrics.text);
    for _ in 0..5 {
        host.log_line("Error writing to \"/opt/feed jane.doe@victim.example\": No space left on device")
            .unwrap();
    }
    let metrics = bench.runs(1, 10);
    fires(&metrics, "pmta-log", "disk", "critical");
    assert_eq!(metrics.int("pmta_log", &[("class", "disk")], "total"), 5);
    let message = told(&metrics, "pmta-log");
    assert_eq!(message.len(), 1, "{}", metrics.text);
    assert!(message[0].contains("(5 lines): Error writing to \"/opt/feed <address>"), "{message:?}");
    assert!(!metrics.text.contains("jane.doe") && !metrics.text.contains("victim"), "{}", metrics.text);
    host.log_line("Error writing to \"/opt/feed\": No space left on device").unwrap();
    fires(&bench.runs(1, 10), "pmta-log", "disk", "critical");
    quiet(&bench.runs(3, 300), "pmta-log");
    // A file of its own holds what keeps PowerMTA from starting.
    append(
        &log.join("pmta-startuperr.log"),
        "2026-11-24 10:00:00 Error in line 11 of /etc/pmta/config: argument missing",
    );
    let metrics = bench.runs(1, 10);
    fires(&metrics, "pmta-log", "startup", "critical");
    assert!(told(&metrics, "pmta-log")[0].contains("line 11 of /etc/pmta/config"), "{}", metrics.text);
    append(&web, "2026-11-24 10:00:00 accept: Too many open files");
    let metrics = bench.runs(1, 10);
    assert!(
        open(&metrics, "pmta-log").contains(&("descriptors".to_owned(), "critical".to_owned())),
        "{}",
        metrics.text
    );
}

#[test]
fn changes_are_told_and_named_by_what_begins_soon_after() {
    let bench = Bench::new();
    let config = bench.rig.host.config_path();
    let text = fs::read_to_string(&config).unwrap();
    let write = |text: &str| {
        fs::write(&config, text).unwrap();
        let now = u64::try_from(bench.rig.host.now()).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(now);
        File::options().append(true).open(&config).unwrap().set_modified(time).unwrap();
    };
    bench.rig.host.load_queue("gmail.com", 5_000, 60);
    bench.rig.host.pause_queue("*/*", true);
    bench.runs(2, 10);
    // Written anew, and the same.
    write(&text);
    quiet(&bench.runs(1, 10), "changes");
    write(&format!("{text}\n# a remark\n"));
    let metrics = bench.runs(1, 10);
    fires(&metrics, "changes", "configuration", "info");
    assert_eq!(told(&metrics, "changes"), ["The files of PowerMTA's configuration have changed"]);
    bench.rig.host.show(pmta_sim::Gauges { spool_max: Some(5_000), ..pmta_sim::Gauges::default() });
    bench.runs(1, 430);
    let metrics = bench.runs(2, 10);
    fires(&metrics, "spool", "full", "critical");
    let message = advised(&metrics, "spool");
    assert!(
        message[0].ends_with("Changed shortly before: configuration changed (7 minutes before)."),
        "{message:?}"
    );
    // A quarter of an hour later it is no longer news, and no cause.
    quiet(&bench.runs(2, 300), "changes");
    bench.rig.host.show(pmta_sim::Gauges { inbound: Some(98), ..pmta_sim::Gauges::default() });
    let metrics = bench.runs(8, 10);
    fires(&metrics, "connections", "in", "warning");
    assert!(!advised(&metrics, "connections")[0].contains("Changed shortly"), "{}", metrics.text);
    bench.rig.host.log_line("Configuration reloaded.").unwrap();
    fires(&bench.runs(1, 10), "changes", "reload", "info");
}

#[test]
fn a_provider_s_finding_names_the_change_before_it() {
    let rig = Rig::with(|options| {
        options.rate = 60.0;
        options.scenario = "gmail-rate@1200+7200x3".to_owned();
    });
    rig.collect(&[]);
    (0..7).for_each(|_| {
        rig.pass(150);
        rig.collect(&[]);
    });
    let config = rig.host.config_path();
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}\n# new limits\n")).unwrap();
    let now = u64::try_from(rig.host.now()).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(now);
    File::options().append(true).open(&config).unwrap().set_modified(time).unwrap();
    let mut found = Vec::new();
    for _ in 0..6 {
        rig.pass(150);
        let metrics = rig.collect(&[]);
        let named = told(&metrics, "deferral-ratio").into_iter();
        found.extend(named.zip(advised(&metrics, "deferral-ratio")));
    }
    let (_, gmail) = found.iter().find(|(message, _)| message.starts_with("[Gmail]")).unwrap();
    assert!(gmail.contains("Changed shortly before: configuration changed ("), "{gmail}");
}

/// A journalctl that shows the lines of a file, the number in a cursor being the line's.
fn journalctl(bench: &Bench) -> std::path::PathBuf {
    let folder = bench.rig.folder.path();
    let (path, journal) = (folder.join("journalctl"), folder.join("journal"));
    let text = format!(
        "#!/bin/sh\na=\"$*\"\nn=${{a##*;i=}}\nn=${{n%%;*}}\ncase \"$a\" in\n*--after-cursor=*) tail -n +$((n+1)) {0};;\n*) tail -n 1 {0};;\nesac\n",
        journal.display()
    );
    // Not written by this process: a neighbour that forks meanwhile would keep it busy.
    let write = ["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\"", path.to_str().unwrap(), &text];
    assert!(std::process::Command::new("sh").args(write).status().unwrap().success());
    journal
}

fn record(number: u32, facility: u32, text: &str) -> String {
    format!(
        "{{\"__CURSOR\":\"s=f00;i={number};b=1;m=2;t=3;x=4\",\"__REALTIME_TIMESTAMP\":\"{number}\",\"SYSLOG_FACILITY\":\"{facility}\",\"MESSAGE\":\"{text}\"}}"
    )
}

const KILL: &str = "Out of memory: Killed process 10 (pmtad) total-vm:1kB";

#[test]
fn kernel_lines_come_from_the_journal_where_the_device_is_closed() {
    let bench = Bench::new();
    fs::remove_file(bench.rig.folder.path().join("kmsg")).unwrap();
    let journal = journalctl(&bench);
    append(&journal, &record(1, 0, KILL));
    quiet(&bench.runs(2, 30), "kernel");
    // A program wrote the same words into the kernel's log.
    append(&journal, &record(2, 1, KILL));
    let metrics = bench.runs(1, 30);
    quiet(&metrics, "kernel");
    assert_eq!(metrics.int("pmta_collector", &[("source", "kernel")], "up"), 1, "{}", metrics.text);
    (3..6).for_each(|number| append(&journal, &record(number, 0, KILL)));
    let metrics = bench.runs(1, 30);
    fires(&metrics, "kernel", "oom-kill", "critical");
    assert_eq!(metrics.int("pmta_kernel", &[("class", "oom-kill")], "total"), 3);
    assert_eq!(told(&metrics, "kernel").len(), 1);
    assert_eq!(bench.runs(2, 30).int("pmta_kernel", &[("class", "oom-kill")], "total"), 3);
}

#[test]
fn kernel_lines_come_from_syslog_s_file_where_there_is_no_journal() {
    let bench = Bench::new();
    fs::remove_file(bench.rig.folder.path().join("kmsg")).unwrap();
    let metrics = bench.runs(1, 30);
    assert!(
        metrics.get("pmta_collector", &[("source", "kernel")], "up").is_none(),
        "nothing is here to read"
    );
    let file = bench.rig.folder.path().join("kern.log");
    append(&file, &format!("Nov 24 10:00:00 mta kernel: [   12.345678] {KILL}"));
    quiet(&bench.runs(1, 30), "kernel");
    append(&file, &format!("Nov 24 10:00:00 mta prog[7]: a kernel: {KILL}"));
    quiet(&bench.runs(1, 30), "kernel");
    append(&file, &format!("2026-11-24T10:00:00.123456+00:00 mta kernel: {KILL}"));
    append(&file, "Nov 24 10:00:01 mta kernel: eth0: Link is Up - 1Gbps");
    let metrics = bench.runs(1, 30);
    fires(&metrics, "kernel", "oom-kill", "critical");
    assert_eq!(metrics.int("pmta_kernel", &[("class", "oom-kill")], "total"), 1, "{}", metrics.text);
    assert_eq!(bench.runs(1, 30).int("pmta_kernel", &[("class", "oom-kill")], "total"), 1);
}
