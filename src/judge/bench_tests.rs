//! Whole incidents, from records through windows and bench to the sentence.

use super::*;
use crate::classify::{Answer, Stage};
use crate::config::Suppress;
use crate::ledger::{baseline, windows};
use crate::record::{Confidence, Delivery, Kind, Severity};
use rusqlite::Connection;

/// 2026-11-24 00:00:00 UTC.
const MIDNIGHT: Seconds = 1_795_478_400;

/// So many records of one kind in every step.
#[derive(Clone, Copy)]
struct Flow {
    provider: &'static str,
    named: bool,
    kind: Kind,
    count: usize,
    reason: Reason,
    code: u16,
    stage: Stage,
    vmta: &'static str,
    diag: &'static str,
    age: Seconds,
}

fn flow(provider: &'static str, kind: Kind, count: usize, reason: Reason) -> Flow {
    let stage = if kind == Kind::QueueDeferred { Stage::Handshake } else { Stage::Session };
    Flow { provider, named: true, kind, count, reason, code: 450, stage, vmta: "mta1", diag: "", age: 1 }
}

fn delivered(provider: &'static str, count: usize) -> Flow {
    flow(provider, Kind::Delivered, count, Reason::Other)
}

/// A host under test: windows, baselines and the bench over them.
struct Host {
    windows: Windows,
    baselines: Baselines,
    bench: Bench,
    at: Seconds,
    offset: i16,
}

impl Host {
    fn new(config: &Config, at: Seconds) -> Host {
        let baselines = Baselines::new();
        let bench = Bench::new(config, &baselines).unwrap();
        Host { windows: Windows::new(), baselines, bench, at, offset: 0 }
    }

    fn record(&mut self, flow: &Flow) {
        let delivery = Delivery {
            kind: flow.kind,
            logged: self.at,
            offset_minutes: self.offset,
            queued: Some(self.at - flow.age),
            rcpt_domain: b"example.com",
            status: b"",
            diag: flow.diag.as_bytes(),
            mta: b"mx.example.com (192.0.2.1)",
            category: b"",
            source: b"",
            destination: b"192.0.2.1",
            size: 1_000,
            vmta: flow.vmta.as_bytes(),
            queue: b"",
        };
        let throttling = flow.reason.is_throttling();
        let answer = Answer {
            reason: flow.reason,
            stage: Some(flow.stage),
            code: flow.code,
            throttling,
            template: 1,
            rule: None,
        };
        let answer = (flow.kind != Kind::Delivered).then_some(&answer);
        for _ in 0..flow.count {
            self.windows.record(flow.provider, flow.named, &delivery, answer);
        }
    }

    /// Lets the flows run for a while; the changed findings with the time of each.
    fn run(&mut self, flows: &[Flow], seconds: Seconds) -> Vec<(Seconds, Finding)> {
        let mut told = Vec::new();
        let end = self.at + seconds;
        while self.at < end {
            flows.iter().for_each(|flow| self.record(flow));
            self.at += STEP;
            let found = self.bench.step(self.at, &self.windows, &mut self.baselines);
            told.extend(found.into_iter().map(|finding| (self.at, finding)));
        }
        told
    }

    /// Ends the run and begins the next one from disk.
    fn restart(&mut self, config: &Config, disk: &Connection) {
        self.windows.save(disk).unwrap();
        self.baselines.save(disk).unwrap();
        self.windows = Windows::load(disk).unwrap();
        self.baselines = Baselines::load(disk, true).unwrap();
        let surroundings = std::mem::take(&mut self.bench.surroundings);
        self.bench = Bench::new(config, &self.baselines).unwrap();
        self.bench.see(surroundings);
    }
}

fn disk() -> Connection {
    let disk = Connection::open_in_memory().unwrap();
    disk.execute_batch(windows::SCHEMA).unwrap();
    disk.execute_batch(baseline::SCHEMA).unwrap();
    disk
}

