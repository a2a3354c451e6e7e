//! Findings that are about the host and not about one provider: how much mail there is, a cause that
//! several providers share, trouble at one VMTA. It decides nothing.

use super::{Scene, remarks, rounded, span};
use crate::classify::Reason;
use crate::judge::advise;
use crate::judge::detectors::shared;
use crate::judge::life::{Case, Group};
use crate::judge::wording;
use crate::ledger::windows::{Channel, Detail, HOST};
use crate::record::{Confidence, Unit};

pub fn volume(case: &mut Case, scene: &Scene<'_>) {
    let length = if scene.at - case.fired < 60 { case.window } else { 300 };
    let n = scene.windows.sum(HOST, Channel::Attempts, scene.at - length, scene.at);
    let now = n as f64 / length as f64;
    let remarks = remarks(case, scene);
    let finding = &mut case.finding;
    finding.message = wording::volume(case.group == Group::Drop, case.usual, now);
    finding.action = match case.group {
        Group::Drop => "Look whether mail still comes in (`pmta show status`), whether queues are paused and whether the senders run.",
        _ => "Look which VMTA and job the mail belongs to (`pmta show topqueues`), and whether it is meant.",
    }
    .to_owned();
    finding.action.push_str(&remarks);
    finding.unit = Unit::PerSecond;
    finding.was = Some(rounded(case.usual));
    finding.now = Some(rounded(now));
    finding.n = i64::try_from(n).unwrap_or(i64::MAX);
    finding.recipients = scene.surroundings.backlog;
}

pub fn shared_cause(case: &mut Case, scene: &Scene<'_>) {
    let (reason, cause) = match shared::of(case.group) {
        Some(cause) => (cause.reason, cause.words),
        None => (Reason::Dns, "DNS look-ups fail"),
    };
    let span = span(case, scene.at);
    let sum = |key, channel| scene.windows.sum(key, channel, span.from, span.to);
    let (k, n) = (sum(HOST, Channel::Reason(reason)), sum(HOST, Channel::Attempts));
    let mut harmed: Vec<(u64, String)> = scene
        .windows
        .keys()
        .map(|key| (sum(key, Channel::Reason(reason)), key))
        .filter(|(count, _)| *count > 0)
        .map(|(count, key)| {
            (count, scene.windows.provider(key).map_or_else(String::new, |row| row.name.clone()))
        })
        .collect();
    harmed.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let names: Vec<String> = harmed.into_iter().map(|(_, name)| name).collect();
    let now = if n > 0 { k as f64 / n as f64 } else { 0.0 };
    let interval = crate::judge::theory::wilson::interval(k, n, 1.959_964);
    let advice = advise::advise(reason, "", Detail::None);
    let short = advice.map_or("", |row| row.short.as_str());
    let queue = sum(HOST, Channel::QueueDeferred);
    let remarks = remarks(case, scene);
    let finding = &mut case.finding;
    finding.message = wording::host_wide(cause, Some(case.usual), now, &names, short);
    finding.action = advice.map_or_else(String::new, |row| row.text("the providers named"));
    finding.action.push_str(&remarks);
    finding.confidence = advice.map_or(Confidence::Medium, |row| row.confidence);
    finding.was = Some(rounded(case.usual));
    finding.now = Some(rounded(now));
    (finding.ci_low, finding.ci_high) = (Some(rounded(interval.0)), Some(rounded(interval.1)));
    finding.n = i64::try_from(n).unwrap_or(i64::MAX);
    finding.n_queue = i64::try_from(queue).unwrap_or(i64::MAX);
    finding.recipients = scene.surroundings.backlog;
}

/// What several providers refuse of one VMTA only: its own providers' numbers together.
pub fn one_vmta(case: &mut Case, scene: &Scene<'_>) {
    let span = span(case, scene.at);
    let sum = |key, channel| scene.windows.sum(key, channel, span.from, span.to);
    let number = (0..scene.windows.vmtas()).find(|number| scene.windows.vmta(*number) == case.finding.vmta);
    let keys = case.members.iter().filter_map(|name| scene.windows.find(name.as_str()));
    let count = |(k, n): (u64, u64), key| {
        let of_vmta = number.map_or(0, |number| sum(key, Channel::Vmta(number)));
        let refused =
            |reason: Reason| number.map_or(0, |number| sum(key, Channel::ReasonVmta(reason, number)));
        (k + Reason::ALL.into_iter().map(refused).sum::<u64>(), n + of_vmta)
    };
    let (k, n) = keys.fold((0, 0), count);
    let now = if n > 0 { k as f64 / n as f64 } else { 0.0 };
    let interval = crate::judge::theory::wilson::interval(k, n, 1.959_964);
    let remarks = remarks(case, scene);
    let finding = &mut case.finding;
    let cause = format!("Trouble at VMTA {} only", finding.vmta);
    finding.message = wording::host_wide(&cause, None, now, &case.members, "");
    finding.action = format!(
        "Look at what only {} has: its address (PTR, HELO name, lists: `pmta-vitals check blocklisting`), its route, its limits; `pmta disable source` keeps mail off it meanwhile. Not: changing the settings of the providers named.{remarks}",
        finding.vmta
    );
    finding.confidence = Confidence::Medium;
    finding.now = Some(rounded(now));
    (finding.ci_low, finding.ci_high) = (Some(rounded(interval.0)), Some(rounded(interval.1)));
    finding.n = i64::try_from(n).unwrap_or(i64::MAX);
    finding.recipients = scene.surroundings.backlog;
}
