//! The golden signals through the built binary: each has an incident that triggers it, and one
//! that looks like it and must not.

use crate::rig::{Metrics, Rig, Value};
use pmta_sim::{Gauges, SmtpFault, WebFault};
use std::fs;
use std::path::PathBuf;

/// A host without the `pmta` command, with a /proc and a kernel's log of its own.
struct Bench {
    rig: Rig,
}

impl Bench {
    fn new() -> Bench {
        Bench::with_rate(5.0)
    }

    fn with_rate(rate: f64) -> Bench {
        let bench = Bench { rig: Rig::with(|options| options.rate = rate) };
        bench.configure("");
        bench.process("pmtad", 10, 100, 50_000);
        bench.process("pmtahttp", 11, 100, 1_000);
        bench.kernel(&["6,1,1,-;Linux version 6.1"]);
        bench
    }

    fn configure(&self, more: &str) {
        let (pmta, folder) = (self.rig.host.config_path(), self.rig.folder.path());
        let (proc, kmsg) = (folder.join("proc"), folder.join("kmsg"));
        let text = format!(
            "[pmta]\nconfig = {pmta:?}\ncommand = \"/nonexistent/pmta\"\n[host]\nproc = {proc:?}\n[logs]\nkernel = {kmsg:?}\n{more}"
        );
        fs::write(self.rig.config_path(), text).unwrap();
    }

    fn proc(&self, pid: u32) -> PathBuf {
        self.rig.folder.path().join(format!("proc/{pid}"))
    }

    fn process(&self, name: &str, pid: u32, start: u64, anon_kb: u64) {
        let folder = self.proc(pid);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("comm"), format!("{name}\n")).unwrap();
        let zeros = "0 ".repeat(18);
        fs::write(folder.join("stat"), format!("{pid} ({name}) S {zeros}{start} 1 2 3\n")).unwrap();
        let rss = anon_kb + 20_000;
        let status = format!("VmRSS:\t{rss} kB\nRssAnon:\t{anon_kb} kB\nVmSwap:\t0 kB\nThreads:\t7\n");
        fs::write(folder.join("status"), status).unwrap();
    }

    fn dies(&self, pid: u32) {
        fs::remove_dir_all(self.proc(pid)).unwrap();
    }

    fn kernel(&self, lines: &[&str]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.rig.folder.path().join("kmsg"), text).unwrap();
    }

    /// So many runs, some seconds apart; what the last one printed.
    fn runs(&self, times: u32, apart: u64) -> Metrics {
        let mut metrics = Metrics::default();
        for _ in 0..times {
            self.rig.pass(apart);
            metrics = self.rig.collect(&[]);
        }
        metrics
    }
}

/// The findings of a signal that are shown as going on: reason and severity.
fn open(metrics: &Metrics, signal: &str) -> Vec<(String, String)> {
    metrics
        .series("pmta_finding", &[("finding", signal)], "active")
        .filter(|(_, value)| **value == Value::Int(1))
        .map(|(tags, _)| (tags.get("reason").cloned().unwrap_or_default(), tags["severity"].clone()))
        .collect()
}

fn fires(metrics: &Metrics, signal: &str, reason: &str, severity: &str) {
    let expected = vec![(reason.to_owned(), severity.to_owned())];
    assert_eq!(open(metrics, signal), expected, "{signal} in\n{}", metrics.text);
}

fn quiet(metrics: &Metrics, signal: &str) {
    assert_eq!(open(metrics, signal), [], "{signal} in\n{}", metrics.text);
}

#[test]
fn down_a_dead_powermta_is_told_once_and_its_end_too() {
    let bench = Bench::new();
    quiet(&bench.runs(2, 10), "down");
    bench.rig.host.break_web(&[WebFault::Down]).unwrap();
    bench.rig.host.break_smtp(&[SmtpFault::Down]).unwrap();
    bench.dies(10);
    bench.dies(11);
    quiet(&bench.runs(1, 10), "down");
    let metrics = bench.runs(3, 10);
    fires(&metrics, "down", "", "critical");
    let event = metrics.series("pmta_event", &[("event", "down"), ("state", "firing")], "message");
    assert_eq!(event.count(), 1, "{}", metrics.text);
    assert!(metrics.text.contains("there is no pmtad process"), "{}", metrics.text);
    // The silent SMTP port is no news then.
    let metrics = bench.runs(8, 15);
    quiet(&metrics, "smtp");
    let suppressed: Vec<_> = metrics
        .series("pmta_finding", &[("finding", "smtp")], "suppressed")
        .map(|(_, value)| value.clone())
        .collect();
    assert_eq!(suppressed, [Value::Int(1)], "{}", metrics.text);
    bench.rig.host.break_web(&[]).unwrap();
    bench.rig.host.break_smtp(&[]).unwrap();
    bench.process("pmtad", 20, 900, 50_000);
    let metrics = bench.runs(3, 10);
    quiet(&metrics, "down");
    assert!(metrics.series("pmta_event", &[("event", "down"), ("state", "resolved")], "n").next().is_some());
}

