//! What keeps a finding quiet: maintenance, a finding that speaks for it, a rule that covers the
//! moment. It neither opens nor ends a case.

use super::{Bench, STEP};
use crate::judge::detectors::{connections, reasons, resolver};
use crate::judge::life::Case;
use crate::judge::signal::Signal;
use crate::judge::suppress::{self, Moment};
use crate::ledger::baseline::Baselines;
use crate::ledger::windows::{HOST, Windows};
use crate::record::{Seconds, State};

impl Bench {
    pub(super) fn silence(&self, case: &Case, at: Seconds, windows: &Windows) -> Option<String> {
        if let Some(name) = &self.surroundings.maintenance {
            return Some(format!("maintenance: {name}"));
        }
        let speaker = resolver::speaks_for(&self.cases, case, at)
            .or_else(|| connections::speaks_for(&self.cases, case));
        if let Some(speaker) = speaker {
            return Some(format!("explained by {}", speaker.finding.id));
        }
        let moment = self.moment(&case.finding.provider, case.cause(), at, windows);
        suppress::suppressed_by(&self.rules, &moment).map(str::to_owned)
    }

    fn moment<'a>(
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
