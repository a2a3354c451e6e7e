//! The golden signals through the built binary: each has an incident that triggers it, and one
//! that looks like it and must not. One file for each family; this one holds the bench.

mod budget;
mod delivery;
mod limits;
mod liveness;
mod logs;
mod memory;
mod missing;
mod queues;

use crate::rig::{Metrics, Rig, Value, binary};
use pmta_vitals::judge::signals::SIGNALS;
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

    /// How long programs waited for memory, as the kernel tells it (percent of ten seconds).
    fn pressure(&self, percent: &str) {
        let folder = self.rig.folder.path().join("proc/pressure");
        fs::create_dir_all(&folder).unwrap();
        let text = format!("some avg10={percent} avg60=0.00 avg300=0.00 total=1\n");
        fs::write(folder.join("memory"), text).unwrap();
    }

    fn with_rate(rate: f64) -> Bench {
        let choose = |options: &mut pmta_sim::Options| {
            (options.rate, options.command_line) = (rate, false);
        };
        let bench = Bench { rig: Rig::with(choose) };
        bench.configure("");
        bench.process("pmtad", 10, 100, 50_000);
        bench.process("pmtahttp", 11, 100, 1_000);
        bench.kernel(&["6,1,1,-;Linux version 6.1"]);
        bench
    }

    fn configure(&self, more: &str) {
        let (pmta, folder) = (self.rig.host.config_path(), self.rig.folder.path());
        let at = |name: &str| folder.join(name);
        let (proc, cgroup) = (at("proc"), at("cgroup"));
        let (kmsg, journal, file) = (at("kmsg"), at("journalctl"), at("kern.log"));
        let text = format!(
            "[pmta]\nconfig = {pmta:?}\ncommand = \"/nonexistent/pmta\"\n[host]\nproc = {proc:?}\ncgroup = {cgroup:?}\n[logs]\nkernel = {kmsg:?}\njournal = {journal:?}\nkernel_files = [{file:?}]\n{more}"
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

/// A shell program in the rig's folder. Not written by this process: a neighbour that forks meanwhile
/// would keep it busy.
fn program(rig: &Rig, name: &str, body: &str) -> PathBuf {
    let path = rig.folder.path().join(name);
    let text = format!("#!/bin/sh\n{body}\n");
    let write = ["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\"", path.to_str().unwrap(), &text];
    assert!(std::process::Command::new("sh").args(write).status().unwrap().success());
    path
}

/// The findings of a signal that are shown as going on: reason and severity.
fn open(metrics: &Metrics, signal: &str) -> Vec<(String, String)> {
    metrics
        .series("pmta_finding", &[("finding", signal)], "active")
        .filter(|(_, value)| **value == Value::Int(1))
        .map(|(tags, _)| (tags.get("reason").cloned().unwrap_or_default(), tags["severity"].clone()))
        .collect()
}

/// What is open and why, for a test that failed.
fn findings(metrics: &Metrics) -> String {
    metrics
        .text
        .lines()
        .filter(|line| line.starts_with("pmta_finding") || line.starts_with("pmta_event"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn fires(metrics: &Metrics, signal: &str, reason: &str, severity: &str) {
    let expected = vec![(reason.to_owned(), severity.to_owned())];
    assert_eq!(open(metrics, signal), expected, "{signal} in\n{}", findings(metrics));
}

fn quiet(metrics: &Metrics, signal: &str) {
    assert_eq!(open(metrics, signal), [], "{signal} in\n{}", findings(metrics));
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
    bench.pressure("3.00");
    fs::write(proc.join("buddyinfo"), "Node 0, zone   Normal  100000 0 0 0 0 0 0 0 0 0 0\n").unwrap();
    let fd = proc.join("10/fd");
    fs::create_dir(&fd).unwrap();
    fs::write(proc.join("10/limits"), "Limit  Soft\nMax open files            20  40  files\n").unwrap();
    let metrics = bench.runs(8, 10);
    quiet(&metrics, "memory");
    assert_eq!(metrics.int("pmta_memory", &[], "fragmentation_index"), 1_000);
    bench.pressure("35.00");
    (0..17).for_each(|at| fs::write(fd.join(at.to_string()), "").unwrap());
    let metrics = bench.runs(9, 10);
    let expected = ["descriptors", "pressure"].map(|reason| (reason.to_owned(), "warning".to_owned()));
    assert_eq!(open(&metrics, "memory"), expected, "{}", metrics.text);
    bench.pressure("0.00");
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
fn every_signal_is_a_check_and_has_its_row_and_every_row_its_tests() {
    let table = fs::read_to_string("docs/signals.md").unwrap();
    let listed = std::process::Command::new(binary()).args(["check", "list"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut tests = String::new();
    for file in fs::read_dir("tests/signals").unwrap() {
        tests += &fs::read_to_string(file.unwrap().path()).unwrap();
    }
    for signal in SIGNALS {
        let name = signal.name;
        assert!(listed.lines().any(|line| line.split(' ').next() == Some(name)), "{name} is no check");
        let rows: Vec<&str> = table.lines().filter(|line| line.starts_with(&format!("| `{name}`"))).collect();
        assert!(!rows.is_empty(), "{name} has no row");
        for row in rows {
            let last = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap();
            let proofs: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
            assert!(!proofs.is_empty() || last.trim() == "the same", "{row} is not proved");
            for proof in proofs {
                assert!(tests.contains(&format!("fn {proof}(")), "{name}: there is no test {proof}");
            }
        }
    }
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for row in rows {
        assert!(SIGNALS.iter().any(|signal| signal.name == row), "{row} is no signal");
    }
}