#[test]
fn down_a_silent_web_monitor_is_not_a_dead_powermta() {
    let bench = Bench::new();
    bench.runs(2, 10);
    bench.rig.host.break_web(&[WebFault::Down]).unwrap();
    fires(&bench.runs(4, 10), "down", "", "warning");
    // And a monitor that lives on does not hide a dead daemon.
    bench.rig.host.break_web(&[]).unwrap();
    bench.runs(3, 10);
    bench.dies(10);
    let metrics = bench.runs(4, 10);
    assert!(open(&metrics, "down").iter().any(|(_, severity)| severity == "critical"), "{}", metrics.text);
}

#[test]
fn down_not_running_is_told_and_our_own_rights_and_a_blink_are_not() {
    let bench = Bench::new();
    bench.runs(1, 10);
    for fault in [WebFault::Forbidden, WebFault::Garbage, WebFault::StatusFail] {
        bench.rig.host.break_web(&[fault]).unwrap();
        let metrics = bench.runs(4, 10);
        quiet(&metrics, "down");
        assert_eq!(metrics.int("pmta_collector", &[("source", "web")], "up"), 0, "unknown, and says so");
    }
    bench.rig.host.break_web(&[WebFault::Down]).unwrap();
    bench.runs(1, 10);
    bench.rig.host.break_web(&[]).unwrap();
    quiet(&bench.runs(3, 10), "down");
    bench.rig.host.show(Gauges { state: Some("stopping"), ..Gauges::default() });
    fires(&bench.runs(4, 10), "down", "", "critical");
}

#[test]
fn smtp_a_port_that_does_not_greet_twice_is_told_and_once_is_not() {
    let bench = Bench::new();
    quiet(&bench.runs(1, 60), "smtp");
    bench.rig.host.break_smtp(&[SmtpFault::Busy]).unwrap();
    quiet(&bench.runs(1, 60), "smtp");
    bench.rig.host.break_smtp(&[]).unwrap();
    quiet(&bench.runs(2, 60), "smtp");
    bench.rig.host.break_smtp(&[SmtpFault::NoStartTls, SmtpFault::SlowBanner(300)]).unwrap();
    quiet(&bench.runs(3, 60), "smtp");
    bench.rig.host.break_smtp(&[SmtpFault::Down]).unwrap();
    let metrics = bench.runs(2, 60);
    fires(&metrics, "smtp", "", "critical");
    assert!(metrics.text.contains("while PowerMTA says that it is running"), "{}", metrics.text);
    bench.rig.host.break_smtp(&[]).unwrap();
    quiet(&bench.runs(1, 60), "smtp");
}

#[test]
fn spool_nearly_full_and_still_loading_are_two_things() {
    let bench = Bench::new();
    bench.rig.host.load_queue("gmail.com", 5_000, 60);
    bench.rig.host.pause_queue("*/*", true);
    quiet(&bench.runs(3, 10), "spool");
    bench.rig.host.show(Gauges { spool_max: Some(20_000), ..Gauges::default() });
    quiet(&bench.runs(3, 10), "spool");
    bench.rig.host.show(Gauges { spool_max: Some(5_000), ..Gauges::default() });
    fires(&bench.runs(3, 10), "spool", "full", "critical");
    bench.rig.host.show(Gauges { spool_loaded: Some(40), ..Gauges::default() });
    let metrics = bench.runs(9, 10);
    assert!(
        open(&metrics, "spool").contains(&("initialising".to_owned(), "info".to_owned())),
        "{}",
        metrics.text
    );
}

