//! One cause at several providers is one finding, and what nobody was told of is told afterwards.

use super::*;

fn busy(providers: &[&'static str]) -> Vec<Flow> {
    providers.iter().map(|name| delivered(name, 10)).collect()
}

const FOUR: [&str; 4] = ["Gmail", "Yahoo", "Microsoft", "Comcast"];

#[test]
fn our_key_refused_everywhere_is_one_finding_that_names_them() {
    for (reason, name, code) in
        [(Reason::Auth, "authentication", 550), (Reason::Blocklisted, "blocklisting", 554)]
    {
        let mut host = Host::new(&Config::default(), MIDNIGHT);
        host.run(&busy(&FOUR), 4 * 3_600);
        let mut flows = busy(&FOUR);
        flows.extend(FOUR[..3].iter().map(|name| Flow { code, ..flow(name, Kind::Bounced, 3, reason) }));
        let told = host.run(&flows, 300);
        let ours: Vec<&Finding> =
            told.iter().map(|(_, finding)| finding).filter(|finding| finding.provider.is_empty()).collect();
        assert_eq!(ours.len(), 1, "{reason:?}: {told:#?}");
        assert_eq!((ours[0].finding.as_str(), ours[0].state), (name, State::Firing));
        assert!(ours[0].message.contains("at Gmail, Microsoft, Yahoo"), "{}", ours[0].message);
        assert_eq!(ours[0].routing, "page");
        let theirs: Vec<&Finding> =
            host.bench.findings().filter(|finding| !finding.provider.is_empty()).collect();
        assert_eq!(theirs.len(), 3);
        for finding in theirs {
            assert_eq!((finding.state, finding.routing.as_str()), (State::Suppressed, "log"));
            assert_eq!(
                finding.suppressed_by.as_deref(),
                Some(format!("explained by {}", ours[0].id).as_str())
            );
        }
    }
}

#[test]
fn two_providers_are_two_findings() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    host.run(&busy(&FOUR), 4 * 3_600);
    let mut flows = busy(&FOUR);
    flows.extend(FOUR[..2].iter().map(|name| flow(name, Kind::Bounced, 3, Reason::Auth)));
    let told = host.run(&flows, 300);
    assert!(told.iter().all(|(_, finding)| !finding.provider.is_empty()), "{told:#?}");
}

#[test]
fn different_refusals_at_one_vmta_are_one_finding() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    let both: Vec<Flow> = FOUR
        .iter()
        .flat_map(|name| ["mta1", "mta2"].map(|vmta| Flow { vmta, ..delivered(name, 5) }))
        .collect();
    host.run(&both, 4 * 3_600);
    let mut flows = both.clone();
    for (name, reason) in
        [("Gmail", Reason::Policy), ("Yahoo", Reason::Rdns), ("Comcast", Reason::SpamContent)]
    {
        flows.push(Flow { vmta: "mta2", ..flow(name, Kind::Deferred, 2, reason) });
    }
    let told = host.run(&flows, 300);
    let (_, ours) = told.iter().find(|(_, finding)| finding.provider.is_empty()).expect("one of the host");
    assert_eq!((ours.finding.as_str(), ours.vmta.as_str()), ("vmta", "mta2"));
    assert!(ours.message.starts_with("[host] Trouble at VMTA mta2 only: "), "{}", ours.message);
    assert!(ours.message.ends_with("at Gmail, Yahoo, Comcast"), "{}", ours.message);
    let loud = host.bench.findings().filter(|finding| finding.state == State::Firing).count();
    assert_eq!(loud, 1, "those of the providers are explained");
    host.run(&both, 3_600);
    assert_eq!(host.bench.findings().filter(|finding| finding.state.is_open()).count(), 0);
}

#[test]
fn a_burst_that_nobody_was_told_of_is_told_afterwards() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    host.run(&busy(&FOUR), 4 * 3_600);
    let mut flows = busy(&FOUR);
    flows.push(flow("Gmail", Kind::Deferred, 5, Reason::TempUnspecified));
    assert_eq!(host.run(&flows, 300), [], "five minutes are nothing to be woken for");
    let told = host.run(&busy(&FOUR), 1_800);
    assert_eq!(told.len(), 1, "{told:#?}");
    let finding = &told[0].1;
    assert_eq!(
        finding.message,
        "[Gmail] Healed by itself after 5 min, nobody was told: temp-unspecified 0.2% → 33%"
    );
    assert_eq!((finding.severity, finding.state), (Severity::Info, State::Resolved));
    assert_eq!((finding.routing.as_str(), finding.n), ("log", 450));
}

#[test]
fn what_goes_on_is_told_again_and_a_reminder_says_so() {
    let mut config = Config::default();
    config.judge.remind_seconds = 3_600;
    let mut host = Host::new(&config, MIDNIGHT);
    host.run(&busy(&FOUR), 4 * 3_600);
    let mut flows = busy(&FOUR);
    flows.push(flow("Gmail", Kind::Deferred, 3, Reason::Auth));
    let told = host.run(&flows, 3 * 3_600);
    let times: Vec<Seconds> = told.iter().map(|(at, _)| at - told[0].0).collect();
    assert_eq!(times, [0, 3_600, 7_200], "{told:#?}");
    assert!(told[2].1.message.ends_with(" (reminder: for 2 h)"), "{}", told[2].1.message);
    assert_eq!(told[2].1.id, told[0].1.id);
    config.judge.remind_seconds = 0;
    let mut host = Host::new(&config, MIDNIGHT);
    host.run(&busy(&FOUR), 4 * 3_600);
    assert_eq!(host.run(&flows, 10 * 3_600).len(), 1);
}

#[test]
fn a_handful_of_refusals_by_a_list_is_told_at_once() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    host.run(&busy(&FOUR), 5 * 3_600);
    let mut flows = busy(&FOUR);
    flows.push(flow("Gmail", Kind::Deferred, 1, Reason::Blocklisted));
    let told = host.run(&flows, 120);
    assert!(told.first().is_some_and(|(at, _)| at - MIDNIGHT - 5 * 3_600 <= 100), "{told:#?}");
    // A trickle among much mail is no news.
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    host.run(&busy(&FOUR), 5 * 3_600);
    for _ in 0..10 {
        let one = flow("Gmail", Kind::Deferred, 1, Reason::Blocklisted);
        assert_eq!(host.run(&[busy(&FOUR), vec![one]].concat(), STEP), []);
        assert_eq!(host.run(&busy(&FOUR), 1_190), []);
    }
}
