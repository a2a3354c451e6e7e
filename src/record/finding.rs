//! What was judged and what became of it. It holds the words; it does not choose them.

use super::Seconds;
use serde::{Deserialize, Serialize};

/// Ordered by harm, so that the worst of several is their maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// The life of a finding. `Noted` is a single occurrence without duration (bytes were lost, a
/// damaged ledger was set aside): it is told, and is over when it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Pending,
    Firing,
    Suppressed,
    Resolved,
    Noted,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Firing => "firing",
            State::Suppressed => "suppressed",
            State::Resolved => "resolved",
            State::Noted => "noted",
        }
    }

    /// Still going on and shown on every run.
    pub fn is_open(self) -> bool {
        matches!(self, State::Firing | State::Suppressed)
    }
}

/// How sure the evidence makes us, stated with each finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    Low,
    Medium,
    High,
}

impl Confidence {
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }
}

/// What `was` and `now` count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Ratio,
    Seconds,
    Recipients,
    PerSecond,
    Bytes,
    Count,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Unit::Ratio => "ratio",
            Unit::Seconds => "seconds",
            Unit::Recipients => "recipients",
            Unit::PerSecond => "per_second",
            Unit::Bytes => "bytes",
            Unit::Count => "count",
        }
    }
}

/// One finding as it stands at one moment. Text fields that do not apply are empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// One id from first sight to resolution.
    pub id: String,
    /// The detector's name, which is also the check's name.
    pub finding: String,
    pub state: State,
    pub severity: Severity,
    /// The worst severity since it began: a tag must not change under a series.
    pub worst: Severity,
    pub provider: String,
    pub vmta: String,
    pub reason: String,
    /// `handshake`, `session` or a finer word; empty when it does not apply.
    pub stage: String,
    pub unit: Unit,
    pub was: Option<f64>,
    pub now: Option<f64>,
    pub ci_low: Option<f64>,
    pub ci_high: Option<f64>,
    /// Attempts in the window that decided.
    pub n: i64,
    /// How many of them were `tq` records.
    pub n_queue: i64,
    /// Waiting recipients harmed; `None` when nobody could count them.
    pub recipients: Option<i64>,
    /// The share of the change that the named cause explains.
    pub explained: Option<f64>,
    pub message: String,
    pub action: String,
    pub confidence: Confidence,
    /// Who should care: `page`, `ticket` or `log`.
    pub routing: String,
    pub suppressed_by: Option<String>,
    /// When it began (its onset, not its detection).
    pub began: Seconds,
    /// The offset from UTC of the record that showed it, in minutes.
    pub offset_minutes: i16,
    /// When its state or its severity last changed.
    pub changed: Seconds,
}

impl Finding {
    /// A single occurrence told by a source or the ledger itself.
    pub fn note(finding: &str, severity: Severity, at: Seconds, message: String, action: &str) -> Finding {
        Finding {
            id: format!("{finding}-{at}"),
            finding: finding.to_owned(),
            state: State::Noted,
            severity,
            worst: severity,
            provider: String::new(),
            vmta: String::new(),
            reason: String::new(),
            stage: String::new(),
            unit: Unit::Count,
            was: None,
            now: None,
            ci_low: None,
            ci_high: None,
            n: 0,
            n_queue: 0,
            recipients: None,
            explained: None,
            message,
            action: action.to_owned(),
            confidence: Confidence::High,
            routing: if severity == Severity::Critical { "page" } else { "ticket" }.to_owned(),
            suppressed_by: None,
            began: at,
            offset_minutes: 0,
            changed: at,
        }
    }
}

/// A change of state of a finding, as the log of events keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Rises by one with each event of a ledger; consumers' cursors point at it.
    pub seq: i64,
    /// Stable and unique: the finding's id, its state and the number of the change.
    pub id: String,
    pub time: Seconds,
    pub finding: Finding,
}
