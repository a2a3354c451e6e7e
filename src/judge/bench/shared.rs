//! When the same trouble at several providers becomes one finding of the host. It says how such a
//! finding begins and ends, not who is silent about it.

use super::{Bench, STEP};
use crate::judge::detectors::shared::{self, CAUSES};
use crate::judge::life::{Alarm, Group};
use crate::judge::signal::Signal;
use crate::ledger::baseline::Baselines;
use crate::ledger::windows::{HOST, Windows};
use crate::record::Seconds;

impl Bench {
    pub(super) fn judge_shared(&mut self, at: Seconds, windows: &Windows, baselines: &Baselines) {
        for cause in &CAUSES {
            let already = self.is_firing(cause.group);
            let now = cause.is_ours(baselines, self.awake.iter().copied(), already);
            self.turn(cause.group, cause.signal(), (already, now), at, windows);
        }
        self.judge_vmtas(at, windows);
    }

    fn judge_vmtas(&mut self, at: Seconds, windows: &Windows) {
        let open = self.cases.open(HOST, Group::Vmta).filter(|case| !case.firing.is_empty());
        let known = open.map(|case| case.finding.vmta.clone());
        let owned = |(vmta, names): (&str, Vec<&str>)| {
            (vmta.to_owned(), names.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        let common = shared::vmta(&self.cases, known.as_deref()).map(owned);
        let goes_on =
            common.as_ref().is_some_and(|(vmta, _)| known.as_ref().is_none_or(|known| known == vmta));
        self.turn(Group::Vmta, Signal::Deferred, (known.is_some(), goes_on), at, windows);
        let Some((vmta, names)) = common.filter(|_| goes_on) else { return };
        for case in self.cases.iter_mut().filter(|case| case.group == Group::Vmta && case.is_open()) {
            case.finding.vmta.clone_from(&vmta);
            case.members.clone_from(&names);
        }
    }

    fn is_firing(&self, group: Group) -> bool {
        self.cases.open(HOST, group).is_some_and(|case| !case.firing.is_empty())
    }

    fn turn(
        &mut self,
        group: Group,
        signal: Signal,
        (already, now): (bool, bool),
        at: Seconds,
        windows: &Windows,
    ) {
        if now && !already {
            let onset = at - STEP;
            let alarm = Alarm { key: HOST, group, signal, onset, usual: 0.0, window: 600, young: false };
            self.fire(&alarm, at, windows);
        } else if !now && already {
            for case in self.cases.iter_mut().filter(|case| case.group == group) {
                case.firing.clear();
            }
        }
    }
}
