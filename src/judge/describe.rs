//! Fills in a finding: numbers, cause, sentence, advice, confidence. It decides neither that
//! something is wrong nor who is silent about it.

mod complaints;
mod host;

use super::advise;
use super::attribute::{Attribution, Before, Span, attribute};
use super::detectors::complaints::{Complaints, GRAVE};
use super::detectors::slow;
use super::life::{Case, Group};
use super::signal::{Signal, channels, strictness};
use super::surroundings::{Surroundings, changed_before};
use super::wording::{self, Facts};
use crate::classify::Reason;
use crate::config;
use crate::ledger::baseline::Baselines;
use crate::ledger::windows::{Channel, Detail, HOST, Windows};
use crate::record::{Confidence, Seconds, Severity, State, Unit};

/// Ratios are kept to six digits: beyond is noise, and a shorter number survives any format.
fn rounded(ratio: f64) -> f64 {
    (ratio * 1e6).round() / 1e6
}

pub struct Scene<'a> {
    pub windows: &'a Windows,
    pub baselines: &'a Baselines,
    pub surroundings: &'a Surroundings,
    pub settings: &'a config::Judge,
    pub complaints: &'a Complaints,
    pub at: Seconds,
}

/// The stretch that the numbers of an open case are taken from: since it began, at most ten
/// minutes or what the deciding window needed.
fn span(case: &Case, at: Seconds) -> Span {
    let longest = case.window.max(600);
    let from = case.finding.began.max(at - longest);
    let grain = if at - from > 3_600 {
        300
    } else if at - from > 900 {
        60
    } else {
        10
    };
    Span { from: from.div_euclid(grain) * grain, to: at }
}

/// Refreshes everything that is told of an open case.
pub fn describe(case: &mut Case, scene: &Scene<'_>) {
    match case.group {
        Group::Refusals | Group::Told | Group::MeanStddev => refusals(case, scene),
        Group::Slow => slow_provider(case, scene),
        Group::Resolver | Group::Connections | Group::Authentication | Group::Blocklisted => {
            host::shared_cause(case, scene);
        }
        Group::Vmta => host::one_vmta(case, scene),
        Group::Complaints => complaints::complaints(case, scene),
        Group::Drop | Group::Surge => host::volume(case, scene),
    }
}

fn before(case: &Case, scene: &Scene<'_>, span: Span) -> (Before, Span) {
    let reference =
        Span { from: (span.from - 7_200).div_euclid(300) * 300, to: span.from.div_euclid(300) * 300 };
    let born = scene.windows.provider(case.key).map_or(0, |row| i64::from(row.born) * 10);
    let offset = scene.windows.provider(HOST).map_or(0, |host| host.offset_minutes);
    let usual = |signal: Signal| {
        if case.young {
            let (hits, whole) = channels(signal, 0);
            let sum =
                |channels: &[Channel]| scene.windows.sum_of(case.key, channels, born, case.finding.began);
            let (k, n) = (sum(&hits), sum(&whole));
            return (n > 0).then(|| k as f64 / n as f64);
        }
        let series = scene.baselines.series(case.key, signal.number())?;
        let mut prior = strictness(case.key, signal, scene.settings).prior;
        prior.floor = 0.0;
        Some(series.expected(prior, scene.at, offset))
    };
    let before =
        Before { deferred: usual(Signal::Deferred), throttled: usual(Signal::Throttled), reason: case.usual };
    (before, reference)
}

fn refusals(case: &mut Case, scene: &Scene<'_>) {
    let reason = match case.cause() {
        Some(Signal::Reason(reason)) => reason,
        _ => leading_reason(case, scene),
    };
    let span = span(case, scene.at);
    let (before, reference) = before(case, scene, span);
    let found = attribute(scene.windows, case.key, reason, span, reference, before);
    let was = if found.bounced { usual_bounces(case, scene) } else { before.deferred };
    let detail = found.reply.map_or(Detail::None, |reply| reply.detail);
    let provider = case.finding.provider.clone();
    let advice = advise::advise(reason, &provider, detail);
    let named = scene.windows.provider(case.key).is_none_or(|row| row.named);
    let facts = Facts {
        provider: &provider,
        named,
        was,
        now: found.now,
        reason,
        reply: found.reply,
        not_throttling: found.not_throttling,
        vmta: found.vmta.as_deref().unwrap_or_default(),
        advice: advice.map_or("", |row| row.short.as_str()),
    };
    let mut message = if found.bounced { wording::bounce(&facts) } else { wording::deferral(&facts) };
    if found.moved {
        message.push_str(" (traffic moved between VMTAs)");
    }
    let remarks = remarks(case, scene);
    let finding = &mut case.finding;
    if case.group != Group::MeanStddev {
        finding.finding = if found.bounced { "bounce-ratio" } else { "deferral-ratio" }.to_owned();
    }
    finding.message = message;
    finding.action = advice.map_or_else(String::new, |row| row.text(&domain(&provider)));
    finding.action.push_str(&remarks);
    finding.reason = reason.name().to_owned();
    finding.confidence = confidence(case.young, advice.map(|row| row.confidence), &found);
    fill(case, scene, was, &found, span);
}

