//! What became of trouble that is over: a habit to be learned, and, when nobody was told of it, a
//! line afterwards, so that trust in the silence can be checked. It opens no case.

use super::Bench;
use crate::classify::Reason;
use crate::config::Method;
use crate::judge::detectors;
use crate::judge::habits::{Episode, may_be_learned};
use crate::judge::life::Group;
use crate::judge::series_step::Over;
use crate::judge::signal::{Signal, never_pages};
use crate::judge::{suppress, wording};
use crate::ledger::baseline::Baselines;
use crate::ledger::windows::{Channel, Key, Windows};
use crate::record::{Finding, Seconds, Severity, State, Unit};

impl Bench {
    /// The backlog of what is pending, for the habit it may be.
    pub(super) fn see_waiting(&mut self, key: Key, signal: Signal, windows: &Windows, baselines: &Baselines) {
        let Signal::Reason(reason) = signal else { return };
        let pending = baselines.series(key, signal.number()).is_some_and(|series| !series.life.is_quiet());
        let Some(row) = windows.provider(key).filter(|_| pending && may_be_learned(reason)) else { return };
        if let Some(backlog) = self.surroundings.backlog_of(&row.name) {
            self.habits.see(&row.name, reason, backlog);
        }
    }

    /// Takes in trouble that has ended.
    pub(super) fn remember(
        &mut self,
        (key, signal): (Key, Signal),
        over: &Over,
        at: Seconds,
        windows: &Windows,
        baselines: &Baselines,
    ) {
        let (Signal::Reason(reason), Some(row)) = (signal, windows.provider(key)) else { return };
        let provider = row.name.to_string();
        let backlog = self.surroundings.backlog_of(&provider);
        let episode = Episode { began: over.began, ended: over.ended, backlog };
        self.habits.enter(&provider, reason, episode);
        let literal = self.settings.method == Method::MeanStddev;
        let expected_by =
            suppress::suppressed_by(&self.rules, &self.moment(&provider, Some(signal), at, windows));
        if over.fired || literal || never_pages(reason) || expected_by.is_some() {
            return;
        }
        let expected = baselines.series(key, signal.number()).map_or(0.0, |series| series.life.expected);
        let mut finding = note((key, reason), &provider, row.named, over, expected, windows);
        finding.offset_minutes = row.offset_minutes;
        finding.changed = at;
        self.notes.push(finding);
    }
}

fn note(
    (key, reason): (Key, Reason),
    provider: &str,
    named: bool,
    over: &Over,
    expected: f64,
    windows: &Windows,
) -> Finding {
    let to = over.ended.max(over.began + 60);
    let sum = |channel| windows.sum(key, channel, over.began, to);
    let (k, n) = (sum(Channel::Reason(reason)), sum(Channel::Attempts));
    let now = k as f64 / n.max(1) as f64;
    let minutes = (to - over.began + 59) / 60;
    let subject = wording::bracket(provider, named);
    let message = wording::healed(&subject, reason.name(), expected, now, minutes);
    let mut finding =
        Finding::note(detectors::name(Group::Refusals), Severity::Info, over.began, message, "");
    finding.id =
        format!("{}-{}-{}-{}", finding.finding, provider.replace(' ', "-"), reason.name(), over.began);
    finding.state = State::Resolved;
    finding.provider = provider.to_owned();
    finding.reason = reason.name().to_owned();
    finding.unit = Unit::Ratio;
    finding.was = Some((expected * 1e6).round() / 1e6);
    finding.now = Some((now * 1e6).round() / 1e6);
    finding.n = i64::try_from(n).unwrap_or(i64::MAX);
    finding.routing = "log".to_owned();
    finding
}
