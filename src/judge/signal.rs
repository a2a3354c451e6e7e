//! What is judged of a provider and how strictly: the recipe's numbers, in one place. It judges
//! nothing itself.

use crate::classify::Reason;
use crate::config;
use crate::ledger::baseline::Prior;
use crate::ledger::windows::{Channel, HOST, Key};
use crate::record::Seconds;

/// A ratio that is followed. Its number is stored with the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    Reason(Reason),
    /// Deferrals of any reason: what sentences call was and now.
    Deferred,
    /// Bounces of any reason.
    Bounced,
    /// Deliveries slower than is usual.
    Slow,
    /// The throttled share, to say when something is *not* throttling.
    Throttled,
    /// What recipients complained of; judged by the day, and no series of its own.
    Complaints,
    /// How much mail there is at all; no ratio, and no series of its own.
    Volume,
}

impl Signal {
    pub fn number(self) -> u8 {
        match self {
            Signal::Reason(reason) => reason.number(),
            Signal::Deferred => 100,
            Signal::Bounced => 101,
            Signal::Slow => 102,
            Signal::Throttled => 103,
            Signal::Volume => 104,
            Signal::Complaints => 105,
        }
    }

    pub fn from_number(number: u8) -> Option<Signal> {
        match number {
            100 => Some(Signal::Deferred),
            101 => Some(Signal::Bounced),
            102 => Some(Signal::Slow),
            103 => Some(Signal::Throttled),
            104 => Some(Signal::Volume),
            105 => Some(Signal::Complaints),
            _ => Reason::from_number(number).map(Signal::Reason),
        }
    }

    /// Kept only so that others can say what was usual.
    pub fn is_context(self) -> bool {
        matches!(
            self,
            Signal::Deferred | Signal::Bounced | Signal::Throttled | Signal::Volume | Signal::Complaints
        )
    }
}

/// Beyond this the baseline of a provider speaks: three hours of five-minute buckets.
pub const GROWN_BUCKETS: u32 = 36;

/// How strictly a signal is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strictness {
    pub prior: Prior,
    /// Never usual in numbers: few suffice, and it fires at once.
    pub hard: bool,
    /// Smallest difference of the ratios.
    pub delta: f64,
    /// Smallest factor between the ratios.
    pub factor: f64,
    /// Smallest number of attempts too many, and the same for windows of an hour and more.
    pub excess: f64,
    pub excess_long: f64,
    /// So few do in long windows if they are this much of everything, and beyond all doubt.
    pub excess_few: f64,
    pub rise_few: f64,
    pub alpha_ln: f64,
    /// Fewer refusals say nothing.
    pub fewest: u64,
    /// So few do where there are none as a rule.
    pub at_once: bool,
    pub windows: &'static [Seconds],
    /// Known for bursts that heal themselves within minutes: nobody is told before it has lasted.
    pub patient: bool,
    /// Somebody should be woken; else it is only told.
    pub pages: bool,
}

const SOFT_WINDOWS: &[Seconds] = &[30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200];
const HARD_WINDOWS: &[Seconds] = &[30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800];

/// Reasons that say the receiver refuses *us*: unusual even in small numbers.
pub fn is_hard(reason: Reason) -> bool {
    use Reason::{
        Auth, Blocklisted, ConnectFailure, ConnectionLost, Policy, Rdns, SenderInvalid, SpamContent, Tls,
        Virus,
    };
    matches!(
        reason,
        Blocklisted
            | Auth
            | Tls
            | SpamContent
            | ConnectFailure
            | ConnectionLost
            | Policy
            | Rdns
            | Virus
            | SenderInvalid
    )
}

/// Reasons that lie with the recipients or with us by choice; nobody is woken for them.
pub fn never_pages(reason: Reason) -> bool {
    use Reason::{
        BadDomain, BadMailbox, Expired, Greylisted, InactiveMailbox, Local, MailboxFull, RecipientThrottled,
    };
    matches!(
        reason,
        MailboxFull
            | RecipientThrottled
            | BadMailbox
            | InactiveMailbox
            | BadDomain
            | Greylisted
            | Expired
            | Local
    )
}

