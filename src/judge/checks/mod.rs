//! The checks that a Nagios-like host may ask for by name, and each one's own figure. It says what
//! was counted; whether that is too much is said by findings and by the ranges of who asks.

mod gauges;
mod scope;
#[cfg(test)]
mod tests;

pub use gauges::{Gauges, WATCHED};
pub use scope::Scope;

use super::DETECTORS;
use super::detectors::{mean_stddev, resolver, shared, slow};
use super::signals::SIGNALS;
use crate::classify::Reason;
use crate::ledger::Windows;
use crate::ledger::windows::{Channel, HOST, Key};
use crate::record::{Finding, Sample, Seconds, Unit, Value, tag};

/// One check: the findings of its name, and a figure for ranges and graphs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Check {
    pub name: &'static str,
    pub about: &'static str,
    pub figure: Option<Figure>,
    /// Ranges in force when nobody names any; empty is none.
    pub warning: &'static str,
    pub critical: &'static str,
    /// What to do when the figure leaves its range.
    pub action: &'static str,
    /// Who brings the figure home.
    pub source: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Deferral ratio of the window.
    Deferrals,
    /// Bounce ratio of the window, what was never tried left out.
    Bounces,
    /// Attempts of the window that failed for this reason.
    Reason(Reason),
    /// 95 of 100 deliveries took at most this.
    Delay,
    /// Whether PowerMTA answers.
    Up,
    /// Recipients in the spool, of those allowed.
    Spool,
    /// Connections of a direction, of those allowed.
    Connections(&'static str),
    /// Recipients waiting.
    Waiting,
    /// Resident memory of PowerMTA's processes.
    Memory,
    /// Time to the greeting of the slowest listener.
    Greeting,
    /// Seconds since the last collection.
    Age,
}

/// What a figure is now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    pub value: Option<f64>,
    /// Attempts that a ratio rests on.
    pub n: Option<i64>,
    /// The other side does not answer at all.
    pub down: bool,
    /// More than this is there, and not all of it was listed.
    pub at_least: bool,
}

const RECORDS: &str = "accounting";

/// What is watched without a detector of its own.
const GAUGES: &[Check] = &[
    Check {
        name: "web-monitor",
        about: "whether PowerMTA answers; down is critical",
        figure: Some(Figure::Up),
        warning: "",
        critical: "1:",
        action: "start PowerMTA (systemctl start pmta), then read its log",
        source: "web",
    },
    Check {
        name: "smtp",
        about: "time to the greeting of PowerMTA's own SMTP listeners; no greeting is critical",
        figure: Some(Figure::Greeting),
        warning: "5",
        critical: "15",
        action: "look at the load, at DNS and at max-smtp-in",
        source: "smtp",
    },
    Check {
        name: "spool",
        about: "recipients in the spool, of those that PowerMTA allows",
        figure: Some(Figure::Spool),
        warning: "80",
        critical: "95",
        action: "slow the injection down, or free queues (pmta show topqueues)",
        source: "web",
    },
    Check {
        name: "connections-in",
        about: "incoming SMTP connections, of those that PowerMTA allows",
        figure: Some(Figure::Connections("in")),
        warning: "90",
        critical: "99",
        action: "raise total-max-smtp-in, or look for injectors that keep connections open",
        source: "web",
    },
    Check {
        name: "connections-out",
        about: "outgoing SMTP connections, of those that PowerMTA allows",
        figure: Some(Figure::Connections("out")),
        warning: "95",
        critical: "",
        action: "raise total-max-smtp-out, or look for a provider that keeps connections open",
        source: "web",
    },
    Check {
        name: "queue-size",
        about: "recipients waiting: all, or of a provider, VMTA, queue or domain",
        figure: Some(Figure::Waiting),
        warning: "",
        critical: "",
        action: "see why they wait: pmta-vitals check all, pmta show topqueues",
        source: "web",
    },
    Check {
        name: "memory",
        about: "resident memory of PowerMTA's processes",
        figure: Some(Figure::Memory),
        warning: "",
        critical: "",
        action: "compare with the number of waiting recipients (pmta show status)",
        source: "process",
    },
    Check {
        name: "collector",
        about: "seconds since the host agent last collected; never collects itself",
        figure: Some(Figure::Age),
        warning: "120",
        critical: "600",
        action: "see whether the host agent runs, then pmta-vitals doctor",
        source: "",
    },
];

