//! `doctor` on the simulated host with one thing wrong at a time: it must name that thing, and
//! say how to mend it.

use crate::rig::Rig;
use pmta_sim::{Access, WebFault};
use std::os::unix::fs::PermissionsExt;

fn examine(rig: &Rig) -> String {
    let output = rig.run(&["doctor"]);
    String::from_utf8(output.stdout).unwrap()
}

/// The lines of one topic, with what mends it.
fn topic<'a>(report: &'a str, name: &str) -> Vec<&'a str> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in report.lines() {
        if !line.starts_with(' ') {
            inside = line.split_whitespace().nth(1) == Some(&format!("{name}:"));
        }
        if inside {
            lines.push(line);
        }
    }
    lines
}

fn names(report: &str, name: &str, state: &str, words: &[&str]) {
    let lines = topic(report, name).join("\n");
    assert!(lines.lines().any(|line| line.starts_with(state)), "{name} is not {state}:\n{report}");
    for word in words {
        assert!(lines.contains(word), "{name} does not say {word:?}:\n{lines}");
    }
}

#[test]
fn a_healthy_host_has_nothing_bad() {
    // The files are written by the real clock, so this host must live by it, too.
    let rig = Rig::with(|options| *options = options.clone().begin_from_now());
    rig.collect(&[]);
    let report = examine(&rig);
    names(&report, "web-monitor", "good", &["answers"]);
    assert!(!report.lines().any(|line| line.starts_with("BAD")), "{report}");
}

#[test]
fn each_fault_of_the_web_monitor_is_named() {
    let rig = Rig::with(|options| options.rate = 5.0);
    for (fault, state, words) in [
        (WebFault::Down, "BAD", &["does not answer", "pmtahttp"][..]),
        (WebFault::Forbidden, "BAD", &["http-access 127.0.0.1 monitor"]),
        (WebFault::RedirectToHttps, "BAD", &["ca_file", "pin_sha256", "insecure"]),
        (WebFault::Garbage, "unknown", &["no other web server"]),
    ] {
        rig.host.break_web(&[fault]).unwrap();
        names(&examine(&rig), "web-monitor", state, words);
    }
}

#[test]
fn an_access_list_without_us_is_told_with_its_line() {
    let rig = Rig::with(|options| options.access = vec![("10.0.0.0/8".to_owned(), Access::Admin)]);
    names(&examine(&rig), "web-monitor", "BAD", &["http-access 127.0.0.1 monitor"]);
}

#[test]
fn missing_t_and_tq_records_are_told_with_the_line_to_add() {
    let rig = Rig::with(|options| options.transient_records = false);
    rig.pass(5);
    let report = examine(&rig);
    let lines = topic(&report, "deferral-records").join("\n");
    assert!(lines.starts_with("BAD") && lines.contains("records d,b,"), "{report}");
    assert!(lines.contains("tq"), "{report}");
}

#[test]
fn no_powermta_configuration_is_told_first() {
    let rig = Rig::with(|_| {});
    std::fs::write(rig.config_path(), "[pmta]\nconfig = \"/nonexistent/config\"\n").unwrap();
    let report = examine(&rig);
    assert!(report.contains("/nonexistent/config"), "{report}");
    assert_eq!(rig.run(&["doctor"]).status.code(), Some(1));
}

#[test]
fn files_that_only_others_may_read_are_named_with_their_group() {
    let rig = Rig::with(|options| options.rate = 50.0);
    rig.pass(5);
    if !rustix::process::geteuid().is_root() {
        println!("not root: modes are checked with the files of this user");
    }
    for path in rig.host.live_files() {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
    }
    let output = as_nobody(&rig, &["doctor"]);
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(topic(&report, "accounting").join("\n").starts_with("BAD"), "{report}");
}

/// As a user who is neither root nor in PowerMTA's group, so that modes bind.
fn as_nobody(rig: &Rig, arguments: &[&str]) -> std::process::Output {
    use std::os::unix::process::CommandExt;
    let mut command = rig.command();
    if rustix::process::geteuid().is_root() {
        std::fs::set_permissions(rig.folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        command.uid(65_534).gid(65_534);
    }
    command.args(arguments).output().unwrap()
}

#[test]
fn the_fix_commands_are_lines_to_paste() {
    let rig = Rig::with(|options| options.transient_records = false);
    let output = rig.run(&["doctor", "--fix-commands"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("install -d -m 2770"), "{text}");
    assert!(text.contains("records d,b,"), "{text}");
}

#[test]
fn records_that_made_no_sense_are_told_with_the_place_of_the_first() {
    let rig = Rig::with(|_| {});
    rig.collect(&[]);
    assert!(topic(&examine(&rig), "accounting-records").is_empty());
    rig.host.write_raw(b"d,2026-11-23,user@example.net\r\n").unwrap();
    rig.pass(20);
    rig.collect(&[]);
    let report = examine(&rig);
    names(&report, "accounting-records", "info", &["1 record made no sense", "at byte", "acct"]);
    assert!(!report.contains("example.net"), "{report}");
}
