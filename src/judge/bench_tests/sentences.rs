//! From records to the sentence, cause by cause.

use super::*;

#[test]
fn yahoo_says_421_in_a_ledger_half_an_hour_old() {
    for warm in [1_800, 5 * 3_600] {
        let mut host = Host::new(&Config::default(), MIDNIGHT);
        assert_eq!(host.run(&yahoo(false), warm), [], "{warm}");
        let told = host.run(&yahoo(true), 1_200);
        let (at, finding) = &told[0];
        assert_eq!(
            finding.message,
            "[Yahoo] Deferral spike: 12% → 38% due to 421 handshake (not throttling)"
        );
        assert!(at - MIDNIGHT - warm <= 720, "found after {} s", at - MIDNIGHT - warm);
        assert_eq!((finding.state, finding.finding.as_str()), (State::Firing, "deferral-ratio"));
        assert_eq!((finding.reason.as_str(), finding.stage.as_str()), ("temp-unspecified", "handshake"));
        assert!((finding.began - MIDNIGHT - warm).abs() <= 60, "onset {}", finding.began - MIDNIGHT - warm);
        assert_eq!(finding.now, Some(0.38));
        assert!(finding.ci_low.unwrap() < 0.38 && finding.ci_high.unwrap() > 0.38);
        assert!(finding.explained.unwrap() > 0.95);
        assert_eq!(finding.n_queue * 100, finding.n * 26);
        assert!(finding.recipients.is_some_and(|waiting| waiting > 0), "t records name recipients");
        for words in ["mode=backoff", "Not: raising connections", "Baseline: 0 of 7 days."] {
            assert!(finding.action.contains(words), "{}", finding.action);
        }
    }
}

#[test]
fn att_shows_another_certificate() {
    let good = Flow { named: false, ..delivered("att.net", 100) };
    let text = "454 4.7.5 TLS certificate fingerprint mismatch";
    let bad = Flow {
        named: false,
        diag: text,
        stage: Stage::Starttls,
        code: 454,
        ..flow("att.net", Kind::QueueDeferred, 22, Reason::Tls)
    };
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    assert_eq!(host.run(&[good], 4 * 3_600 + 1_800), []);
    let told = host.run(&[Flow { count: 78, ..good }, bad], 600);
    let (at, finding) = &told[0];
    assert_eq!(
        finding.message,
        "[ATT.NET] TLS fingerprint mismatch → deferral rate 22%. Action: rotate cert or temp-disable TLS for this domain."
    );
    assert!(at - MIDNIGHT - 4 * 3_600 - 1_800 <= 60, "a hard reason does not wait");
    assert!(finding.action.contains("`use-starttls no` in `<domain att.net>`"));
    assert_eq!((finding.provider.as_str(), finding.recipients), ("att.net", None));
    assert!(finding.confidence < Confidence::High);
    assert_eq!(finding.routing, "page");
}

#[test]
fn failing_dns_is_one_finding_and_speaks_for_the_others() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    let good = [delivered("Gmail", 50), delivered("Yahoo", 50)];
    host.run(&good, 5 * 3_600);
    let dns = |provider| flow(provider, Kind::QueueDeferred, 30, Reason::Dns);
    let bad = [
        delivered("Gmail", 20),
        delivered("Yahoo", 20),
        dns("Gmail"),
        dns("Yahoo"),
        flow("Yahoo", Kind::QueueDeferred, 10, Reason::ConnectionLost),
    ];
    let told = host.run(&bad, 600);
    let resolver: Vec<&Finding> = told.iter().map(|(_, f)| f).filter(|f| f.finding == "resolver").collect();
    assert_eq!(resolver.len(), 1);
    assert!(resolver[0].message.starts_with("[host] DNS look-ups fail: 0"), "{}", resolver[0].message);
    assert!(
        resolver[0].message.ends_with("of attempts at Gmail, Yahoo. Action: check our own resolvers."),
        "{}",
        resolver[0].message
    );
    let yahoo: Vec<&Finding> = told.iter().map(|(_, f)| f).filter(|f| f.provider == "Yahoo").collect();
    assert_eq!(yahoo.last().unwrap().state, State::Suppressed);
    assert_eq!(yahoo.last().unwrap().suppressed_by, Some(format!("explained by {}", resolver[0].id)));
}