#[test]
fn connections_at_the_limit_are_told_when_it_lasts_and_mail_waits() {
    let bench = Bench::new();
    let inbound = |inbound| bench.rig.host.show(Gauges { inbound: Some(inbound), ..Gauges::default() });
    inbound(98);
    quiet(&bench.runs(4, 10), "connections");
    inbound(60);
    quiet(&bench.runs(2, 10), "connections");
    inbound(98);
    fires(&bench.runs(8, 10), "connections", "in", "warning");
    inbound(90);
    fires(&bench.runs(8, 10), "connections", "in", "warning");
    inbound(10);
    quiet(&bench.runs(8, 10), "connections");
    bench.rig.host.pause_queue("*/*", true);
    bench.rig.host.load_queue("gmail.com", 500, 60);
    bench.rig.host.show(Gauges { outbound: Some(1_199), ..Gauges::default() });
    fires(&bench.runs(8, 10), "connections", "out", "warning");
}

#[test]
fn disk_is_held_against_min_free_space() {
    let bench = Bench::new();
    let config = bench.rig.host.config_path();
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains("min-free-space 100M"));
    let metrics = bench.runs(1, 10);
    assert!(
        !open(&metrics, "disk").contains(&("space".to_owned(), "critical".to_owned())),
        "{}",
        metrics.text
    );
    let spool = bench.rig.host.dir().join("spool").display().to_string();
    let spool = [("folder", spool.as_str())];
    assert!(metrics.int("pmta_disk", &spool, "free_bytes") > 0);
    assert!(metrics.int("pmta_disk", &spool, "min_free_bytes") >= 100_000_000);
    fs::write(&config, text.replace("min-free-space 100M", "min-free-space 900000G")).unwrap();
    let metrics = bench.runs(1, 60);
    fires(&metrics, "disk", "space", "critical");
    assert!(metrics.text.contains("it takes no more mail"), "{}", metrics.text);
}

#[test]
fn kernel_lines_are_counted_by_class_and_told_once_for_all() {
    let bench = Bench::new();
    quiet(&bench.runs(1, 30), "kernel");
    let first = "6,1,1,-;Linux version 6.1";
    // Another program wrote the same words; a disk that is mounted is no error.
    let alike = "30,2,2,-;Out of memory: Killed process 7 (pmtad) total-vm:1kB";
    let mount = "6,3,3,-;EXT4-fs (sda1): re-mounted. Opts: errors=remount-ro";
    bench.kernel(&[first, alike, mount]);
    quiet(&bench.runs(1, 30), "kernel");
    let kills: Vec<String> = (4..8)
        .map(|at| format!("3,{at},4,-;Out of memory: Killed process 10 (pmtad) total-vm:1kB, anon-rss:1kB"))
        .collect();
    let mut lines = vec![first, alike, mount];
    lines.extend(kills.iter().map(String::as_str));
    bench.kernel(&lines);
    let metrics = bench.runs(1, 30);
    fires(&metrics, "kernel", "oom-kill", "critical");
    assert_eq!(metrics.int("pmta_kernel", &[("class", "oom-kill")], "total"), 4);
    let told = metrics.series("pmta_event", &[("event", "kernel")], "message");
    let told: Vec<_> = told.map(|(_, value)| value.clone()).collect();
    assert_eq!(told.len(), 1);
    assert!(matches!(&told[0], Value::Text(text) if text.contains("(4 lines)") && text.contains("(pmtad)")));
    assert!(!metrics.text.contains("pmta_line"));
    fires(&bench.runs(3, 30), "kernel", "oom-kill", "critical");
    assert_eq!(bench.runs(1, 30).int("pmta_kernel", &[("class", "oom-kill")], "total"), 4);
    quiet(&bench.runs(3, 300), "kernel");
}

