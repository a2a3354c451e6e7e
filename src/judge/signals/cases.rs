//! The life of a signal's finding: pending while it is held, firing, resolved once it stayed
//! fine; each change is told once. It does not know what is judged.

use super::{Level, Report, SIGNALS, Scene, Signal, Symptom, changes, down};
use crate::judge::surroundings::{Change, changed_before};
use crate::record::{Finding, Memory, Sample, Seconds, Severity, State};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where the cases are kept; absent while there is none.
const CASES: &str = "cases";
/// Which signals see nothing, and why; absent while all of them see.
const BLIND: &str = "blind";
/// What nobody could see for so long is no longer claimed.
const UNSEEN: Seconds = 3_600;
/// A resolved case opens again under its id within this time.
const REOPEN: Seconds = 900;
const MOST_CASES: usize = 500;

/// What a run's signals came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Changes of state, for the log of events.
    pub changes: Vec<Finding>,
    /// Every finding that is open or has just ended, as it stands.
    pub findings: Vec<Finding>,
    pub samples: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Case {
    finding: Finding,
    /// Bad without a break since then.
    since: Seconds,
    /// Fine without a break since then; 0 while it is not.
    fine_since: Seconds,
    seen: Seconds,
    /// 0 while it is open or pending.
    ended: Seconds,
}

/// Judges one run. `memory` holds the signals' own notes and the cases.
pub fn judge(scene: &Scene<'_>, maintenance: Option<&str>, memory: &mut dyn Memory) -> Outcome {
    let kept = memory.get(CASES);
    let mut cases: Vec<Case> =
        kept.as_deref().and_then(|text| serde_json::from_slice(text).ok()).unwrap_or_default();
    let mut outcome = Outcome::default();
    let changes = changes::recall(memory);
    let mut unseen = BTreeMap::new();
    let mut around = Around { now: scene.now, is_down: false, maintenance, changes: &changes };
    for signal in SIGNALS {
        let mut report = Report::default();
        (signal.look)(scene, memory, &mut report);
        outcome.samples.append(&mut report.samples);
        unseen.extend(report.blind.take().map(|why| (signal.name.to_owned(), why)));
        for symptom in report.symptoms {
            meet(&mut cases, signal, symptom, around, &mut outcome);
        }
        if signal.name == down::SIGNAL.name {
            around.is_down = cases.iter().any(|case| case.finding.finding == signal.name && is_open(case));
        }
    }
    forget(&mut cases, scene.now, &mut outcome);
    outcome.findings.extend(cases.iter().filter(|case| is_open(case)).map(|case| case.finding.clone()));
    match serde_json::to_vec(&cases) {
        Ok(text) if !cases.is_empty() => memory.put(CASES, &text),
        _ if kept.is_some() => memory.remove(CASES),
        _ => {}
    }
    if unseen != blind(memory) {
        match serde_json::to_vec(&unseen) {
            Ok(text) if !unseen.is_empty() => memory.put(BLIND, &text),
            _ => memory.remove(BLIND),
        }
    }
    outcome
}

/// The signals that saw nothing in the last run although their source is up, and why.
pub fn blind(memory: &dyn Memory) -> BTreeMap<String, String> {
    memory.get(BLIND).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// What holds for every symptom of a run.
#[derive(Clone, Copy)]
struct Around<'a> {
    now: Seconds,
    is_down: bool,
    /// The planned work that is under way.
    maintenance: Option<&'a str>,
    changes: &'a [Change],
}

fn is_open(case: &Case) -> bool {
    case.finding.state.is_open()
}