/// Every check: detectors, gauges, signals. A detector or a signal of a gauge's name is that
/// gauge's check.
pub fn checks() -> Vec<Check> {
    let own = |name: &str| GAUGES.iter().any(|gauge| gauge.name == name);
    let judged = DETECTORS.iter().filter(|detector| !own(detector.name)).map(|detector| Check {
        name: detector.name,
        about: detector.about,
        figure: figure_of(detector.name),
        warning: "",
        critical: "",
        action: "pmta-vitals check all says which reason and what to do",
        source: RECORDS,
    });
    let signals = SIGNALS.iter().filter(|signal| !own(signal.name)).map(|signal| Check {
        name: signal.name,
        about: signal.about,
        figure: None,
        warning: "",
        critical: "",
        action: "docs/signals.md says what it watches and from where",
        source: signal.source,
    });
    judged.chain(GAUGES.iter().copied()).chain(signals).collect()
}

/// A detector without a figure is judged by its findings alone.
fn figure_of(detector: &str) -> Option<Figure> {
    match detector {
        "deferral-ratio" | mean_stddev::NAME => Some(Figure::Deferrals),
        "bounce-ratio" => Some(Figure::Bounces),
        slow::NAME => Some(Figure::Delay),
        resolver::NAME => Some(Figure::Reason(Reason::Dns)),
        shared::CONNECTIONS => Some(Figure::Reason(Reason::ConnectFailure)),
        shared::AUTHENTICATION => Some(Figure::Reason(Reason::Auth)),
        shared::BLOCKLISTING => Some(Figure::Reason(Reason::Blocklisted)),
        shared::TLS => Some(Figure::Reason(Reason::Tls)),
        _ => None,
    }
}

impl Check {
    /// Whether a finding is its business: by name, or by the one reason that it watches.
    pub fn holds(&self, finding: &Finding) -> bool {
        let reason = match self.figure {
            Some(Figure::Reason(reason)) => Some(reason.name()),
            _ => None,
        };
        finding.finding == self.name || reason == Some(finding.reason.as_str())
    }
}

impl Figure {
    pub fn unit(self) -> Unit {
        match self {
            Figure::Deferrals | Figure::Bounces | Figure::Reason(_) => Unit::Ratio,
            Figure::Spool | Figure::Connections(_) => Unit::Ratio,
            Figure::Delay | Figure::Greeting | Figure::Age => Unit::Seconds,
            Figure::Waiting => Unit::Recipients,
            Figure::Memory => Unit::Bytes,
            Figure::Up => Unit::Count,
        }
    }

    /// The label of its performance data: the same for ever.
    pub fn label(self) -> &'static str {
        match self {
            Figure::Deferrals => "deferral_ratio",
            Figure::Bounces => "bounce_ratio",
            Figure::Reason(_) => "failure_ratio",
            Figure::Delay => "delay_p95",
            Figure::Up => "up",
            Figure::Spool => "spool_ratio",
            Figure::Connections(_) => "connections_ratio",
            Figure::Waiting => "recipients",
            Figure::Memory => "rss",
            Figure::Greeting => "greeting",
            Figure::Age => "age",
        }
    }

    /// What a person calls it.
    pub fn words(self) -> &'static str {
        match self {
            Figure::Deferrals => "deferrals",
            Figure::Bounces => "bounces",
            Figure::Reason(Reason::Dns) => "failed DNS look-ups",
            Figure::Reason(Reason::Auth) => "refused for authentication",
            Figure::Reason(Reason::Blocklisted) => "refused as blocklisted",
            Figure::Reason(Reason::Tls) => "failed for TLS",
            Figure::Reason(_) => "failed connections",
            Figure::Delay => "95 of 100 deliveries within",
            Figure::Up => "PowerMTA answers",
            Figure::Spool => "spool filled to",
            Figure::Connections(_) => "connections in use",
            Figure::Waiting => "waiting recipients",
            Figure::Memory => "resident memory",
            Figure::Greeting => "SMTP greeting after",
            Figure::Age => "last collection",
        }
    }

    /// Whether `--provider`, `--queue` and `--domain` change it.
    pub fn narrows(self) -> bool {
        self.is_of_records() || self == Figure::Waiting
    }

    /// Whether it is counted from accounting records.
    pub fn is_of_records(self) -> bool {
        matches!(self, Figure::Deferrals | Figure::Bounces | Figure::Reason(_) | Figure::Delay)
    }
}