pub fn strictness(key: Key, signal: Signal, settings: &config::Judge) -> Strictness {
    let soft = Strictness {
        prior: Prior { k: 0.5, n: 50.0, floor: 0.002 },
        hard: false,
        delta: 0.05,
        factor: 2.5,
        excess: settings.smallest_excess,
        excess_long: settings.smallest_excess,
        excess_few: 0.3 * settings.smallest_excess,
        rise_few: 0.15,
        alpha_ln: settings.alpha.max(1e-300).ln(),
        fewest: 8,
        at_once: false,
        windows: SOFT_WINDOWS,
        patient: false,
        pages: true,
    };
    match signal {
        Signal::Reason(Reason::Dns) if key == HOST => Strictness {
            prior: Prior { k: 0.2, n: 50.0, floor: 0.004 },
            hard: true,
            delta: 0.03,
            factor: 4.0,
            excess: settings.smallest_excess.min(20.0),
            excess_long: settings.smallest_excess.min(20.0),
            ..soft
        },
        Signal::Reason(reason) if is_hard(reason) => hard(reason, soft, settings),
        Signal::Reason(reason) => Strictness {
            pages: !never_pages(reason),
            patient: matches!(reason, Reason::TempUnspecified | Reason::ConnectionLimit),
            ..soft
        },
        Signal::Slow => Strictness {
            prior: Prior { k: 4.0, n: 50.0, floor: 0.002 },
            delta: 0.25,
            factor: 3.0,
            excess: settings.smallest_excess.min(30.0),
            excess_long: settings.smallest_excess.min(30.0),
            rise_few: 0.5,
            ..soft
        },
        Signal::Deferred | Signal::Bounced | Signal::Throttled | Signal::Volume | Signal::Complaints => soft,
    }
}

/// What refuses *us* is unusual even in small numbers.
fn hard(reason: Reason, soft: Strictness, settings: &config::Judge) -> Strictness {
    Strictness {
        prior: Prior { k: 0.2, n: 50.0, floor: 0.001 },
        hard: true,
        delta: 0.03,
        factor: 4.0,
        excess_long: settings.smallest_excess.min(8.0),
        windows: HARD_WINDOWS,
        // A list does not forget by itself.
        at_once: reason == Reason::Blocklisted,
        fewest: if reason == Reason::Blocklisted { 5 } else { soft.fewest },
        ..soft
    }
}

/// The channels whose sums are a signal's hits and its whole. `slow_from` is the first delay
/// channel that counts as slow.
pub fn channels(signal: Signal, slow_from: u8) -> (Vec<Channel>, Vec<Channel>) {
    match signal {
        Signal::Reason(reason) => (vec![Channel::Reason(reason)], vec![Channel::Attempts]),
        Signal::Deferred => (vec![Channel::Deferred, Channel::QueueDeferred], vec![Channel::Attempts]),
        Signal::Bounced => (vec![Channel::Bounced], vec![Channel::Delivered, Channel::Bounced]),
        Signal::Throttled => (vec![Channel::Throttled], vec![Channel::Attempts]),
        Signal::Volume => (Vec::new(), vec![Channel::Attempts]),
        Signal::Complaints => (vec![Channel::Complaints], vec![Channel::Delivered]),
        Signal::Slow => ((slow_from..7).map(Channel::Delay).collect(), (0..7).map(Channel::Delay).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_and_classes_do_not_overlap() {
        for signal in [Signal::Deferred, Signal::Bounced, Signal::Slow, Signal::Throttled, Signal::Complaints]
        {
            assert_eq!(Signal::from_number(signal.number()), Some(signal));
        }
        for reason in Reason::ALL {
            assert_eq!(Signal::from_number(reason.number()), Some(Signal::Reason(reason)));
            assert!(!(is_hard(reason) && never_pages(reason)), "{reason:?}");
        }
        assert_eq!(Signal::from_number(99), None);
    }
}