fn meet(cases: &mut Vec<Case>, signal: &Signal, symptom: Symptom, around: Around<'_>, outcome: &mut Outcome) {
    let now = around.now;
    let same = |case: &Case| {
        let finding = &case.finding;
        finding.finding == signal.name
            && finding.provider == symptom.provider
            && finding.vmta == symptom.vmta
            && finding.reason == symptom.reason
    };
    let place = match (cases.iter().position(same), symptom.level) {
        (Some(place), _) => place,
        (None, Level::Bad(severity)) if cases.len() < MOST_CASES => {
            cases.push(begin(signal, &symptom, severity, now));
            cases.len() - 1
        }
        (None, _) => return,
    };
    let Some(case) = cases.get_mut(place) else { return };
    case.seen = now;
    match symptom.level {
        Level::Bad(severity) => {
            if case.ended != 0 || case.finding.state == State::Pending && case.since == 0 {
                (case.ended, case.since) = (0, now);
                case.finding.state = State::Pending;
                case.finding.severity = severity;
            }
            case.fine_since = 0;
            worsen(case, signal, symptom, severity, around, outcome);
        }
        Level::Between if is_open(case) => case.fine_since = 0,
        Level::Between | Level::Fine if case.finding.state == State::Pending => case.since = 0,
        Level::Between => {}
        Level::Fine => {
            if case.fine_since == 0 {
                case.fine_since = now;
            }
            if is_open(case) && now - case.fine_since >= symptom.calm {
                end(case, now, outcome);
            }
        }
    }
}

fn begin(signal: &Signal, symptom: &Symptom, severity: Severity, now: Seconds) -> Case {
    let mut finding = Finding::note(signal.name, severity, now, String::new(), "");
    let words = [signal.name, &symptom.provider, &symptom.vmta, &symptom.reason];
    let words: Vec<String> =
        words.iter().filter(|word| !word.is_empty()).map(|word| word.replace(' ', "-")).collect();
    finding.id = format!("{}-{now}", words.join("-"));
    finding.state = State::Pending;
    finding.provider.clone_from(&symptom.provider);
    finding.vmta.clone_from(&symptom.vmta);
    finding.reason.clone_from(&symptom.reason);
    Case { finding, since: now, fine_since: 0, seen: now, ended: 0 }
}

/// What is bad is held for a while, then told; told again only when it gets worse.
fn worsen(
    case: &mut Case,
    signal: &Signal,
    symptom: Symptom,
    severity: Severity,
    around: Around<'_>,
    outcome: &mut Outcome,
) {
    let Around { now, is_down, maintenance, .. } = around;
    let finding = &mut case.finding;
    finding.severity = severity;
    finding.unit = symptom.unit;
    finding.was = symptom.was.or(finding.was);
    finding.now = symptom.now;
    finding.n = symptom.n;
    finding.n_queue = symptom.n_queue;
    finding.recipients = symptom.recipients;
    finding.message = symptom.message;
    finding.action = symptom.action;
    // What says itself that something changed needs no second word for it.
    if !matches!(signal.name, "changes" | "restarts") {
        finding.action.push_str(&changed_before(around.changes, case.since, case.since));
    }
    finding.confidence = symptom.confidence;
    finding.routing = routing(severity).to_owned();
    if finding.state == State::Pending && now - case.since < symptom.hold {
        return;
    }
    let down = (signal.beneath_down && is_down).then_some(down::SIGNAL.name);
    let hidden = maintenance.or(down);
    let state = if hidden.is_some() { State::Suppressed } else { State::Firing };
    let worse = severity > finding.worst;
    let first = finding.state == State::Pending;
    finding.worst = if first { severity.max(finding.worst) } else { finding.worst.max(severity) };
    if first {
        finding.began = case.since;
    }
    if first || worse || state != finding.state {
        finding.state = state;
        finding.suppressed_by = hidden.map(str::to_owned);
        finding.changed = now;
        outcome.changes.push(finding.clone());
    }
}

fn routing(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "page",
        Severity::Warning => "ticket",
        Severity::Info => "log",
    }
}

fn end(case: &mut Case, now: Seconds, outcome: &mut Outcome) {
    case.finding.state = State::Resolved;
    case.finding.suppressed_by = None;
    case.finding.changed = now;
    case.ended = now;
    outcome.changes.push(case.finding.clone());
    outcome.findings.push(case.finding.clone());
}

/// Lets go of what was only pending and passed, of what ended long ago, and of what nobody can
/// see any more.
fn forget(cases: &mut Vec<Case>, now: Seconds, outcome: &mut Outcome) {
    for case in cases.iter_mut().filter(|case| is_open(case) && now - case.seen > UNSEEN) {
        case.finding.message =
            format!("No longer visible to this program; it said: {}", case.finding.message);
        end(case, now, outcome);
    }
    cases.retain(|case| match case.finding.state {
        State::Pending => case.since != 0 && now - case.seen <= UNSEEN,
        State::Resolved => now - case.ended <= REOPEN,
        _ => true,
    });
}