#[test]
fn failing_connections_at_four_providers_are_our_own() {
    let names = ["Gmail", "Yahoo", "Comcast", "GMX"];
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    host.run(&names.map(|name| delivered(name, 30)), 5 * 3_600);
    let bad: Vec<Flow> = names
        .iter()
        .flat_map(|name| [delivered(name, 10), flow(name, Kind::QueueDeferred, 20, Reason::ConnectFailure)])
        .collect();
    let told = host.run(&bad, 300);
    let host_wide: Vec<&Finding> =
        told.iter().map(|(_, f)| f).filter(|f| f.finding == "connect-failures").collect();
    assert_eq!(host_wide.len(), 1, "{told:#?}");
    assert!(names.iter().all(|name| host_wide[0].message.contains(name)));
    for name in names {
        let last = told.iter().map(|(_, f)| f).rfind(|f| f.provider == name).unwrap();
        assert_eq!(last.state, State::Suppressed, "{name}");
    }
}

#[test]
fn a_slow_provider_is_found_by_its_own_measure() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    let age = |count, age| Flow { age, ..delivered("Comcast", count) };
    assert_eq!(host.run(&[age(18, 2), age(2, 6)], 6 * 3_600), []);
    let told = host.run(&[age(8, 2), age(12, 40)], 1_200);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0].1.finding, "slow-provider");
    assert!(told[0].1.message.starts_with("[Comcast] Slow deliveries: "), "{}", told[0].1.message);
    assert!(told[0].1.message.ends_with("60% take longer than 8 s"), "{}", told[0].1.message);
}

#[test]
fn what_waits_for_a_retry_does_not_make_a_provider_slow() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    assert_eq!(host.run(&[delivered("Comcast", 20)], 6 * 3_600), []);
    let late = Flow { age: 100, ..delivered("Comcast", 6) };
    let refused = flow("Comcast", Kind::QueueDeferred, 6, Reason::TempUnspecified);
    let mut told = host.run(&[delivered("Comcast", 8), late, refused], 1_800);
    told.extend(host.run(&[delivered("Comcast", 20)], 3_600));
    assert!(!told.is_empty());
    assert!(told.iter().all(|(_, finding)| finding.finding == "deferral-ratio"), "{told:#?}");
}

#[test]
fn the_literal_rule_is_there_when_asked_for() {
    let mut config = Config::default();
    config.judge.method = Method::MeanStddev;
    let mut host = Host::new(&config, MIDNIGHT);
    host.run(&yahoo(false), 5 * 3_600);
    let told = host.run(&yahoo(true), 600);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.finding, "mean-stddev");
    assert!(told[0].1.message.ends_with(" 12% → 38% due to 421 handshake (not throttling)"));
}

#[test]
fn one_address_is_named_when_only_it_is_blocked() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    let on = |vmta, flow: Flow| Flow { vmta, ..flow };
    let good = [on("mta1", delivered("Gmail", 30)), on("mta2", delivered("Gmail", 30))];
    host.run(&good, 5 * 3_600);
    let block = on("mta2", Flow { code: 550, ..flow("Gmail", Kind::Bounced, 30, Reason::Blocklisted) });
    let told = host.run(&[good[0], block], 300);
    let finding = &told[0].1;
    assert_eq!(finding.vmta, "mta2");
    assert_eq!(finding.finding, "bounce-ratio");
    assert_eq!(finding.message, "[Gmail] Bounce spike: 0% → 50% due to a blocklisting at VMTA mta2");
}
