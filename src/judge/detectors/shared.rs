//! One cause at several providers at once: then it is ours (the way out, a key, an address, one
//! VMTA), not theirs. It looks at what the reasons' detector found, not at counts.

use crate::classify::Reason;
use crate::judge::life::{Case, Cases, Group};
use crate::judge::signal::Signal;
use crate::ledger::baseline::Baselines;
use crate::ledger::windows::{HOST, Key};
use crate::record::State;
use std::collections::BTreeMap;

/// A reason that is ours when several providers give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    pub group: Group,
    pub name: &'static str,
    pub reason: Reason,
    /// So many providers make it ours; it stays so until fewer than half remain.
    pub providers: usize,
    /// How the sentence begins.
    pub words: &'static str,
}

pub const CONNECTIONS: &str = "connect-failures";
pub const AUTHENTICATION: &str = "authentication";
pub const BLOCKLISTING: &str = "blocklisting";
pub const TLS: &str = "tls";
pub const VMTA: &str = "vmta";

pub const CAUSES: [Cause; 3] = [
    Cause {
        group: Group::Connections,
        name: CONNECTIONS,
        reason: Reason::ConnectFailure,
        providers: 4,
        words: "Connections fail at several providers",
    },
    Cause {
        group: Group::Authentication,
        name: AUTHENTICATION,
        reason: Reason::Auth,
        providers: 3,
        words: "Our authentication (SPF, DKIM, DMARC) is refused at several providers",
    },
    Cause {
        group: Group::Blocklisted,
        name: BLOCKLISTING,
        reason: Reason::Blocklisted,
        providers: 3,
        words: "Our address is blocklisted at several providers",
    },
];

/// Different reasons at so many providers, all of them at one VMTA.
const AT_ONE_VMTA: usize = 3;

pub fn of(group: Group) -> Option<&'static Cause> {
    CAUSES.iter().find(|cause| cause.group == group)
}

impl Cause {
    pub fn signal(&self) -> Signal {
        Signal::Reason(self.reason)
    }

    /// Whether so many providers suffer from it that the host is the suspect.
    pub fn is_ours(
        &self,
        baselines: &Baselines,
        awake: impl Iterator<Item = (Key, u8)>,
        already: bool,
    ) -> bool {
        let failing = awake
            .filter(|(key, signal)| *key != HOST && *signal == self.signal().number())
            .filter(|place| baselines.series(place.0, place.1).is_some_and(|series| !series.life.is_quiet()))
            .count();
        failing >= if already { (self.providers / 2).max(1) } else { self.providers }
    }
}

/// The VMTA that the findings of several providers have in common, with their names; `already` is
/// the one that is told of.
pub fn vmta<'a>(cases: &'a Cases, already: Option<&str>) -> Option<(&'a str, Vec<&'a str>)> {
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for case in cases.iter().filter(|case| is_open_at_a_vmta(case)) {
        let spoken_for = CAUSES
            .iter()
            .any(|cause| case.cause() == Some(cause.signal()) && cases.open(HOST, cause.group).is_some());
        if !spoken_for {
            let names = places.entry(case.finding.vmta.as_str()).or_default();
            names.push(case.finding.provider.as_str());
        }
    }
    let enough = |vmta: &str, names: &Vec<&str>| {
        names.len() >= if already == Some(vmta) { AT_ONE_VMTA / 2 } else { AT_ONE_VMTA }
    };
    places.into_iter().filter(|(vmta, names)| enough(vmta, names)).max_by_key(|(_, names)| names.len())
}

fn is_open_at_a_vmta(case: &Case) -> bool {
    let told = matches!(case.finding.state, State::Firing | State::Suppressed);
    told && case.group == Group::Refusals && !case.firing.is_empty() && !case.finding.vmta.is_empty()
}

/// The finding that speaks for a provider's one.
pub fn speaks_for<'a>(cases: &'a Cases, member: &Case) -> Option<&'a Case> {
    if member.key == HOST || member.group != Group::Refusals {
        return None;
    }
    let of_cause = CAUSES
        .iter()
        .filter(|cause| member.cause() == Some(cause.signal()))
        .find_map(|cause| cases.open(HOST, cause.group));
    let at_vmta = || {
        let open = cases.open(HOST, Group::Vmta);
        open.filter(|open| !member.finding.vmta.is_empty() && open.finding.vmta == member.finding.vmta)
    };
    of_cause.or_else(at_vmta)
}