#[test]
fn memory_swap_pressure_and_descriptors_have_their_own_findings() {
    let bench = Bench::new();
    let proc = bench.rig.folder.path().join("proc");
    fs::create_dir_all(proc.join("pressure")).unwrap();
    let pressure = |percent: &str| {
        let text = format!("some avg10={percent} avg60=0.00 avg300=0.00 total=1\n");
        fs::write(proc.join("pressure/memory"), text).unwrap();
    };
    pressure("3.00");
    fs::write(proc.join("buddyinfo"), "Node 0, zone   Normal  100000 0 0 0 0 0 0 0 0 0 0\n").unwrap();
    let fd = proc.join("10/fd");
    fs::create_dir(&fd).unwrap();
    fs::write(proc.join("10/limits"), "Limit  Soft\nMax open files            20  40  files\n").unwrap();
    let metrics = bench.runs(8, 10);
    quiet(&metrics, "memory");
    assert_eq!(metrics.int("pmta_memory", &[], "fragmentation_index"), 1_000);
    pressure("35.00");
    (0..17).for_each(|at| fs::write(fd.join(at.to_string()), "").unwrap());
    let metrics = bench.runs(9, 10);
    let expected = ["descriptors", "pressure"].map(|reason| (reason.to_owned(), "warning".to_owned()));
    assert_eq!(open(&metrics, "memory"), expected, "{}", metrics.text);
    pressure("0.00");
    fs::remove_dir_all(&fd).unwrap();
    fs::create_dir(&fd).unwrap();
    quiet(&bench.runs(20, 10), "memory");
}

#[test]
fn restarts_in_a_row_are_a_crash_loop_and_one_is_a_note() {
    let bench = Bench::new();
    quiet(&bench.runs(2, 10), "restarts");
    bench.process("pmtad", 10, 200, 50_000);
    fires(&bench.runs(1, 60), "restarts", "pmtad", "info");
    bench.process("pmtad", 10, 300, 50_000);
    bench.runs(1, 60);
    bench.process("pmtad", 10, 400, 50_000);
    let metrics = bench.runs(1, 60);
    fires(&metrics, "restarts", "pmtad", "critical");
    assert_eq!(metrics.int("pmta_memory", &[("process", "pmtad")], "restarts_total"), 3);
    // Counters that were set back, or a reload, are no restart.
    let bench = Bench::new();
    bench.runs(1, 60);
    bench.rig.host.reset_counters();
    quiet(&bench.runs(2, 60), "restarts");
}

#[test]
fn leak_is_memory_that_grows_hour_by_hour_while_the_queue_does_not() {
    for (step, expected) in [(40_000, 1), (0, 0)] {
        let bench = Bench::with_rate(0.2);
        let mut metrics = Metrics::default();
        for hour in 0..8 {
            bench.process("pmtad", 10, 100, 200_000 + hour * step);
            metrics = bench.runs(1, 3_600);
        }
        assert_eq!(open(&metrics, "leak").len(), expected, "{}", metrics.text);
    }
}

#[test]
fn queue_age_is_read_off_the_deferrals_and_young_mail_is_none() {
    for (age, expected) in [(30 * 3_600, Some("warning")), (101 * 3_600, Some("critical")), (3_600, None)] {
        let rig = Rig::with(|options| {
            options.rate = 20.0;
            options.scenario = "comcast-450@0+7200x2".to_owned();
        });
        rig.collect(&[]);
        assert!(rig.host.load_queue("comcast.net", 400, age));
        rig.pass(120);
        let metrics = rig.collect(&[]);
        let of = [("finding", "queue-age"), ("provider", "Comcast")];
        let severity =
            metrics.series("pmta_finding", &of, "active").next().map(|(tags, _)| tags["severity"].as_str());
        assert_eq!(severity, expected, "{}", metrics.text);
        let oldest = metrics.get("pmta_queue_age", &[("provider", "Comcast")], "oldest_seconds");
        let Some(Value::Float(oldest)) = oldest else { panic!("no age in {}", metrics.text) };
        assert!((*oldest - age as f64).abs() < 300.0, "{oldest}");
    }
}

#[test]
fn throttle_is_the_share_of_rate_limits_and_not_of_other_deferrals() {
    for (scenario, provider, expected) in
        [("gmail-rate@0+7200x3", "Gmail", true), ("comcast-450@0+7200x2", "Comcast", false)]
    {
        let rig = Rig::with(|options| {
            options.rate = 60.0;
            options.scenario = scenario.to_owned();
        });
        rig.collect(&[]);
        let mut metrics = Metrics::default();
        for _ in 0..4 {
            rig.pass(150);
            metrics = rig.collect(&[]);
        }
        let of = [("finding", "throttle"), ("provider", provider)];
        assert_eq!(
            metrics.series("pmta_finding", &of, "active").count(),
            usize::from(expected),
            "{}",
            metrics.text
        );
        let of = [("provider", provider)];
        assert!(metrics.int("pmta_throttle", &of, "attempts") >= 200, "{}", metrics.text);
        let Some(Value::Float(ratio)) = metrics.get("pmta_throttle", &of, "ratio") else {
            panic!("no ratio")
        };
        assert_eq!(*ratio > 0.3, expected, "{ratio}");
    }
}

