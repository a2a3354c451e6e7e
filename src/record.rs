//! The nouns that flow from one box to the next; they carry data and know no box.
//!
//! Times are whole seconds since the epoch (`Seconds`) for events, nanoseconds for the one
//! timestamp of a run. Text from PowerMTA stays bytes until somebody prints it: what a remote
//! server said need not be UTF-8.

mod finding;
mod memory;
mod sample;

pub use finding::{Confidence, Event, Finding, Severity, State, Unit};
pub use memory::{Memory, Notes};
pub use sample::{HIDDEN, Sample, Tags, Value, tag};

use std::time::{Duration, Instant};

/// Whole seconds since 1970-01-01 UTC.
pub type Seconds = i64;

/// One collection: when it is by the wall clock, and when it must have ended.
#[derive(Debug, Clone, Copy)]
pub struct Tick {
    /// The run's one reading of the wall clock, in nanoseconds since the epoch.
    pub now_ns: i64,
    pub started: Instant,
    pub deadline: Instant,
}

impl Tick {
    pub fn now(&self) -> Seconds {
        self.now_ns.div_euclid(1_000_000_000)
    }

    /// What is left of the run; zero once the deadline has passed.
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    pub fn expired(&self) -> bool {
        self.left().is_zero()
    }
}

/// The eight record types of an accounting file (guide section 3.3.11.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    Delivered = 0,
    Bounced = 1,
    /// `t`: one recipient got a 4xx.
    Deferred = 2,
    /// `tq`: an attempt of a whole queue failed; no recipient is named.
    QueueDeferred = 3,
    Received = 4,
    RemoteBounced = 5,
    RemoteStatus = 6,
    Complaint = 7,
}

impl Kind {
    pub const ALL: [Kind; 8] = [
        Kind::Delivered,
        Kind::Bounced,
        Kind::Deferred,
        Kind::QueueDeferred,
        Kind::Received,
        Kind::RemoteBounced,
        Kind::RemoteStatus,
        Kind::Complaint,
    ];

    /// The short form in the file's `type` column.
    pub fn code(self) -> &'static str {
        match self {
            Kind::Delivered => "d",
            Kind::Bounced => "b",
            Kind::Deferred => "t",
            Kind::QueueDeferred => "tq",
            Kind::Received => "r",
            Kind::RemoteBounced => "rb",
            Kind::RemoteStatus => "rs",
            Kind::Complaint => "f",
        }
    }

    pub fn from_code(code: &[u8]) -> Option<Kind> {
        Some(match code {
            b"d" => Kind::Delivered,
            b"b" => Kind::Bounced,
            b"t" => Kind::Deferred,
            b"tq" => Kind::QueueDeferred,
            b"r" => Kind::Received,
            b"rb" => Kind::RemoteBounced,
            b"rs" => Kind::RemoteStatus,
            b"f" => Kind::Complaint,
            _ => return None,
        })
    }

    /// A deferral or a bounce: a record whose reply says why.
    pub fn is_refusal(self) -> bool {
        matches!(self, Kind::Deferred | Kind::QueueDeferred | Kind::Bounced)
    }

    /// The counter of `pmta_recipients` and `pmta_totals` that this type raises.
    pub fn field(self) -> &'static str {
        match self {
            Kind::Delivered => "delivered_total",
            Kind::Bounced => "bounced_total",
            Kind::Deferred => "deferred_total",
            Kind::QueueDeferred => "queue_deferred_total",
            Kind::Received => "received_total",
            Kind::RemoteBounced => "remote_bounced_total",
            Kind::RemoteStatus => "remote_status_total",
            Kind::Complaint => "complaints_total",
        }
    }
}

