//! What can be broken while the host runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Troubles of the web monitor. Several may be active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebFault {
    /// Connection refused.
    Down,
    /// 403, as if no `http-access` line matched.
    Forbidden,
    /// 302 to https on the same port.
    RedirectToHttps,
    /// HTTP 500.
    ServerError,
    /// HTTP 200 with `"status":"fail"`.
    StatusFail,
    /// A body that is neither JSON nor XML.
    Garbage,
    /// The connection ends in the middle of the body.
    Truncated,
    /// The request is read and never answered.
    Silent,
    /// `/queues` answers with so many rows.
    ManyQueues(usize),
    /// Every object has keys that no version known today has.
    UnknownKeys,
    /// JSON spells things as XML does: `"paused":"no"`, `event` with a `type` instead of `errors`.
    OtherSpelling,
    /// There is no `/listqueue`.
    NoListing,
    /// JSON numbers come as strings.
    NumbersAsStrings,
}

/// Numbers of the status page that a real host reaches only under a load that a test cannot make;
/// `None` shows the truth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Instead of `running`.
    pub state: Option<&'static str>,
    /// Per cent of the spool that is loaded.
    pub spool_loaded: Option<u64>,
    /// `maxRcp`.
    pub spool_max: Option<u64>,
    /// Recipients in all SMTP queues.
    pub waiting: Option<u64>,
    /// Inbound and outbound connections now.
    pub inbound: Option<u32>,
    pub outbound: Option<u32>,
    /// `queriesPending` of the resolver.
    pub resolver_pending: Option<u64>,
    /// Days until the licence ends.
    pub license_days: Option<i64>,
    /// The page stands still: the same second and the same counters again and again.
    pub frozen: bool,
    /// No mail comes in any more, and none is taken.
    pub deaf: bool,
    /// Each queue of a domain shows so many connections.
    pub held: Option<(&'static str, u32)>,
    /// Every job is paused.
    pub jobs_paused: bool,
}

/// Troubles of the SMTP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpFault {
    /// Connection refused.
    Down,
    /// The banner comes after so many milliseconds.
    SlowBanner(u64),
    /// `421` instead of a greeting.
    Busy,
    /// STARTTLS is not offered.
    NoStartTls,
    /// `452` to MAIL FROM.
    NoRoom,
    /// A listener that takes recipients, not only greets.
    Open,
}

/// The switches, shared by the servers' threads.
#[derive(Debug, Default)]
pub struct Faults {
    /// How often each page was asked for.
    asked: Mutex<BTreeMap<String, u64>>,
    web: Mutex<Vec<WebFault>>,
    smtp: Mutex<Vec<SmtpFault>>,
}

impl Faults {
    pub fn web(&self) -> Vec<WebFault> {
        self.web.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn smtp(&self) -> Vec<SmtpFault> {
        self.smtp.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn note(&self, path: &str) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        *asked.entry(path.to_owned()).or_default() += 1;
    }

    pub fn asked(&self) -> BTreeMap<String, u64> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_web(&self, faults: &[WebFault]) {
        *self.web.lock().unwrap_or_else(PoisonError::into_inner) = faults.to_vec();
    }

    pub fn set_smtp(&self, faults: &[SmtpFault]) {
        *self.smtp.lock().unwrap_or_else(PoisonError::into_inner) = faults.to_vec();
    }
}
