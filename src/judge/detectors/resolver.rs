//! Host-wide DNS trouble: one series over all providers, and how long it speaks for their
//! findings. The tail test is the reasons' own.

use crate::classify::Reason;
use crate::judge::life::{Case, Cases, Group};
use crate::judge::signal::Signal;
use crate::ledger::windows::HOST;
use crate::record::Seconds;

pub const NAME: &str = "resolver";

/// The one signal of the host as a whole.
pub const SIGNAL: Signal = Signal::Reason(Reason::Dns);

/// A provider's finding that fired so long before is explained too.
const BEFORE: Seconds = 600;
/// Retries keep failing in waves for so long after.
const AFTER: Seconds = 3_600;

/// The finding that speaks for a provider's one.
pub fn speaks_for<'a>(cases: &'a Cases, member: &Case, at: Seconds) -> Option<&'a Case> {
    if member.key == HOST {
        return None;
    }
    cases.iter().find(|case| {
        case.group == Group::Resolver
            && member.fired >= case.finding.began - BEFORE
            && (case.is_open() || at - case.resolved <= AFTER)
            && (case.is_open() || member.fired <= case.resolved + AFTER)
    })
}
