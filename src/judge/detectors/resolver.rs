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

/// Queues rest after a failed look-up, so that there is little mail until so long after.
const REST: Seconds = 900;

/// The finding that speaks for a provider's one, or for a drop of throughput.
pub fn speaks_for<'a>(cases: &'a Cases, member: &Case, at: Seconds) -> Option<&'a Case> {
    let after = match member.group {
        Group::Drop => REST,
        _ if member.key == HOST => return None,
        _ => AFTER,
    };
    cases.iter().find(|case| {
        case.group == Group::Resolver
            && member.fired >= case.finding.began - BEFORE
            && (case.is_open() || at - case.resolved <= after)
            && (case.is_open() || member.fired <= case.resolved + after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::life::Alarm;

    #[test]
    fn a_drop_of_throughput_is_explained_until_the_queues_have_rested() {
        let alarm = |group, signal| Alarm {
            key: HOST,
            group,
            signal,
            onset: 990,
            usual: 0.0,
            window: 60,
            young: false,
        };
        let mut cases = Cases::default();
        cases.fire(&alarm(Group::Drop, Signal::Volume), "throughput-drop", "", 1_200, 0);
        let drop = cases.open(HOST, Group::Drop).unwrap().clone();
        assert!(speaks_for(&cases, &drop, 1_200).is_none());
        cases.fire(&alarm(Group::Resolver, SIGNAL), NAME, "", 1_000, 0);
        assert!(speaks_for(&cases, &drop, 1_200).is_some());
        let resolver = cases.iter_mut().find(|case| case.group == Group::Resolver).unwrap();
        resolver.resolved = 2_000;
        assert!(speaks_for(&cases, &drop, 2_900).is_some());
        assert!(speaks_for(&cases, &drop, 2_901).is_none());
    }
}