/// What else belongs to it: other reasons in the same trouble, what changed before, and how much
/// is known of what is usual.
fn remarks(case: &Case, scene: &Scene<'_>) -> String {
    let mut text = String::new();
    let others: Vec<&str> = case
        .causes
        .iter()
        .skip(1)
        .filter_map(|number| match Signal::from_number(*number) {
            Some(Signal::Reason(reason)) => Some(reason.name()),
            _ => None,
        })
        .collect();
    if !others.is_empty() {
        text.push_str(&format!(" Also: {}.", others.join(", ")));
    }
    text.push_str(&changed_before(&scene.surroundings.changes, case.finding.began, case.fired));
    let days = scene.baselines.volume(case.key).map_or(0, |volume| volume.buckets / 288);
    if case.young || days < 7 {
        text.push_str(&format!(" Baseline: {days} of 7 days."));
    }
    text
}

fn fill(case: &mut Case, scene: &Scene<'_>, was: Option<f64>, found: &Attribution, span: Span) {
    let recipients = recipients(case, scene, span);
    let finding = &mut case.finding;
    finding.recipients = recipients;
    finding.was = was.map(rounded);
    finding.now = Some(rounded(found.now));
    (finding.ci_low, finding.ci_high) = (Some(rounded(found.interval.0)), Some(rounded(found.interval.1)));
    finding.n = i64::try_from(found.n).unwrap_or(i64::MAX);
    finding.n_queue = i64::try_from(found.n_queue).unwrap_or(i64::MAX);
    finding.explained = found.explained.map(rounded);
    finding.vmta = found.vmta.clone().unwrap_or_default();
    let stage = found.reply.and_then(|reply| reply.stage);
    finding.stage = stage.map_or_else(String::new, |stage| stage.name().to_owned());
}

/// Waiting recipients; without the web monitor those that t records name, never those of tq.
fn recipients(case: &Case, scene: &Scene<'_>, span: Span) -> Option<i64> {
    if scene.surroundings.backlog.is_some() || scene.surroundings.complete {
        return scene.surroundings.waiting(&case.finding.provider);
    }
    let named = scene.windows.sum(case.key, Channel::Deferred, span.from, span.to);
    (named > 0).then(|| i64::try_from(named).unwrap_or(i64::MAX))
}

fn usual_bounces(case: &Case, scene: &Scene<'_>) -> Option<f64> {
    let series = scene.baselines.series(case.key, Signal::Bounced.number())?;
    let mut prior = strictness(case.key, Signal::Bounced, scene.settings).prior;
    prior.floor = 0.0;
    (series.n > 0.0).then(|| series.expected(prior, scene.at, 0))
}

/// What most refusals of the last minutes have in common, for a detector that saw only the total.
fn leading_reason(case: &Case, scene: &Scene<'_>) -> Reason {
    let count =
        |reason: &Reason| scene.windows.sum(case.key, Channel::Reason(*reason), scene.at - 600, scene.at);
    Reason::ALL.into_iter().rev().max_by_key(count).unwrap_or(Reason::Other)
}

/// How sure the evidence makes us: what the table says, less for a guess at what is usual, for a
/// cause that explains only a part, and for a TLS failure that does not say so itself.
fn confidence(young: bool, table: Option<Confidence>, found: &Attribution) -> Confidence {
    let mut sure = table.unwrap_or(Confidence::Low);
    if found.explained.is_some_and(|share| share < 0.6) || found.reply.is_none() {
        sure = sure.min(Confidence::Medium);
    }
    if found.explained.is_some_and(|share| share < 0.3) {
        sure = Confidence::Low;
    }
    if young { sure.min(Confidence::Medium) } else { sure }
}

