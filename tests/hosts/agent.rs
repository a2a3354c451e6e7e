//! A running Telegraf with one of the shipped drop-ins, what it writes, and the children it starts.
//! It knows nothing of the truth.

use crate::simulated::{Simulated, binary, named};
use influxdb_line_protocol::{FieldValue, parse_lines};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ten seconds between two collections, ten more for a child that hangs.
const LIMIT: Duration = Duration::from_secs(90);

/// The built Telegraf; `None` only where it could not be fetched.
pub fn telegraf() -> Option<PathBuf> {
    if let Ok(why) = std::env::var("PMTA_VITALS_NO_TELEGRAF") {
        // Past the harness, which hides what a passing test prints.
        let _ = writeln!(std::io::stderr(), "SKIPPED: a test with Telegraf: {why}");
        return None;
    }
    Some(named("PMTA_VITALS_TELEGRAF").expect("set PMTA_VITALS_TELEGRAF to a telegraf binary"))
}

/// A file of ours with another program in place of the installed one.
pub fn shipped(name: &str, program: &Path) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("telegraf.d").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let ours = text.replace("/usr/bin/pmta-vitals", program.to_str().unwrap());
    assert_ne!(text, ours, "{name} does not name the program");
    ours
}

pub struct Telegraf {
    child: Child,
    folder: PathBuf,
}

impl Telegraf {
    /// Metrics go to `metrics.out` and events to `events.out`, by the filters that we advise.
    pub fn start(program: &Path, folder: &Path, drop_in: &str, host: &Simulated) -> Telegraf {
        let ours = folder.join("pmta-vitals");
        // A shell keeps its process id when it becomes the program.
        let script = format!(
            "#!/bin/sh\necho $$ >> {}\nexec {} --config {} --state {} \"$@\"\n",
            folder.join("started").display(),
            binary().display(),
            host.config().display(),
            folder.join("state").display()
        );
        std::fs::write(&ours, script).unwrap();
        std::fs::set_permissions(&ours, std::fs::Permissions::from_mode(0o755)).unwrap();
        let drop_ins = folder.join("telegraf.d");
        std::fs::create_dir(&drop_ins).unwrap();
        std::fs::write(drop_ins.join("ours.conf"), shipped(drop_in, &ours)).unwrap();
        let output = |file: &str, filter: &str| {
            let path = folder.join(file);
            format!("[[outputs.file]]\n  files = [{path:?}]\n  data_format = \"influx\"\n  {filter}\n")
        };
        let agent = format!(
            "[agent]\n  interval = \"10s\"\n  flush_interval = \"1s\"\n  omit_hostname = true\n{}{}",
            output("metrics.out", &advised("namedrop")),
            output("events.out", &advised("namepass"))
        );
        std::fs::write(folder.join("telegraf.conf"), agent).unwrap();
        let log = std::fs::File::create(folder.join("telegraf.log")).unwrap();
        let mut command = Command::new(program);
        command.arg("--config").arg(folder.join("telegraf.conf")).arg("--config-directory").arg(&drop_ins);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Telegraf { child: command.spawn().unwrap(), folder: folder.to_owned() }
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    pub fn written(&self) -> String {
        self.file("metrics.out")
    }

    pub fn events(&self) -> String {
        self.file("events.out")
    }

    pub fn log(&self) -> String {
        self.file("telegraf.log")
    }

    pub fn collections(&self) -> usize {
        self.written().lines().filter(|line| line.starts_with("pmta_totals ")).count()
    }

    /// Every process that it started as ours, the newest last.
    pub fn children(&self) -> Vec<Pid> {
        let ids = self.file("started");
        // It may be in the middle of the last line.
        let whole = ids.rfind('\n').map_or("", |end| &ids[..end]);
        whole.lines().map(|id| Pid::from_raw(id.parse().unwrap()).unwrap()).collect()
    }

    pub fn wait<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(begun.elapsed() < LIMIT, "no {what}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends a signal to a child that is only just born; whatever it was doing, it is doing it still.
    pub fn strike(&self, signal: Signal) -> Pid {
        let before = self.children().len();
        let child = self.wait("new child", || self.children().get(before).copied());
        kill_process(child, signal).unwrap();
        child
    }

    /// Waits for three collections from now on: the first may have been under way before, the last
    /// may be half written, and the one between them is whole.
    pub fn three_more(&self) {
        let before = self.collections();
        self.wait("three more collections", || (self.collections() >= before + 3).then_some(()));
    }

    /// Ends it as systemd would, and waits.
    pub fn stop(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
    }
}

impl Drop for Telegraf {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first such line of the commented examples in our drop-in.
fn advised(filter: &str) -> String {
    let text = include_str!("../../telegraf.d/pmta-vitals.conf");
    let lines = text.lines().filter_map(|line| line.strip_prefix('#')).map(str::trim);
    lines.into_iter().find(|line| line.starts_with(filter)).unwrap().to_owned()
}

pub type Series = BTreeMap<String, i64>;

/// The newest integer of every series, as a database would show it.
pub fn last_values(text: &str) -> Series {
    let mut last = Series::new();
    each_integer(text, |series, value| {
        last.insert(series, value);
    });
    last
}

pub fn total(last: &Series, measurement: &str, field: &str) -> i64 {
    let wanted = |series: &str| {
        let name = series.split([',', ' ']).next();
        name == Some(measurement) && series.ends_with(&format!(" {field}"))
    };
    last.iter().filter(|(series, _)| wanted(series)).map(|(_, value)| value).sum()
}

/// No counter ever falls in what Telegraf has written.
pub fn falls_never(text: &str) {
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