fn yahoo(bad: bool) -> Vec<Flow> {
    let base = flow("Yahoo", Kind::Deferred, 12, Reason::Greylisted);
    if !bad {
        return vec![delivered("Yahoo", 88), base];
    }
    let handshake = Flow { code: 421, ..flow("Yahoo", Kind::QueueDeferred, 26, Reason::TempUnspecified) };
    vec![delivered("Yahoo", 62), base, handshake]
}

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
        assert!(
            finding.action.contains("mode=backoff") && finding.action.contains("Not: raising connections")
        );
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

/// A day of everything, to be cut anywhere.
fn eventful(host: &mut Host, cut_every: usize, config: &Config) -> Vec<(Seconds, String)> {
    let disk = disk();
    let mut told = Vec::new();
    let mut parts = 0;
    let dns = flow("Gmail", Kind::QueueDeferred, 20, Reason::Dns);
    let slow = Flow { age: 100, ..delivered("Gmail", 60) };
    let plans: [(&[Flow], Seconds); 7] = [
        (&[delivered("Gmail", 40)], 5 * 3_600),
        (&[delivered("Gmail", 20), slow], 1_800),
        (&[delivered("Gmail", 40)], 3_600),
        (&[delivered("Gmail", 40), dns], 600),
        (&[delivered("Gmail", 40)], 1_200),
        (&[delivered("Gmail", 30), flow("Gmail", Kind::Bounced, 10, Reason::Auth)], 1_200),
        (&[delivered("Gmail", 40)], 5_400),
    ];
    for (flows, seconds) in plans {
        let end = host.at + seconds;
        while host.at < end {
            let mut all = yahoo((host.at / 7_200) % 3 == 2);
            all.extend_from_slice(flows);
            let found = host.run(&all, STEP);
            told.extend(
                found.into_iter().map(|(at, finding)| (at, serde_json::to_string(&finding).unwrap())),
            );
            parts += 1;
            if parts % cut_every == 0 {
                host.restart(config, &disk);
            }
        }
    }
    told
}

#[test]
fn a_run_may_end_anywhere() {
    let config = Config::default();
    let whole = eventful(&mut Host::new(&config, MIDNIGHT), usize::MAX, &config);
    assert!(whole.len() >= 8, "{whole:#?}");
    for cut in [7, 101] {
        let parts = eventful(&mut Host::new(&config, MIDNIGHT), cut, &config);
        assert_eq!(parts, whole, "cut every {cut} steps");
    }
}

#[test]
fn a_finding_keeps_its_id_from_first_sight_to_the_end_and_back() {
    let mut host = Host::new(&Config::default(), MIDNIGHT);
    host.run(&yahoo(false), 5 * 3_600);
    let mut told = host.run(&yahoo(true), 2_400);
    told.extend(host.run(&yahoo(false), 2_700));
    told.extend(host.run(&yahoo(true), 1_500));
    told.extend(host.run(&yahoo(false), 7_200));
    let steps: Vec<(State, Severity)> =
        told.iter().map(|(_, finding)| (finding.state, finding.severity)).collect();
    use Severity::{Critical, Warning};
    use State::{Firing, Resolved};
    assert_eq!(
        steps,
        [
            (Firing, Warning),
            (Firing, Critical),
            (Resolved, Critical),
            (Firing, Warning),
            (Firing, Critical),
            (Resolved, Critical)
        ]
    );
    assert!(told.iter().all(|(_, finding)| finding.id == told[0].1.id));
    assert!(told[2].1.message.starts_with("[Yahoo] Resolved after "), "{}", told[2].1.message);
    assert_eq!(host.bench.findings().count(), 0, "what is long over is let go");
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
fn the_literal_rule_is_there_when_asked_for() {
    let mut config = Config::default();
    config.judge.method = Method::MeanStddev;
    let mut host = Host::new(&config, MIDNIGHT);
    host.run(&yahoo(false), 5 * 3_600);
    let told = host.run(&yahoo(true), 600);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.finding, "mean-stddev");
    assert_eq!(told[0].1.message, "[Yahoo] Deferral spike: 12% → 38% due to 421 handshake (not throttling)");
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
