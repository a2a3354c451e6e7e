//! A simulated host, a state folder and the built binary: what a host agent has, in one value.

use influxdb_line_protocol::{FieldValue, parse_lines};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

pub struct Rig {
    pub folder: TempDir,
    pub host: pmta_sim::Host,
}

impl Rig {
    pub fn with(choose: impl FnOnce(&mut pmta_sim::Options)) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let mut options =
            pmta_sim::Options { dir: folder.path().join("host"), ..pmta_sim::Options::default() };
        choose(&mut options);
        let host = pmta_sim::Host::start(options).unwrap();
        std::fs::create_dir(folder.path().join("proc")).unwrap();
        let rig = Rig { folder, host };
        rig.configure("");
        rig
    }

    /// Writes the product's configuration: where PowerMTA's is, and whatever else.
    pub fn configure(&self, more: &str) {
        let pmta = self.host.config_path();
        let text = format!("[pmta]\nconfig = {pmta:?}\ncommand = {:?}\n{more}", self.host.command_path());
        // The machine that the test runs on is not the simulated host.
        let proc = self.folder.path().join("proc");
        let cgroup = self.folder.path().join("cgroup");
        let host = format!("[host]\nproc = {proc:?}\ncgroup = {cgroup:?}\n");
        let text = if more.contains("[host]") { text } else { format!("{text}\n{host}") };
        let at = |name: &str| self.folder.path().join(name);
        let (kmsg, journal, file) = (at("kmsg"), at("journalctl"), at("kern.log"));
        let kernel = format!("[logs]\nkernel = {kmsg:?}\njournal = {journal:?}\nkernel_files = [{file:?}]\n");
        let text = if more.contains("[logs]") { text } else { format!("{text}\n{kernel}") };
        std::fs::write(self.config_path(), text).unwrap();
    }

    /// The same with another `pmta` command.
    pub fn configure_command(&self, command: &str) {
        let text = std::fs::read_to_string(self.config_path()).unwrap();
        let ours = format!("command = {:?}", self.host.command_path());
        assert!(text.contains(&ours));
        std::fs::write(self.config_path(), text.replace(&ours, &format!("command = {command:?}"))).unwrap();
    }

    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("pmta-vitals.toml")
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The command with this rig's configuration, state and time of day, ready for arguments.
    pub fn command(&self) -> Command {
        self.command_at(self.host.now())
    }

    /// The same by a clock that shows another time than the host's.
    pub fn command_at(&self, now: i64) -> Command {
        let mut command = Command::new(binary());
        command.arg("--config").arg(self.config_path()).arg("--state").arg(self.state());
        command.arg("--now").arg(rfc3339(now));
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// One collection as Telegraf would start it; it must end with 0 and print valid lines.
    pub fn collect(&self, arguments: &[&str]) -> Metrics {
        let consumer: &[&str] = if arguments.contains(&"--consumer") { &[] } else { &["--consumer", "rig"] };
        let output = self.run(&[&["collect"], consumer, arguments].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {stderr}", output.status);
        Metrics::read(&String::from_utf8(output.stdout).unwrap())
    }

    /// Lets the host live for a while; what it wrote is on disk when this returns.
    pub fn pass(&self, seconds: u64) {
        self.host.advance(seconds).unwrap();
    }
}

/// The binary under test; `.ci/run` names the release build that users get.
pub fn binary() -> PathBuf {
    std::env::var_os("PMTA_VITALS_BINARY")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_pmta-vitals")), PathBuf::from)
}

pub fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

/// Everything one run printed, by series and field.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub values: BTreeMap<(String, BTreeMap<String, String>, String), Value>,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Int(i64),
    Float(f64),
    Text(String),
}

impl Metrics {
    /// Reads line protocol with the parser that Vector uses; a line that it refuses fails the test.
    pub fn read(text: &str) -> Metrics {
        let mut values = BTreeMap::new();
        for line in parse_lines(text) {
            let line = line.unwrap_or_else(|error| panic!("{error} in {text}"));
            let tags: BTreeMap<String, String> = line
                .series
                .tag_set
                .iter()
                .flatten()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect();
            for (field, value) in &line.field_set {
                let value = match value {
                    FieldValue::I64(number) => Value::Int(*number),
                    FieldValue::F64(number) => Value::Float(*number),
                    FieldValue::String(text) => Value::Text(text.to_string()),
                    other => panic!("{other:?} is no type that we print"),
                };
                let key = (line.series.measurement.to_string(), tags.clone(), field.to_string());
                values.insert(key, value);
            }
        }
        Metrics { values, text: text.to_owned() }
    }

