//! A real Telegraf runs the shipped drop-in, unchanged but for paths, against a living host whose
//! files rotate. What Telegraf wrote last must equal what the host really did.

use crate::simulated::{Simulated, binary, named};
use influxdb_line_protocol::{FieldValue, parse_lines};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DROP_IN: &str = include_str!("../../telegraf.d/pmta-vitals.conf");
/// Telegraf collects every ten seconds: one collection before the first record, one after the
/// last.
const BEFORE: &str = "14s";
const TRAFFIC: &str = "60s";
const LIMIT: Duration = Duration::from_secs(60);

struct Telegraf {
    child: Child,
    folder: PathBuf,
}

impl Telegraf {
    fn start(program: &Path, folder: &Path, host: &Simulated) -> Telegraf {
        let agent = format!(
            "[agent]\n  interval = \"10s\"\n  flush_interval = \"1s\"\n  omit_hostname = true\n\
             [[outputs.file]]\n  files = [{:?}]\n  data_format = \"influx\"\n",
            folder.join("metrics.out")
        );
        std::fs::write(folder.join("telegraf.conf"), agent).unwrap();
        let drop_ins = folder.join("telegraf.d");
        std::fs::create_dir(&drop_ins).unwrap();
        let ours = format!(
            "{} --config {} --state {}",
            binary().display(),
            host.config().display(),
            folder.join("state").display()
        );
        let text = DROP_IN.replace("/usr/bin/pmta-vitals", &ours);
        assert_ne!(text, DROP_IN, "the drop-in does not name the binary");
        std::fs::write(drop_ins.join("pmta-vitals.conf"), text).unwrap();
        let log = std::fs::File::create(folder.join("telegraf.log")).unwrap();
        let child = Command::new(program)
            .arg("--config")
            .arg(folder.join("telegraf.conf"))
            .arg("--config-directory")
            .arg(&drop_ins)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Telegraf { child, folder: folder.to_owned() }
    }

    fn written(&self) -> String {
        std::fs::read_to_string(self.folder.join("metrics.out")).unwrap_or_default()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("telegraf.log")).unwrap_or_default()
    }

    fn collections(&self) -> usize {
        self.written().lines().filter(|line| line.starts_with("pmta_totals ")).count()
    }

    /// Waits for two whole collections from now on, so that one of them began after now.
    fn two_more(&self) {
        let before = self.collections();
        let begun = Instant::now();
        while self.collections() < before + 2 {
            assert!(begun.elapsed() < LIMIT, "Telegraf no longer collects:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Telegraf {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn telegraf_gets_every_record_exactly() {
    if let Ok(why) = std::env::var("PMTA_VITALS_NO_TELEGRAF") {
        eprintln!("SKIPPED: the Telegraf host test: {why}");
        return;
    }
    let program = named("PMTA_VITALS_TELEGRAF").expect("set PMTA_VITALS_TELEGRAF to a telegraf binary");
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--rate", "300", "--seed", "11", "--after", BEFORE, "--for", TRAFFIC];
    let rotating = ["--rotate-every", "7s", "--move-to", "--separate-diag"];
    let mut host =
        Simulated::start(&binary(), &folder.path().join("host"), &[&arguments[..], &rotating[..]].concat());
    let telegraf = Telegraf::start(&program, folder.path(), &host);
    let truth = host.truth();
    telegraf.two_more();

    let log = telegraf.log();
    assert!(!log.lines().any(|line| line.contains(" E! ")), "{log}");
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
    println!("Telegraf: {} collections, {delivered} deliveries, all exact", telegraf.collections());
    falls_never(&telegraf.written());
    let _: &Value = &truth;
}

type Series = BTreeMap<String, i64>;

/// The newest integer of every series, as a database would show it.
fn last_values(text: &str) -> Series {
    let mut last = Series::new();
    each_integer(text, |series, value| {
        last.insert(series, value);
    });
    last
}

fn total(last: &Series, measurement: &str, field: &str) -> i64 {
    let wanted = |series: &str| {
        let name = series.split([',', ' ']).next();
        name == Some(measurement) && series.ends_with(&format!(" {field}"))
    };
    last.iter().filter(|(series, _)| wanted(series)).map(|(_, value)| value).sum()
}

/// No counter ever falls in what Telegraf has written.
fn falls_never(text: &str) {
    let mut seen = Series::new();
    each_integer(text, |series, value| {
        if series.ends_with("_total") || series.ends_with(" total") {
            let before = seen.insert(series.clone(), value).unwrap_or(value);
            assert!(value >= before, "{series} fell from {before} to {value}");
        }
    });
}

fn each_integer(text: &str, mut with: impl FnMut(String, i64)) {
    // Telegraf may be in the middle of its last line.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    for line in parse_lines(whole) {
        let line = line.unwrap();
        let mut tags: Vec<String> =
            line.series.tag_set.iter().flatten().map(|(name, value)| format!(",{name}={value}")).collect();
        tags.sort();
        for (field, value) in &line.field_set {
            if let FieldValue::I64(value) = value {
                with(format!("{}{} {field}", line.series.measurement, tags.concat()), *value);
            }
        }
    }
}