/// One accounting record, borrowed from the reader's buffer. A missing column is empty.
///
/// There is deliberately no recipient, sender, job, envelope or message id: what is not here
/// cannot be stored or printed by mistake.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    pub kind: Kind,
    /// `timeLogged`.
    pub logged: Seconds,
    /// The record's own offset from UTC in minutes (0 for epoch times): a provider's habits
    /// follow the clock on the wall.
    pub offset_minutes: i16,
    /// `timeQueued`, where the type has it.
    pub queued: Option<Seconds>,
    /// The domain of `rcpt`; never the local part.
    pub rcpt_domain: &'a [u8],
    /// `dsnStatus`, for example `4.7.0 (other or undefined security status)`.
    pub status: &'a [u8],
    /// `dsnDiag`, the remote's reply behind `smtp;`; empty for local failures.
    pub diag: &'a [u8],
    /// `dsnMta`, `host (address)`; empty when no host was reached.
    pub mta: &'a [u8],
    /// `bounceCat`, PowerMTA's own opinion.
    pub category: &'a [u8],
    /// `dlvSourceIp`.
    pub source: &'a [u8],
    /// `dlvDestinationIp`.
    pub destination: &'a [u8],
    /// `dlvSize` in bytes, 0 where the column is empty.
    pub size: u64,
    pub vmta: &'a [u8],
    /// `queue`, `domain/vmta` or `name.rollup/vmta`; empty in files older than 4.5.
    pub queue: &'a [u8],
}

impl<'a> Delivery<'a> {
    /// The queue's domain or rollup name, else the recipient's domain.
    pub fn domain(&self) -> &'a [u8] {
        let name = self.queue.iter().rposition(|byte| *byte == b'/').and_then(|at| self.queue.get(..at));
        match name {
            Some(name) if !name.is_empty() => name,
            _ => self.rcpt_domain,
        }
    }

    /// Whether a remote host was tried: a bounce without one is our own decision, no outcome of
    /// an attempt (design section 7).
    pub fn remote_tried(&self) -> bool {
        !self.mta.is_empty() || !matches!(self.destination, b"" | b"0.0.0.0" | b"::")
    }
}

/// One line of a log, already stripped of its time.
#[derive(Debug, Clone, Copy)]
pub struct LogLine<'a> {
    /// `pmta`, `panic` or `kernel`.
    pub log: &'static str,
    /// `None` when the line carries no time of its own.
    pub time: Option<Seconds>,
    pub text: &'a [u8],
}

/// What a source hands over. Sources only push; whoever listens decides what it means.
pub trait Sink {
    fn sample(&mut self, sample: Sample);
    fn delivery(&mut self, record: &Delivery<'_>);
    fn line(&mut self, line: &LogLine<'_>);
    /// Something worth an event that only the source can know (bytes lost, a file gone).
    fn event(&mut self, finding: Finding);
    /// No later record of a live file will be older than this, as far as one can know.
    fn watermark(&mut self, time: Seconds);
    /// More is there than could be read in this run.
    fn behind(&mut self) {}
    /// Asked between pieces of work: `true` says stop now, what was handed over is kept.
    fn enough(&self) -> bool;
}

#[cfg(test)]
impl Delivery<'static> {
    /// A record of which no more is known.
    pub fn blank(kind: Kind, logged: Seconds) -> Delivery<'static> {
        Delivery {
            kind,
            logged,
            offset_minutes: 0,
            queued: None,
            rcpt_domain: b"",
            status: b"",
            diag: b"",
            mta: b"",
            category: b"",
            source: b"",
            destination: b"",
            size: 0,
            vmta: b"",
            queue: b"",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_code_and_field() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_code(kind.code().as_bytes()), Some(kind));
            assert_eq!(Kind::ALL.iter().filter(|other| other.field() == kind.field()).count(), 1);
        }
        assert_eq!(Kind::from_code(b"x"), None);
    }

    #[test]
    fn a_record_without_a_queue_falls_back_to_the_recipient_domain() {
        let mut record = Delivery::blank(Kind::Deferred, 0);
        record.rcpt_domain = b"example.com";
        assert_eq!(record.domain(), b"example.com");
        record.queue = b"yahoo.rollup/vmta1";
        assert_eq!(record.domain(), b"yahoo.rollup");
        record.queue = b"/vmta1";
        assert_eq!(record.domain(), b"example.com");
    }

    #[test]
    fn an_unbound_address_is_no_remote_host() {
        let mut record = Delivery::blank(Kind::Deferred, 0);
        assert!(!record.remote_tried());
        record.destination = b"0.0.0.0";
        assert!(!record.remote_tried());
        record.mta = b"mx.example.com (192.0.2.1)";
        assert!(record.remote_tried());
    }
}