#[test]
fn fairness_a_vmta_that_stands_still_is_told_and_a_paused_one_is_not() {
    for stalls in [true, false] {
        let rig = Rig::with(|options| options.rate = 20.0);
        rig.collect(&[]);
        rig.host.load_queue("gmail.com", 4_000, 60);
        if stalls {
            rig.host.stall_queue("*/vmta2");
        } else {
            rig.host.pause_queue("*/vmta2", true);
        }
        let (mut metrics, mut named) = (Metrics::default(), false);
        for _ in 0..10 {
            rig.pass(150);
            metrics = rig.collect(&[]);
            named |= metrics.text.contains("vmta2 delivered nothing");
        }
        assert_eq!(open(&metrics, "fairness").len(), usize::from(stalls), "{}", metrics.text);
        assert_eq!(metrics.int("pmta_fairness", &[], "stalled_vmtas"), i64::from(stalls));
        let Some(Value::Float(index)) = metrics.get("pmta_fairness", &[], "jain_index") else {
            panic!("none")
        };
        assert!(*index > 0.0 && *index <= 1.0, "{index}");
        assert_eq!(named, stalls);
    }
}

#[test]
fn dkim_keys_that_are_missing_or_closed_to_pmtad_are_told() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let status = bench.proc(10).join("status");
    let text = fs::read_to_string(&status).unwrap();
    let ids = "Uid:\t4242 4242 4242 4242\nGid:\t4242 4242 4242 4242\nGroups:\t4243\n";
    fs::write(&status, format!("{text}{ids}")).unwrap();
    let keys = bench.rig.folder.path().join("keys");
    fs::create_dir(&keys).unwrap();
    for folder in [bench.rig.folder.path(), &keys] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let key = keys.join("a.pem");
    let mode = |mode| fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
    fs::write(&key, "no key").unwrap();
    mode(0o644);
    let config = bench.rig.host.config_path();
    let text = fs::read_to_string(&config).unwrap();
    // A pattern names no file, and a key that everybody may read is open to pmtad, too.
    let fine = format!(
        "domain-key s,a.example,{}\ndomain-key s,*,{}\n",
        key.display(),
        keys.join("$d.pem").display()
    );
    fs::write(&config, format!("{text}\n{fine}")).unwrap();
    quiet(&bench.runs(1, 600), "dkim");
    mode(0o600);
    fires(&bench.runs(1, 600), "dkim", "unreadable", "critical");
    mode(0o644);
    fs::write(&config, format!("{text}\n{fine}domain-key s,b.example,{}\n", keys.join("b.pem").display()))
        .unwrap();
    let metrics = bench.runs(1, 600);
    fires(&metrics, "dkim", "missing", "critical");
    assert!(metrics.text.contains("(b.example) is not there"), "{}", metrics.text);
    fs::write(keys.join("b.pem"), "no key").unwrap();
    fs::set_permissions(keys.join("b.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    quiet(&bench.runs(1, 600), "dkim");
}

#[test]
fn every_signal_has_its_row_and_every_row_its_tests() {
    let table = fs::read_to_string("docs/signals.md").unwrap();
    let signals = fs::read_to_string("src/judge/signals/mod.rs").unwrap();
    let here = fs::read_to_string("tests/signals.rs").unwrap();
    let beside = fs::read_to_string("src/judge/signals/tests.rs").unwrap();
    for file in signals.lines().filter_map(|line| line.trim().strip_suffix("::SIGNAL,")) {
        let name = file.replace('_', "-");
        let rows: Vec<&str> = table.lines().filter(|line| line.starts_with(&format!("| `{name}`"))).collect();
        assert!(!rows.is_empty(), "{name} has no row");
        let named = |row: &str| {
            let proofs = row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2);
            proofs.map(str::to_owned).collect::<Vec<_>>()
        };
        let proofs: Vec<String> = rows.iter().flat_map(|row| named(row)).collect();
        assert!(!proofs.is_empty(), "{name} is not proved");
        for proof in proofs {
            let test = format!("fn {proof}(");
            assert!(here.contains(&test) || beside.contains(&test), "{name}: there is no test {proof}");
        }
    }
}
