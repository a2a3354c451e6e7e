//! The life of a finding: one id from first sight to resolution, and each change told once. It
//! does not decide what is wrong or what words are used.

use super::signal::Signal;
use crate::ledger::baseline::Baselines;
use crate::ledger::windows::Key;
use crate::record::{Confidence, Finding, Seconds, Severity, State, Unit};
use serde::{Deserialize, Serialize};

/// Within this time a resolved finding opens again under its id.
const REOPEN: Seconds = 2_700;
/// So long after a finding another cause is part of the same trouble; later it is news.
const JOIN: Seconds = 3_600;
/// A suppressed finding without new evidence is over after this time.
const HEALED: Seconds = 900;
const NOTE: &str = "case/";

/// What kind of finding a signal belongs to; a subject has one open case of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Group {
    /// Refusals that somebody should hear of.
    Refusals,
    /// Refusals that lie with the recipients: told, never paged.
    Told,
    Slow,
    Resolver,
    Connections,
    Drop,
    Surge,
    MeanStddev,
    Authentication,
    Blocklisted,
    /// Several providers' findings at one VMTA.
    Vmta,
    /// A day with too many complaints.
    Complaints,
}

/// A finding with what the judge needs to go on with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    pub finding: Finding,
    pub key: Key,
    pub group: Group,
    /// Signals in the order in which they fired; the first names the cause.
    pub causes: Vec<u8>,
    /// Those of them that are firing now.
    pub firing: Vec<u8>,
    pub fired: Seconds,
    /// The usual ratio of the first cause, and the window that convinced.
    pub usual: f64,
    pub window: Seconds,
    /// There was no baseline yet.
    pub young: bool,
    /// Since when nothing fires; 0 while something does.
    pub quiet_since: Seconds,
    /// 0 while it is open.
    pub resolved: Seconds,
    /// When somebody was told last.
    #[serde(default)]
    pub told: Seconds,
    /// Providers that have it in common, when that was found from their findings.
    #[serde(default)]
    pub members: Vec<String>,
}

/// What opens or joins a case.
#[derive(Debug, Clone, Copy)]
pub struct Alarm {
    pub key: Key,
    pub group: Group,
    pub signal: Signal,
    pub onset: Seconds,
    pub usual: f64,
    pub window: Seconds,
    pub young: bool,
}

impl Case {
    pub fn is_open(&self) -> bool {
        self.resolved == 0
    }

    pub fn cause(&self) -> Option<Signal> {
        self.causes.first().and_then(|number| Signal::from_number(*number))
    }

    fn new(alarm: &Alarm, detector: &str, provider: &str, at: Seconds, offset_minutes: i16) -> Case {
        let mut finding = Finding::note(detector, Severity::Info, at, String::new(), "");
        let reason = match alarm.signal {
            Signal::Reason(reason) => reason.name(),
            _ => "",
        };
        let words = [detector, provider, reason].into_iter().filter(|word| !word.is_empty());
        let words: Vec<String> = words.map(|word| word.replace(' ', "-")).collect();
        finding.id = format!("{}-{at}", words.join("-"));
        finding.state = State::Pending;
        finding.provider = provider.to_owned();
        finding.reason = reason.to_owned();
        finding.unit = Unit::Ratio;
        finding.confidence = Confidence::Medium;
        finding.began = alarm.onset;
        finding.offset_minutes = offset_minutes;
        Case {
            finding,
            key: alarm.key,
            group: alarm.group,
            causes: Vec::new(),
            firing: Vec::new(),
            fired: at,
            usual: alarm.usual,
            window: alarm.window,
            young: alarm.young,
            quiet_since: 0,
            resolved: 0,
            told: at,
            members: Vec::new(),
        }
    }
}

/// All cases that are open or may open again.
#[derive(Debug, Clone, Default)]
pub struct Cases {
    cases: Vec<Case>,
    /// Ids of cases that have gone since the last `keep`.
    gone: Vec<String>,
}

impl Cases {
    /// What an earlier run left in the notes.
    pub fn load(baselines: &Baselines) -> Cases {
        let read = |(_, value): (&str, &[u8])| serde_json::from_slice::<Case>(value).ok();
        let mut cases: Vec<Case> = baselines.notes(NOTE).filter_map(read).collect();
        cases.sort_by(|a, b| (a.fired, &a.finding.id).cmp(&(b.fired, &b.finding.id)));
        Cases { cases, gone: Vec::new() }
    }

