//! The life of a case, transition by transition.

use super::*;
use crate::classify::Reason;

fn alarm(reason: Reason) -> Alarm {
    Alarm {
        key: 2,
        group: Group::Refusals,
        signal: Signal::Reason(reason),
        onset: 900,
        usual: 0.1,
        window: 600,
        young: false,
    }
}

fn fire(cases: &mut Cases, reason: Reason, at: Seconds) {
    cases.fire(&alarm(reason), "deferral-ratio", "Big Mail", at, 60);
}

#[test]
fn overlapping_reasons_are_one_case_and_the_first_names_it() {
    let mut cases = Cases::default();
    fire(&mut cases, Reason::Tls, 1_000);
    fire(&mut cases, Reason::Other, 1_100);
    let case = cases.iter().next().unwrap();
    assert_eq!(cases.iter().count(), 1);
    assert_eq!(case.cause(), Some(Signal::Reason(Reason::Tls)));
    assert_eq!(case.finding.id, "deferral-ratio-Big-Mail-tls-1000");
    assert_eq!((case.finding.began, case.finding.offset_minutes), (900, 60));
    cases.calm(2, Signal::Reason(Reason::Tls));
    assert_eq!(next_state(cases.iter_mut().next().unwrap(), false, 2_000), State::Firing);
    cases.calm(2, Signal::Reason(Reason::Other));
    assert_eq!(next_state(cases.iter_mut().next().unwrap(), false, 2_000), State::Resolved);
}

#[test]
fn a_new_cause_an_hour_later_is_news() {
    for (later, cases_then) in [(3_600, 1), (3_601, 2)] {
        let mut cases = Cases::default();
        fire(&mut cases, Reason::RateLimited, 1_000);
        fire(&mut cases, Reason::Blocklisted, 1_000 + later);
        assert_eq!(cases.iter().count(), cases_then);
        // Each series goes back to the case that knows it.
        fire(&mut cases, Reason::RateLimited, 9_000);
        fire(&mut cases, Reason::Blocklisted, 9_000);
        assert_eq!(cases.iter().count(), cases_then, "{later}");
        let known: usize = cases.iter().map(|case| case.causes.len()).sum();
        assert_eq!(known, 2);
    }
}

#[test]
fn it_opens_again_within_45_minutes_and_only_for_its_own_cause() {
    for (reason, later, cases_then) in
        [(Reason::Tls, 2_700, 1), (Reason::Tls, 2_701, 2), (Reason::Other, 100, 2)]
    {
        let mut cases = Cases::default();
        fire(&mut cases, Reason::Tls, 1_000);
        let case = cases.iter_mut().next().unwrap();
        enter(case, State::Firing, Severity::Warning, None, 1_000);
        case.firing.clear();
        assert!(enter(case, State::Resolved, Severity::Warning, None, 5_000));
        fire(&mut cases, reason, 5_000 + later);
        assert_eq!(cases.iter().count(), cases_then, "{reason:?} {later}");
        assert_eq!(cases.iter().filter(|case| case.is_open()).count(), 1);
    }
}

#[test]
fn each_change_is_told_once_and_harm_only_grows() {
    let mut cases = Cases::default();
    fire(&mut cases, Reason::Tls, 1_000);
    let case = cases.iter_mut().next().unwrap();
    let rule = || Some("night".to_owned());
    for (state, severity, by, told, shown) in [
        (State::Firing, Severity::Warning, None, true, Severity::Warning),
        (State::Firing, Severity::Warning, None, false, Severity::Warning),
        (State::Firing, Severity::Info, None, false, Severity::Warning),
        (State::Suppressed, Severity::Warning, rule(), true, Severity::Warning),
        (State::Suppressed, Severity::Critical, rule(), false, Severity::Critical),
        (State::Firing, Severity::Critical, None, true, Severity::Critical),
        (State::Resolved, Severity::Warning, None, true, Severity::Critical),
    ] {
        assert_eq!(enter(case, state, severity, by.clone(), 2_000), told, "{state:?} {severity:?}");
        assert_eq!((case.finding.severity, case.finding.worst), (shown, shown));
        assert_eq!(case.finding.suppressed_by, by);
    }
}

#[test]
fn what_was_suppressed_waits_before_it_is_called_healed() {
    let mut cases = Cases::default();
    fire(&mut cases, Reason::Greylisted, 1_000);
    let case = cases.iter_mut().next().unwrap();
    enter(case, State::Suppressed, Severity::Info, Some("rule".to_owned()), 1_000);
    case.firing.clear();
    assert_eq!(next_state(case, false, 1_600), State::Suppressed);
    assert_eq!(next_state(case, false, 2_499), State::Suppressed);
    assert_eq!(next_state(case, false, 2_500), State::Resolved);
}

#[test]
fn cases_live_on_in_the_notes_until_they_are_let_go() {
    let mut baselines = Baselines::new();
    let mut cases = Cases::default();
    fire(&mut cases, Reason::Tls, 1_000);
    cases.keep(&mut baselines);
    assert_eq!(Cases::load(&baselines).iter().collect::<Vec<_>>(), cases.iter().collect::<Vec<_>>());
    let case = cases.iter_mut().next().unwrap();
    enter(case, State::Resolved, Severity::Info, None, 2_000);
    cases.drop_old(4_700);
    assert!(!cases.is_empty());
    cases.drop_old(4_701);
    cases.keep(&mut baselines);
    assert!(cases.is_empty() && Cases::load(&baselines).is_empty());
}
