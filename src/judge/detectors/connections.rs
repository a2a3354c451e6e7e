//! Connections that fail at four providers at once: then it is our way out, not their doors. It
//! looks at what the reasons' detector found, not at counts.

use crate::classify::Reason;
use crate::judge::life::{Case, Cases, Group};
use crate::judge::signal::Signal;
use crate::ledger::baseline::Baselines;
use crate::ledger::windows::{HOST, Key};

pub const NAME: &str = "connect-failures";

/// What the host's series of this cause is stored under.
pub const SIGNAL: Signal = Signal::Reason(Reason::ConnectFailure);

const PROVIDERS: usize = 4;

/// Whether so many providers have failing connections that the host is the suspect. Once it is,
/// it stays so until fewer than half remain.
pub fn is_host_wide(baselines: &Baselines, awake: impl Iterator<Item = (Key, u8)>, already: bool) -> bool {
    let failing = awake
        .filter(|(key, signal)| *key != HOST && *signal == SIGNAL.number())
        .filter(|place| baselines.series(place.0, place.1).is_some_and(|series| !series.life.is_quiet()))
        .count();
    failing >= if already { PROVIDERS / 2 } else { PROVIDERS }
}

/// The finding that speaks for a provider's one.
pub fn speaks_for<'a>(cases: &'a Cases, member: &Case) -> Option<&'a Case> {
    let same = member.key != HOST && member.group == Group::Refusals && member.cause() == Some(SIGNAL);
    same.then(|| cases.open(HOST, Group::Connections)).flatten()
}
