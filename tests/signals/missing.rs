//! What cannot be seen is unknown, with the reason: never fine, and never a finding about PowerMTA.

use super::{Bench, findings, open};
use crate::rig::{Metrics, Rig};
use pmta_sim::WebFault;
use pmta_vitals::judge::signals::SIGNALS;
use std::fs;

/// The answer of a check: its state and its first line.
fn asked(rig: &Rig, name: &str) -> (Option<i32>, String) {
    let output = rig.run(&["check", name]);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_signal_is_unknown_where_nothing_can_be_seen() {
    let bench = Bench::new();
    let folder = bench.rig.folder.path();
    let (config, gone) = (bench.rig.config_path(), folder.join("gone"));
    let text = fs::read_to_string(&config).unwrap();
    let url = format!("url = {:?}\nconfig = {gone:?}", bench.rig.host.http_url());
    let ours = format!("config = {:?}", bench.rig.host.config_path());
    fs::write(&config, text.replace(&ours, &url)).unwrap();
    bench.rig.host.break_web(&[WebFault::Forbidden]).unwrap();
    for path in ["proc/10", "proc/11"] {
        fs::remove_dir_all(folder.join(path)).unwrap();
    }
    fs::remove_file(folder.join("kmsg")).unwrap();
    let metrics = bench.runs(6, 150);
    assert!(!metrics.text.contains("pmta_finding"), "{}", findings(&metrics));
    let mut wrong = Vec::new();
    for signal in SIGNALS {
        let (code, said) = asked(&bench.rig, signal.name);
        let why = ["denied", "nothing to read", "cannot", "never", "not been asked"];
        if code != Some(3) || !why.iter().any(|word| said.contains(word)) {
            wrong.push(format!("{}: {code:?} {said}", signal.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Sources that were asked in a run, and how they fared.
fn up(metrics: &Metrics, source: &str) -> Option<bool> {
    use crate::rig::Value;
    metrics.get("pmta_collector", &[("source", source)], "up").map(|up| *up == Value::Int(1))
}

#[test]
fn a_source_that_is_missing_blinds_its_own_signals_and_no_other() {
    type Case = (&'static str, fn(&Bench), &'static [&'static str]);
    let cases: [Case; 5] = [
        (
            "web",
            |bench| bench.rig.host.break_web(&[WebFault::Forbidden]).unwrap(),
            &["frozen", "spool", "hold", "leak", "fragmentation", "fairness", "records"],
        ),
        (
            "process",
            |bench| {
                bench.dies(10);
                bench.dies(11);
            },
            &["memory", "restarts", "leak", "fragmentation"],
        ),
        ("kernel", |bench| fs::remove_file(bench.rig.folder.path().join("kmsg")).unwrap(), &["kernel"]),
        (
            "accounting",
            |bench| bench.configure("[accounting]\nfiles = []\n"),
            &["throttle", "fairness", "queue-age", "expiry", "records"],
        ),
        ("pmta_log", |bench| bench.configure("pmta = []\n"), &["pmta-log"]),
    ];
    const OTHERS: [&str; 7] = ["web", "process", "kernel", "accounting", "pmta_log", "smtp", "disk"];
    for (source, hide, blinded) in cases {
        let bench = Bench::new();
        hide(&bench);
        let metrics = bench.runs(2, 60);
        assert_ne!(up(&metrics, source), Some(true), "{source} in {}", metrics.text);
        for other in OTHERS.into_iter().filter(|other| *other != source) {
            assert_eq!(up(&metrics, other), Some(true), "{other} without {source}: {}", metrics.text);
        }
        assert!(
            SIGNALS.iter().all(|signal| open(&metrics, signal.name).is_empty()),
            "{}",
            findings(&metrics)
        );
        for name in blinded {
            let (code, said) = asked(&bench.rig, name);
            assert_eq!(code, Some(3), "{name} without {source}: {said}");
            assert!(!said.contains("nothing found"), "{name} without {source}: {said}");
        }
        let (code, said) = asked(&bench.rig, if source == "disk" { "spool" } else { "disk" });
        assert_ne!(code, Some(3), "unharmed: {said}");
    }
    // Up, and without the right to ask for this.
    let bench = Bench::new();
    bench.runs(1, 60);
    let (code, said) = asked(&bench.rig, "license");
    assert!(code == Some(3) && said.contains("operator line in http-access"), "{said}");
}
