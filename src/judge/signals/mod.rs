//! The golden signals: what one run observed (samples), held against thresholds and a little
//! memory. It knows no accounting record, no clock and no source's inside.
//!
//! A signal is a file of its own and one line of `SIGNALS`. What it says of one subject is a
//! `Symptom`; `cases` gives symptoms a life (firing, resolved, told once).

mod accepting;
mod backpressure;
mod cases;
pub mod changes;
mod connections;
mod disk;
mod dkim;
mod dns;
mod down;
mod fairness;
mod fragmentation;
mod frozen;
mod hold;
mod kernel;
mod leak;
mod license;
mod limits;
mod memory;
mod pmta_log;
mod queue_age;
mod records;
mod restarts;
mod sightings;
mod smtp;
mod spool;
#[cfg(test)]
mod tests;
mod throttle;

pub use cases::{Outcome, blind, judge};
pub use sightings::Sightings;

use crate::ledger::windows::Windows;
use crate::record::{Confidence, Memory, Sample, Seconds, Severity, Tags, Unit, Value, tag};

/// One signal; its name is the finding's and the check's.
#[derive(Clone, Copy)]
pub struct Signal {
    pub name: &'static str,
    pub about: &'static str,
    /// The source it cannot do without: when that one is not up, the signal is unknown.
    pub source: &'static str,
    /// What it says is no news while PowerMTA itself is down.
    pub beneath_down: bool,
    /// Looks at the run. What cannot be known is not said at all.
    pub look: fn(&Scene<'_>, &mut dyn Memory, &mut Report),
}

pub const SIGNALS: &[Signal] = &[
    down::SIGNAL,
    smtp::SIGNAL,
    accepting::SIGNAL,
    frozen::SIGNAL,
    records::SIGNAL,
    license::SIGNAL,
    dns::SIGNAL,
    backpressure::SIGNAL,
    hold::SIGNAL,
    spool::SIGNAL,
    connections::SIGNAL,
    limits::SIGNAL,
    disk::SIGNAL,
    kernel::SIGNAL,
    pmta_log::SIGNAL,
    changes::SIGNAL,
    dkim::SIGNAL,
    memory::SIGNAL,
    restarts::SIGNAL,
    leak::SIGNAL,
    fragmentation::SIGNAL,
    queue_age::SIGNAL,
    queue_age::expiry::SIGNAL,
    throttle::SIGNAL,
    fairness::SIGNAL,
];

/// The gauges that follow from the windows of accounting records, as they stand at `at`.
pub fn from_windows(windows: &Windows, at: Seconds) -> Vec<Sample> {
    let mut rows = throttle::rows(windows, at);
    rows.extend(fairness::rows(windows, at));
    rows
}

/// How a source fared in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Up,
    /// It has nothing to read on this host, and that is no fault.
    Absent,
    Failed,
    NotAsked,
}

/// What one run observed.
pub struct Scene<'a> {
    pub now: Seconds,
    pub samples: &'a [Sample],
    /// Of each source that was asked.
    pub fates: &'a [(String, Fate)],
}

impl<'a> Scene<'a> {
    pub fn rows(&self, measurement: &'static str) -> impl Iterator<Item = &'a Sample> + use<'a> {
        self.samples.iter().filter(move |sample| sample.measurement == measurement)
    }

