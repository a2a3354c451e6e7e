//! What is known in advance and told in silence, and where the silence ends.

use super::*;

fn greylisted(count: usize) -> Vec<Flow> {
    vec![delivered("Microsoft", 100 - count), flow("Microsoft", Kind::Deferred, count, Reason::Greylisted)]
}

#[test]
fn greylisting_is_suppressed_until_ten_minutes_are_over() {
    // The host's clock is half an hour off the full hour of UTC.
    let mut host = Host::new(&Config::default(), MIDNIGHT - 1_800);
    host.offset = 330;
    assert_eq!(host.run(&greylisted(0), 5 * 3_600), []);
    let told = host.run(&greylisted(60), 600);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.state, State::Suppressed);
    assert_eq!(told[0].1.suppressed_by.as_deref(), Some("greylisting window (first 10 minutes of the hour)"));
    // It heals with the window: nobody hears of it but as healed.
    let told = host.run(&greylisted(0), 2_400);
    let states: Vec<State> = told.iter().map(|(_, finding)| finding.state).collect();
    assert_eq!(states, [State::Resolved]);
}

#[test]
fn greylisting_that_goes_on_is_told_from_the_tenth_minute_on() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    host.run(&greylisted(0), 5 * 3_600);
    host.run(&greylisted(60), 600);
    let told = host.run(&greylisted(60), 600);
    let (at, finding) = &told[0];
    assert_eq!(finding.state, State::Firing);
    assert!(at - MIDNIGHT - 5 * 3_600 > 600, "10:00.0 is outside, and only what came after counts");
    assert_eq!((finding.severity, finding.routing.as_str()), (Severity::Info, "log"));
}

#[test]
fn a_backlog_above_fifty_thousand_ends_the_silence() {
    for (backlog, state, routing) in [(50_000, State::Suppressed, "log"), (50_001, State::Firing, "page")] {
        let mut host = Host::new(&Config::default(), MIDNIGHT);
        host.run(&greylisted(0), 5 * 3_600);
        host.bench.see(Surroundings { backlog: Some(backlog), ..Surroundings::default() });
        let told = host.run(&greylisted(60), 590);
        assert_eq!((told[0].1.state, told[0].1.routing.as_str()), (state, routing), "{backlog}");
    }
}

#[test]
fn full_mailboxes_and_what_the_operator_expects_page_nobody() {
    let section = Suppress { provider: Some("Yahoo".to_owned()), ..Suppress::default() };
    let config = Config { suppress: vec![section], ..Config::default() };
    let mut host = Host::new(&config, MIDNIGHT);
    host.run(&[delivered("Gmail", 50), delivered("Yahoo", 50)], 5 * 3_600);
    let full = flow("Gmail", Kind::Deferred, 50, Reason::MailboxFull);
    let told = host.run(
        &[
            delivered("Gmail", 50),
            full,
            delivered("Yahoo", 30),
            flow("Yahoo", Kind::Deferred, 20, Reason::Auth),
        ],
        1_200,
    );
    assert_eq!(told.len(), 2, "{told:#?}");
    for (_, finding) in told {
        let expected = if finding.provider == "Gmail" { State::Firing } else { State::Suppressed };
        assert_eq!((finding.state, finding.routing.as_str()), (expected, "log"));
    }
}

#[test]
fn with_such_a_backlog_the_end_of_the_window_is_no_fresh_start() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    host.run(&greylisted(0), 5 * 3_600);
    host.bench.see(Surroundings { backlog: Some(50_001), ..Surroundings::default() });
    let told = host.run(&greylisted(25), 720);
    assert_eq!(told.len(), 1, "ten minutes of waiting, begun inside the window, are ten minutes");
    assert_eq!((told[0].1.state, told[0].1.routing.as_str()), (State::Firing, "page"));
}