/// What the ledger holds for figures.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    pub windows: &'a Windows,
    /// The rows of the totals, where the delays are.
    pub totals: &'a [Sample],
    pub gauges: &'a Gauges,
    /// When the ledger was last written.
    pub at: Seconds,
    pub now: Seconds,
    /// How much of the past a ratio looks at, in seconds.
    pub window: Seconds,
}

impl Evidence<'_> {
    /// A figure within a scope. Ratios are 0 to 1.
    pub fn read(&self, figure: Figure, scope: &Scope) -> Reading {
        match figure {
            Figure::Deferrals | Figure::Bounces | Figure::Reason(_) => self.ratio(figure, scope),
            Figure::Delay => Reading::of(self.delay(scope)),
            Figure::Age => Reading::of(Some((self.now - self.at).max(0) as f64)),
            Figure::Waiting => {
                let (waiting, at_least) = self.gauges.waiting(scope).unzip();
                Reading { at_least: at_least.unwrap_or(false), ..Reading::of(waiting) }
            }
            Figure::Spool => {
                Reading::of(self.gauges.share("pmta_spool", &[], "recipients", "recipients_max"))
            }
            Figure::Connections(way) => {
                Reading::of(self.gauges.share("pmta_connections", &[("direction", way)], "current", "max"))
            }
            Figure::Memory => Reading::of(self.gauges.sum("pmta_memory", &[], "rss_bytes")),
            Figure::Up => {
                let up = self.gauges.sum("pmta", &[], "up");
                Reading { down: up == Some(0.0), ..Reading::of(up) }
            }
            Figure::Greeting => {
                let up = self.gauges.least("pmta_smtp_probe", "up");
                let down = up == Some(0.0);
                Reading { down, ..Reading::of(self.gauges.most("pmta_smtp_probe", "banner_seconds")) }
            }
        }
    }

    fn ratio(&self, figure: Figure, scope: &Scope) -> Reading {
        let key = match &scope.provider {
            None => Some(HOST),
            Some(name) => self.key(name),
        };
        let Some(key) = key.filter(|_| scope.vmta.is_none()) else {
            return Reading { n: scope.vmta.is_none().then_some(0), ..Reading::of(None) };
        };
        let count = |channel| self.windows.sum(key, channel, self.at - self.window, self.at + 1);
        let attempts = count(Channel::Attempts);
        let (bounced, deferred) =
            (count(Channel::Bounced), count(Channel::Deferred) + count(Channel::QueueDeferred));
        let (part, whole) = match figure {
            Figure::Bounces => (bounced, attempts.saturating_sub(deferred)),
            Figure::Reason(reason) => (count(Channel::Reason(reason)), attempts),
            _ => (deferred, attempts),
        };
        let value = (whole > 0).then(|| part as f64 / whole as f64);
        Reading { n: i64::try_from(whole).ok(), ..Reading::of(value) }
    }

    fn key(&self, name: &str) -> Option<Key> {
        let named = |key: &Key| {
            self.windows.provider(*key).is_some_and(|provider| provider.name.eq_ignore_ascii_case(name))
        };
        self.windows.keys().find(named)
    }

    /// The slowest provider's when none is named.
    fn delay(&self, scope: &Scope) -> Option<f64> {
        let rows = self.totals.iter().filter(|row| {
            row.measurement == "pmta_delivery_delay_seconds"
                && scope
                    .provider
                    .as_deref()
                    .is_none_or(|wanted| tag(&row.tags, "provider").eq_ignore_ascii_case(wanted))
        });
        let delays = rows.filter_map(|row| match row.field("p95") {
            Some(Value::Float(seconds)) => Some(*seconds),
            _ => None,
        });
        delays.reduce(f64::max)
    }
}

impl Reading {
    fn of(value: Option<f64>) -> Reading {
        Reading { value, n: None, down: false, at_least: false }
    }
}
