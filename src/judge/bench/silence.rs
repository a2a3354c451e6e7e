//! What keeps a finding quiet: maintenance, a finding that speaks for it, a rule that covers the
//! moment. It neither opens nor ends a case.

use super::{Bench, STEP};
use crate::judge::detectors::reasons::View;
use crate::judge::detectors::{reasons, resolver, shared};
use crate::judge::habits::{Present, may_be_learned};
use crate::judge::life::Case;
use crate::judge::series_step::{beginning, last_refusal};
use crate::judge::signal::{Signal, channels};
use crate::judge::suppress::{self, Moment};
use crate::ledger::baseline::Baselines;
use crate::ledger::windows::{HOST, Windows};
use crate::record::{Seconds, State};

impl Bench {
    pub(super) fn silence(
        &self,
        case: &Case,
        at: Seconds,
        windows: &Windows,
        baselines: &Baselines,
    ) -> Option<String> {
        let moment = self.moment(&case.finding.provider, case.cause(), at, windows);
        let by_rule = suppress::suppressed_by(&self.rules, &moment);
        if let Some(work) = by_rule.filter(|name| name.starts_with(suppress::MAINTENANCE)) {
            return Some(work.to_owned());
        }
        let speaker =
            resolver::speaks_for(&self.cases, case, at).or_else(|| shared::speaks_for(&self.cases, case));
        if let Some(speaker) = speaker {
            return Some(format!("explained by {}", speaker.finding.id));
        }
        by_rule.map(str::to_owned).or_else(|| self.habit(case, &moment, at, windows, baselines))
    }

    /// What this provider is known to do and to mend by itself.
    fn habit(
        &self,
        case: &Case,
        moment: &Moment<'_>,
        at: Seconds,
        windows: &Windows,
        baselines: &Baselines,
    ) -> Option<String> {
        let reason = moment.reason.filter(|reason| may_be_learned(*reason))?;
        let signal = Signal::Reason(reason);
        let life = &baselines.series(case.key, signal.number())?.life;
        // Another cause beside it is no habit.
        let alone = case.firing.iter().all(|number| *number == signal.number());
        let pending = Some(life.pending_since).filter(|since| *since > 0 && alone)?;
        let (hits, whole) = channels(signal, 0);
        let view = View { windows, key: case.key, hits: &hits, whole: &whole };
        self.habits.explain(&Present {
            provider: moment.provider,
            reason,
            began: beginning(&view, pending),
            at: last_refusal(&view, pending, at),
            offset_minutes: moment.offset_minutes,
            backlog: moment.backlog,
            severity: case.finding.severity,
        })
    }

    pub(super) fn moment<'a>(
        &self,
        provider: &'a str,
        cause: Option<Signal>,
        at: Seconds,
        windows: &Windows,
    ) -> Moment<'a> {
        let reason = match cause {
            Some(Signal::Reason(reason)) => Some(reason),
            _ => None,
        };
        let key = windows.find(provider).unwrap_or(HOST);
        Moment {
            provider,
            reason,
            step: at - STEP,
            offset_minutes: windows.provider(key).map_or(0, |row| row.offset_minutes),
            backlog: self.surroundings.backlog_of(provider),
        }
    }

    /// When a suppressed stretch ends, what happened in it is no evidence afterwards. Rules begin
    /// and end with a minute, so that once a minute is enough.
    pub(super) fn leave_windows(&mut self, at: Seconds, windows: &Windows, baselines: &mut Baselines) {
        let mut left = Vec::new();
        for (key, number, series) in baselines.all_series() {
            let Some(signal) = Signal::from_number(number).filter(|signal| !signal.is_context()) else {
                continue;
            };
            let name =
                if key == HOST { "" } else { windows.provider(key).map_or("", |row| row.name.as_str()) };
            let now = self.moment(name, Some(signal), at, windows);
            let before = Moment { step: now.step - STEP, ..now };
            let over = suppress::suppressed_by(&self.rules, &before).is_some()
                && suppress::suppressed_by(&self.rules, &now).is_none();
            // What fires in the open, because the backlog overran the rule, goes on firing.
            let open = self.cases.iter().any(|case| {
                case.key == key && case.finding.state == State::Firing && case.firing.contains(&number)
            });
            if over && !open && series.born > 0 {
                left.push((key, number, signal));
            }
        }
        for (key, number, signal) in left {
            reasons::end(&mut baselines.series_mut(key, number).life, at - STEP);
            self.cases.calm(key, signal);
        }
    }
}
