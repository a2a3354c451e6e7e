//! What the logs say, and what somebody changed.

use super::{Bench, fires, open, program, quiet};
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
        options.rate = 30.0;
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
    let journal = folder.join("journal");
    let text = format!(
        "a=\"$*\"\nn=${{a##*;i=}}\nn=${{n%%;*}}\ncase \"$a\" in\n*--after-cursor=*) tail -n +$((n+1)) {0};;\n*) tail -n 1 {0};;\nesac",
        journal.display()
    );
    program(&bench.rig, "journalctl", &text);
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

/// A run as a user who may read the configuration and little else.
fn as_nobody(bench: &Bench, arguments: &[&str]) -> std::process::Output {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    let folder = bench.rig.folder.path();
    if !rustix::process::geteuid().is_root() {
        return bench.rig.run(arguments);
    }
    let copy = folder.join("pmta-vitals");
    if !copy.exists() {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        fs::hard_link(crate::rig::binary(), &copy)
            .or_else(|_| fs::copy(crate::rig::binary(), &copy).map(|_| ()))
            .unwrap();
        fs::create_dir(bench.rig.state()).unwrap();
        chown(bench.rig.state(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let ours = bench.rig.command();
    let mut command = std::process::Command::new(copy);
    command.args(ours.get_args()).args(arguments).stdin(std::process::Stdio::null());
    command.uid(NOBODY).gid(NOBODY).env_clear().env("PATH", "/usr/bin:/bin").output().unwrap()
}

#[test]
fn kernel_that_may_not_be_read_is_unknown_and_the_journal_stands_in() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let kmsg = bench.rig.folder.path().join("kmsg");
    fs::set_permissions(&kmsg, fs::Permissions::from_mode(0o000)).unwrap();
    let collect = || {
        bench.rig.pass(30);
        let output = as_nobody(&bench, &["collect", "--consumer", "rig"]);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{complaint}");
        (Metrics::read(&String::from_utf8(output.stdout).unwrap()), complaint)
    };
    let of = [("source", "kernel")];
    // What it would say if it could be read.
    bench.kernel(&["6,1,1,-;Linux version 6.1", &format!("3,2,2,-;{KILL}")]);
    for _ in 0..2 {
        let (metrics, complaint) = collect();
        assert_eq!(metrics.int("pmta_collector", &of, "up"), 0, "{}", metrics.text);
        quiet(&metrics, "kernel");
        assert!(!metrics.text.contains("pmta_kernel,"), "nothing is claimed: {}", metrics.text);
        // The others are unharmed.
        assert_eq!(metrics.int("pmta_collector", &[("source", "web")], "up"), 1);
        assert!(complaint.is_empty() || complaint.contains("kmsg: permission denied"), "{complaint}");
    }
    let checked = as_nobody(&bench, &["check", "kernel"]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(checked.status.code(), Some(3), "{said}");
    assert!(said.contains("permission denied") && said.contains("systemd-journal"), "{said}");
    // With journald it is seen all the same; its first answer only says where it stands.
    let journal = journalctl(&bench);
    append(&journal, &record(1, 0, KILL));
    bench.rig.pass(600);
    let (metrics, _) = collect();
    quiet(&metrics, "kernel");
    assert_eq!(metrics.int("pmta_collector", &of, "up"), 1, "{}", metrics.text);
    append(&journal, &record(2, 0, KILL));
    let (metrics, _) = collect();
    fires(&metrics, "kernel", "oom-kill", "critical");
    assert_eq!(metrics.int("pmta_kernel", &[("class", "oom-kill")], "total"), 1);
}

#[test]
fn changes_name_a_restart_that_came_before_and_not_a_counter_that_was_reset() {
    for (seen, restarts) in [(true, true), (false, true), (true, false), (false, false)] {
        let bench = Bench::new();
        if !seen {
            // Its process is on no /proc of ours: the web monitor tells of it.
            bench.dies(10);
            bench.dies(11);
        }
        bench.rig.host.load_queue("gmail.com", 5_000, 60);
        bench.rig.host.pause_queue("*/*", true);
        bench.runs(2, 30);
        if restarts {
            bench.rig.host.restart().unwrap();
            if seen {
                bench.process("pmtad", 20, 900, 50_000);
                bench.dies(10);
            }
        } else {
            bench.rig.host.reset_counters();
        }
        let metrics = bench.runs(1, 30);
        let told = open(&metrics, if seen { "restarts" } else { "changes" });
        let reason = if seen { "pmtad" } else { "restart" };
        let expected = restarts.then(|| (reason.to_owned(), "info".to_owned()));
        assert_eq!(told, Vec::from_iter(expected), "{}", metrics.text);
        bench.rig.host.load_queue("gmail.com", 5_000, 60);
        bench.rig.host.pause_queue("*/*", true);
        bench.rig.host.show(pmta_sim::Gauges { spool_max: Some(5_000), ..pmta_sim::Gauges::default() });
        let metrics = bench.runs(3, 60);
        let named = advised(&metrics, "spool")[0].contains("Changed shortly before: PowerMTA restarted (");
        assert_eq!(named, restarts, "{}", metrics.text);
    }
}
