//! Figures and scopes from rows that are written down here.

use super::*;
use crate::record::{Finding, Notes, Severity};

fn gauges() -> Gauges {
    let queue = |name: &str, provider: &str, recipients| {
        Sample::new("pmta_queue").tag("queue", name).tag("provider", provider).int("recipients", recipients)
    };
    let samples = [
        Sample::new("pmta").tag("version", "5.0").int("up", 1).int("running", 1),
        Sample::new("pmta_spool").int("recipients", 30).int("recipients_max", 40),
        Sample::new("pmta_connections").tag("direction", "in").int("current", 5).int("max", 0),
        Sample::new("pmta_connections").tag("direction", "out").int("current", 9).int("max", 10),
        Sample::new("pmta_queues").tag("kind", "smtp").int("recipients", 33),
        Sample::new("pmta_vmta").tag("vmta", "big").int("recipients", 30),
        queue("yahoo.com/a", "Yahoo", 10),
        queue("yahoo.com/b", "Yahoo", 20),
        queue("example.com/b", "example.com", 3),
        queue("idle.example/b", "idle.example", 0),
        Sample::new("pmta_traffic").tag("direction", "in").growing("recipients_total", 7),
    ];
    let seen = Gauges::observe(&samples, 1_000);
    let mut notes = Notes::default();
    seen.keep(&mut notes);
    let read = Gauges::recall(&notes);
    assert_eq!(read, seen, "what is kept is what was seen");
    read
}

fn read(figure: Figure, scope: &Scope) -> Reading {
    let (windows, gauges) = (Windows::new(), gauges());
    let totals = [
        Sample::new("pmta_delivery_delay_seconds").tag("provider", "Yahoo").float("p95", 12.0),
        Sample::new("pmta_delivery_delay_seconds").tag("provider", "GMX").float("p95", 3.0),
    ];
    let evidence =
        Evidence { windows: &windows, totals: &totals, gauges: &gauges, at: 1_000, now: 1_042, window: 300 };
    evidence.read(figure, scope)
}

fn only(provider: Option<&str>, vmta: Option<&str>, queue: Option<&str>, domain: Option<&str>) -> Scope {
    let own = |text: Option<&str>| text.map(str::to_owned);
    let except = Vec::new();
    Scope { provider: own(provider), vmta: own(vmta), queue: own(queue), domain: own(domain), except }
}

#[test]
fn gauges_are_read_back_as_figures() {
    let all = Scope::default();
    let table = [
        (Figure::Spool, Some(0.75)),
        (Figure::Connections("out"), Some(0.9)),
        (Figure::Connections("in"), None),
        (Figure::Waiting, Some(33.0)),
        (Figure::Up, Some(1.0)),
        (Figure::Greeting, None),
        (Figure::Memory, None),
        (Figure::Age, Some(42.0)),
        (Figure::Delay, Some(12.0)),
        (Figure::Deferrals, None),
    ];
    for (figure, expected) in table {
        assert_eq!(read(figure, &all).value, expected, "{figure:?}");
    }
    assert_eq!(read(Figure::Deferrals, &all).n, Some(0));
    assert_eq!(read(Figure::Delay, &only(Some("gmx"), None, None, None)).value, Some(3.0));
}

#[test]
fn waiting_recipients_are_those_of_the_scope() {
    let table = [
        (only(Some("YAHOO"), None, None, None), 30.0),
        (only(None, Some("b"), None, None), 23.0),
        (only(None, Some("Big"), None, None), 30.0),
        (only(Some("Yahoo"), Some("b"), None, None), 20.0),
        (only(Some("Yahoo"), None, Some("yahoo.com/a"), None), 10.0),
        (only(Some("Yahoo"), None, None, Some("yahoo.com")), 30.0),
        (only(Some("GMX"), None, None, None), 0.0),
    ];
    for (scope, expected) in table {
        assert_eq!(read(Figure::Waiting, &scope).value, Some(expected), "{scope:?}");
    }
}

#[test]
fn a_scope_holds_the_findings_that_concern_it() {
    let mut finding = Finding::note("deferral-ratio", Severity::Warning, 0, String::new(), "");
    finding.provider = "Yahoo".to_owned();
    assert!(Scope::default().holds(&finding));
    assert!(only(Some("yahoo"), None, None, None).holds(&finding));
    assert!(!only(Some("GMX"), None, None, None).holds(&finding));
    let elsewhere =
        |name: &str| Scope { except: vec!["GMX".to_owned(), name.to_owned()], ..Scope::default() };
    assert!(!elsewhere("yahoo").holds(&finding) && elsewhere("Gmail").holds(&finding));
    assert!(elsewhere("yahoo").is_everything(), "figures and gauges are of the whole host");
    assert!(!only(None, Some("a"), None, None).holds(&finding));
    assert!(only(Some("Yahoo"), None, Some("yahoo.com/a"), None).holds(&finding));
    finding.vmta = "b".to_owned();
    assert!(only(None, Some("B"), None, None).holds(&finding));
    assert!(!only(Some("Yahoo"), None, Some("yahoo.com/a"), None).holds(&finding));
}

#[test]
fn every_detector_and_signal_is_a_check_and_no_name_is_taken_twice() {
    let known = checks();
    let detectors = DETECTORS.iter().map(|detector| detector.name);
    for name in detectors.chain(SIGNALS.iter().map(|signal| signal.name)) {
        assert!(known.iter().any(|check| check.name == name), "{name}");
    }
    let mut names: Vec<&str> = known.iter().map(|check| check.name).chain(["all", "list"]).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}