    /// The value of the one series with exactly these tags.
    pub fn get(&self, measurement: &str, tags: &[(&str, &str)], field: &str) -> Option<&Value> {
        let tags = tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.values.get(&(measurement.to_owned(), tags, field.to_owned()))
    }

    pub fn int(&self, measurement: &str, tags: &[(&str, &str)], field: &str) -> i64 {
        match self.get(measurement, tags, field) {
            Some(Value::Int(number)) => *number,
            other => panic!("{measurement} {tags:?} {field}: {other:?} in\n{}", self.text),
        }
    }

    /// The sum of an integer field over all series whose tags include these.
    pub fn sum(&self, measurement: &str, tags: &[(&str, &str)], field: &str) -> i64 {
        self.series(measurement, tags, field)
            .map(|(_, value)| if let Value::Int(number) = value { *number } else { 0 })
            .sum()
    }

    pub fn series<'a>(
        &'a self,
        measurement: &'a str,
        tags: &'a [(&'a str, &'a str)],
        field: &'a str,
    ) -> impl Iterator<Item = (&'a BTreeMap<String, String>, &'a Value)> {
        self.values.iter().filter_map(move |((name, found, of), value)| {
            let wanted = tags.iter().all(|(tag, value)| found.get(*tag).is_some_and(|found| found == value));
            (name == measurement && of == field && wanted).then_some((found, value))
        })
    }

    /// All counters: what must never fall from one run to the next.
    pub fn totals(&self) -> BTreeMap<String, i64> {
        let mut totals = BTreeMap::new();
        for ((measurement, tags, field), value) in &self.values {
            if let (true, Value::Int(number)) = (field == "total" || field.ends_with("_total"), value) {
                totals.insert(format!("{measurement}{tags:?}{field}"), *number);
            }
        }
        totals
    }
}

/// Asserts that no counter that both runs show has fallen.
pub fn never_fell(before: &Metrics, after: &Metrics) {
    let after = after.totals();
    for (series, was) in before.totals() {
        if let Some(now) = after.get(&series) {
            assert!(*now >= was, "{series} fell from {was} to {now}");
        }
    }
}

/// What one consumer was shown: no total may be less than in any output before, however long ago.
#[derive(Default)]
pub struct Shown {
    most: BTreeMap<String, i64>,
    pub last: Metrics,
}

impl Shown {
    pub fn see(&mut self, metrics: Metrics) -> &Metrics {
        for (series, now) in metrics.totals() {
            let most = self.most.entry(series.clone()).or_insert(now);
            assert!(now >= *most, "{series} fell from {most} to {now}");
            *most = now;
        }
        self.last = metrics;
        &self.last
    }

    /// What a host got of a run that was cut off: whole lines, and perhaps a part of one.
    pub fn see_part(&mut self, output: &[u8]) {
        let whole = output.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.see(Metrics::read(std::str::from_utf8(&output[..whole]).unwrap()));
    }
}

/// Our grand totals, and the sum of every series, against the simulator's own count.
pub fn equal(metrics: &Metrics, truth: &pmta_sim::Counts) {
    let truth = [
        truth.delivered,
        truth.bounced,
        truth.deferred,
        truth.queue_deferred,
        truth.received,
        truth.remote_bounced,
        truth.remote_status,
        truth.complaints,
    ];
    for ((kind, field), truth) in COUNTERS.into_iter().zip(truth) {
        let truth = i64::try_from(truth).unwrap();
        assert_eq!(metrics.int("pmta_totals", &[], field), truth, "{kind} records");
        assert_eq!(metrics.sum("pmta_recipients", &[], field), truth, "{kind} records by provider and VMTA");
    }
}

/// The eight counters of the record types, in the simulator's and in our words.
pub const COUNTERS: [(&str, &str); 8] = [
    ("d", "delivered_total"),
    ("b", "bounced_total"),
    ("t", "deferred_total"),
    ("tq", "queue_deferred_total"),
    ("r", "received_total"),
    ("rb", "remote_bounced_total"),
    ("rs", "remote_status_total"),
    ("f", "complaints_total"),
];