    /// Writes what changed into the notes; unchanged ones cost a comparison.
    pub fn keep(&mut self, baselines: &mut Baselines) {
        for id in self.gone.drain(..) {
            baselines.set_note(&format!("{NOTE}{id}"), None);
        }
        for case in &self.cases {
            if let Ok(value) = serde_json::to_vec(case) {
                baselines.set_note(&format!("{NOTE}{}", case.finding.id), Some(value));
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Case> {
        self.cases.iter_mut()
    }

    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    pub fn open(&self, key: Key, group: Group) -> Option<&Case> {
        self.cases.iter().find(|case| case.is_open() && case.key == key && case.group == group)
    }

    /// A series fires: it joins the subject's open case, opens a recent one again, or begins one.
    pub fn fire(&mut self, alarm: &Alarm, detector: &str, provider: &str, at: Seconds, offset_minutes: i16) {
        self.cases.sort_by_key(|case| (!case.is_open(), case.fired));
        let first = |fits: &dyn Fn(&Case) -> bool| {
            let same = |case: &Case| case.key == alarm.key && case.group == alarm.group;
            self.cases.iter().position(|case| same(case) && fits(case))
        };
        let known = |case: &Case| case.causes.contains(&alarm.signal.number());
        // The open ones first: a resolved one must not come back beside them.
        let place = first(&|case| case.is_open() && known(case))
            .or_else(|| first(&|case| case.is_open() && at - case.fired <= JOIN))
            .or_else(|| first(&|case| !case.is_open() && at - case.resolved <= REOPEN && known(case)));
        let place = place.unwrap_or_else(|| {
            self.cases.push(Case::new(alarm, detector, provider, at, offset_minutes));
            self.cases.len() - 1
        });
        if let Some(case) = self.cases.get_mut(place) {
            join(case, alarm, at);
        }
    }

    /// A series has ended; the case goes on while another of it fires.
    pub fn calm(&mut self, key: Key, signal: Signal) {
        for case in self.cases.iter_mut().filter(|case| case.key == key) {
            case.firing.retain(|number| *number != signal.number());
        }
    }

    /// Lets go of what can no longer open again.
    pub fn drop_old(&mut self, at: Seconds) {
        let gone = &mut self.gone;
        self.cases.retain(|case| {
            let keep = case.is_open() || at - case.resolved <= REOPEN;
            if !keep {
                gone.push(case.finding.id.clone());
            }
            keep
        });
    }
}

fn join(case: &mut Case, alarm: &Alarm, at: Seconds) {
    let number = alarm.signal.number();
    if !case.is_open() {
        case.resolved = 0;
        case.fired = at;
        case.usual = alarm.usual;
        case.window = alarm.window;
        case.finding.severity = Severity::Info;
        case.finding.state = State::Pending;
        case.finding.suppressed_by = None;
    }
    case.quiet_since = 0;
    if !case.causes.contains(&number) {
        case.causes.push(number);
    }
    if !case.firing.contains(&number) {
        case.firing.push(number);
    }
}

/// The state a case should be in now; `None` while it only waits.
pub fn next_state(case: &mut Case, suppressed: bool, at: Seconds) -> State {
    if !case.firing.is_empty() {
        case.quiet_since = 0;
        return if suppressed { State::Suppressed } else { State::Firing };
    }
    if case.quiet_since == 0 {
        case.quiet_since = at;
    }
    // What fires has been calm for a while when its series ends; what was suppressed has not.
    if case.finding.state == State::Suppressed && at - case.quiet_since < HEALED {
        return State::Suppressed;
    }
    State::Resolved
}

/// Applies a state and a severity; `true` when somebody should be told.
pub fn enter(
    case: &mut Case,
    state: State,
    severity: Severity,
    suppressed_by: Option<String>,
    at: Seconds,
) -> bool {
    let finding = &mut case.finding;
    let was = (finding.state, finding.severity);
    finding.severity = finding.severity.max(severity);
    finding.worst = finding.worst.max(finding.severity);
    finding.suppressed_by =
        if state == State::Suppressed { suppressed_by.or(finding.suppressed_by.take()) } else { None };
    if state == State::Resolved {
        case.resolved = at;
    }
    finding.state = state;
    // What is silenced grows worse in silence.
    let told = was.0 != state || was.1 != finding.severity && state != State::Suppressed;
    if told {
        finding.changed = at;
        case.told = at;
    }
    told
}

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