    /// The first row of a measurement whose tag has this value.
    pub fn row(&self, measurement: &'static str, name: &str, value: &str) -> Option<&'a Sample> {
        self.rows(measurement).find(|row| tag(&row.tags, name) == value)
    }

    pub fn fate(&self, source: &str) -> Fate {
        self.fates.iter().find(|(name, _)| name == source).map_or(Fate::NotAsked, |(_, fate)| *fate)
    }
}

/// A number of a row, whatever its type.
pub fn number(row: &Sample, field: &str) -> Option<f64> {
    match row.field(field)? {
        Value::Int(number) | Value::Growing(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Text(_) => None,
    }
}

/// What the signals made of a run.
#[derive(Default)]
pub struct Report {
    pub symptoms: Vec<Symptom>,
    /// Metrics that only follow from several sources together.
    pub samples: Vec<Sample>,
    /// Why it sees nothing although its own source is up: its check is unknown then, and never fine.
    pub blind: Option<String>,
}

impl Report {
    pub fn cannot_see(&mut self, why: &str) {
        self.blind = Some(why.to_owned());
    }
}

/// How bad it is. Between two thresholds nothing begins and nothing ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Fine,
    Between,
    Bad(Severity),
}

impl Level {
    /// Of a number that is bad when high: from `warning` and from `critical`, fine below `fine`.
    pub fn above(number: f64, fine: f64, warning: f64, critical: f64) -> Level {
        if number >= critical {
            Level::Bad(Severity::Critical)
        } else if number >= warning {
            Level::Bad(Severity::Warning)
        } else if number >= fine {
            Level::Between
        } else {
            Level::Fine
        }
    }
}

/// One subject (a signal's provider, VMTA and reason) as this run shows it.
#[derive(Debug, Clone)]
pub struct Symptom {
    pub provider: String,
    pub vmta: String,
    pub reason: String,
    pub level: Level,
    /// For how long it must be bad before anybody is told.
    pub hold: Seconds,
    /// For how long it must be fine before it is over.
    pub calm: Seconds,
    pub unit: Unit,
    pub was: Option<f64>,
    pub now: Option<f64>,
    pub recipients: Option<i64>,
    pub n: i64,
    /// How many of them were of whole queues (`tq`).
    pub n_queue: i64,
    pub message: String,
    pub action: String,
    pub confidence: Confidence,
}

impl Symptom {
    pub fn new(reason: &str, level: Level, hold: Seconds, calm: Seconds) -> Symptom {
        Symptom {
            provider: String::new(),
            vmta: String::new(),
            reason: reason.to_owned(),
            level,
            hold,
            calm,
            unit: Unit::Count,
            was: None,
            now: None,
            recipients: None,
            n: 0,
            n_queue: 0,
            message: String::new(),
            action: String::new(),
            confidence: Confidence::High,
        }
    }

    pub fn measured(mut self, unit: Unit, was: Option<f64>, now: f64) -> Symptom {
        (self.unit, self.was, self.now) = (unit, was, Some(now));
        self
    }

    pub fn told(mut self, message: impl Into<String>, action: impl Into<String>) -> Symptom {
        (self.message, self.action) = (message.into(), action.into());
        self
    }

    pub fn unsure(mut self) -> Symptom {
        self.confidence = Confidence::Medium;
        self
    }
}

/// Numbers that a signal wrote down, apart by blanks.
pub fn recall(memory: &dyn Memory, key: &str) -> Vec<i64> {
    let note = memory.get(key).and_then(|note| String::from_utf8(note).ok()).unwrap_or_default();
    note.split(' ').filter_map(|word| word.parse().ok()).collect()
}

pub fn write_down(memory: &mut dyn Memory, key: &str, numbers: &[i64]) {
    let words: Vec<String> = numbers.iter().map(i64::to_string).collect();
    memory.put(key, words.join(" ").as_bytes());
}

/// `1.2 GB`: for sentences.
pub fn bytes(number: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let (mut number, mut at) = (number.max(0.0), 0);
    while number >= 1_000.0 && at + 1 < units.len() {
        number /= 1_000.0;
        at += 1;
    }
    let unit = units.get(at).unwrap_or(&"B");
    if at == 0 { format!("{number:.0} {unit}") } else { format!("{number:.1} {unit}") }
}

/// The values of one tag, for sentences; at most five.
pub fn listed<'a>(rows: impl Iterator<Item = &'a Tags>, name: &str) -> String {
    let names: Vec<&str> = rows.map(|tags| tag(tags, name)).take(5).collect();
    names.join(", ")
}
