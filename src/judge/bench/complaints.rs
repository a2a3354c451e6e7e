//! When the complaints of a day become a finding, and when it ends. It counts nothing.

use super::Bench;
use crate::judge::detectors::complaints::HOUR;
use crate::judge::life::{Alarm, Group};
use crate::judge::signal::Signal;
use crate::ledger::baseline::Baselines;
use crate::ledger::windows::Windows;
use crate::record::Seconds;

impl Bench {
    /// Once an hour.
    pub(super) fn judge_complaints(&mut self, at: Seconds, windows: &Windows, baselines: &mut Baselines) {
        self.complaints.close(at, windows, baselines);
        let limit = self.settings.complaint_ratio;
        let of = |case: &&mut crate::judge::life::Case| case.group == Group::Complaints;
        for case in self.cases.iter_mut().filter(of) {
            if self.complaints.day(&case.finding.provider).is_none_or(|day| day.is_over(limit)) {
                case.firing.clear();
            }
        }
        let high = self.complaints.days().filter(|(_, day)| day.is_high(limit));
        let alarms: Vec<Alarm> = high
            .filter_map(|(name, day)| {
                let key = windows.find(name)?;
                let firing =
                    self.cases.open(key, Group::Complaints).is_some_and(|case| !case.firing.is_empty());
                (!firing).then_some(Alarm {
                    key,
                    group: Group::Complaints,
                    signal: Signal::Complaints,
                    onset: at - 24 * HOUR,
                    usual: day.usual.unwrap_or(0.0),
                    window: 24 * HOUR,
                    young: false,
                })
            })
            .collect();
        for alarm in alarms {
            self.fire(&alarm, at, windows);
        }
    }
}