/// What to write into a `<domain ...>` scope for a provider.
fn domain(provider: &str) -> String {
    let lower = provider.to_lowercase();
    match lower.as_str() {
        _ if lower.contains('.') => lower,
        "gmail" => "gmail.com".to_owned(),
        "yahoo" => "yahoo.com".to_owned(),
        "microsoft" => "outlook.com".to_owned(),
        "comcast" => "comcast.net".to_owned(),
        _ => format!("of {provider}"),
    }
}

fn slow_provider(case: &mut Case, scene: &Scene<'_>) {
    let slow_from = scene.baselines.volume(case.key).map_or(0, |volume| volume.slow_from);
    let (hits, whole) = channels(Signal::Slow, slow_from);
    let span = span(case, scene.at);
    let sum = |channels: &[Channel]| scene.windows.sum_of(case.key, channels, span.from, span.to);
    let (k, n) = (sum(&hits), sum(&whole));
    let now = if n > 0 { k as f64 / n as f64 } else { 0.0 };
    let interval = super::theory::wilson::interval(k, n, 1.959_964);
    let named = scene.windows.provider(case.key).is_none_or(|row| row.named);
    let subject = wording::bracket(&case.finding.provider, named);
    let recipients = scene.surroundings.waiting(&case.finding.provider);
    let finding = &mut case.finding;
    finding.message = wording::slow(&subject, case.usual, now, slow::limit(slow_from));
    finding.action = "Look at the receiver's reply times with `pmta trace`; more connections help only while it answers quickly.".to_owned();
    finding.was = Some(rounded(case.usual));
    finding.now = Some(rounded(now));
    (finding.ci_low, finding.ci_high) = (Some(rounded(interval.0)), Some(rounded(interval.1)));
    finding.n = i64::try_from(n).unwrap_or(i64::MAX);
    finding.recipients = recipients;
}

/// By harm: what is told only, what somebody should look at, and what cannot wait.
pub fn severity(case: &Case, scene: &Scene<'_>) -> Severity {
    let finding = &case.finding;
    let backlog = scene.surroundings.backlog_of(&finding.provider).unwrap_or(0);
    if case.group == Group::Told {
        let overrun = finding.reason == Reason::Greylisted.name() && backlog > 50_000;
        return if overrun { Severity::Critical } else { Severity::Info };
    }
    if case.group == Group::Surge {
        return Severity::Info;
    }
    if case.group == Group::Drop {
        let lasting = scene.at - case.fired >= 900;
        return if lasting { Severity::Critical } else { Severity::Warning };
    }
    if case.group == Group::Complaints {
        let grave = finding.now.unwrap_or(0.0) >= GRAVE * scene.settings.complaint_ratio;
        return if grave { Severity::Critical } else { Severity::Warning };
    }
    if case.group == Group::Slow || case.group == Group::MeanStddev {
        return Severity::Warning;
    }
    let waiting = finding.recipients.unwrap_or(0);
    let lasting = scene.at - case.fired >= 900;
    let grave = finding.now.unwrap_or(0.0) >= 0.35 || waiting >= 1_000;
    if backlog > 50_000 || lasting && grave { Severity::Critical } else { Severity::Warning }
}

/// Who should care. `many` refusals beyond the usual are worth waking somebody; fewer can wait for
/// the morning, however certain they are.
pub fn route(case: &mut Case, many: f64) {
    let finding = &case.finding;
    let excess = (finding.now.unwrap_or(0.0) - finding.was.unwrap_or(0.0)) * finding.n as f64;
    let few = case.group == Group::Refusals && excess < many;
    // What came in over a day can wait for the morning, too.
    let later = matches!(case.group, Group::Slow | Group::Complaints);
    case.finding.routing = match finding.severity {
        _ if finding.state == State::Suppressed => "log",
        Severity::Info => "log",
        Severity::Warning if later || case.young || few => "ticket",
        _ => "page",
    }
    .to_owned();
}

/// The last words on a finding.
pub fn conclude(case: &mut Case, at: Seconds) {
    let finding = &mut case.finding;
    let subject = if finding.provider.is_empty() { "host" } else { finding.provider.as_str() };
    let what = if finding.reason.is_empty() { finding.finding.as_str() } else { finding.reason.as_str() };
    let minutes = (at - finding.began) / 60;
    finding.message = match finding.unit {
        Unit::Ratio => wording::resolved(subject, what, finding.now.unwrap_or(0.0), minutes),
        _ => wording::over(subject, what, minutes),
    };
    finding.action = String::new();
}
