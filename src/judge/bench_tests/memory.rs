//! What an incident leaves behind in what is usual: as good as nothing.

use super::*;

/// One record of a small domain, then peace for so long.
fn every(host: &mut Host, kind: Kind, seconds: Seconds, times: usize) -> Vec<(Seconds, Finding)> {
    let one = Flow { named: false, ..flow("tidemark.example", kind, 1, Reason::ConnectFailure) };
    let mut told = Vec::new();
    for _ in 0..times {
        told.extend(host.run(&[one], STEP));
        told.extend(host.run(&[], seconds - STEP));
    }
    told
}

#[test]
fn a_domain_of_twenty_messages_a_day_is_found_dead_twice() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    assert_eq!(every(&mut host, Kind::Delivered, 3_600, 4 * 24), []);
    for _ in 0..2 {
        // A thousand retries in two days: fifty times the usual mail.
        let begun = host.at;
        let told = every(&mut host, Kind::QueueDeferred, 150, 2 * 576);
        let (at, finding) = told.first().expect("it is told");
        // Before the fiftieth refusal.
        assert!(finding.state == State::Firing && at - begun <= 50 * 150, "{} s, {finding:?}", at - begun);
        every(&mut host, Kind::Delivered, 3_600, 3 * 24);
        assert!(host.bench.findings().next().is_none(), "it is over");
    }
}
