//! The life of a case, and each signal's thresholds, as tables.

use super::queue_age::Ages;
use super::*;
use crate::record::{Finding, HIDDEN, Notes, State};

/// Runs over one memory; each run is what was observed and at which second.
struct Lab {
    notes: Notes,
    fates: Vec<(String, Fate)>,
}

impl Lab {
    fn new() -> Lab {
        let fates = ["web", "process", "smtp", "disk", "kernel"].map(|name| (name.to_owned(), Fate::Up));
        Lab { notes: Notes::default(), fates: fates.to_vec() }
    }

    fn fate(&mut self, source: &str, fate: Fate) {
        self.fates.iter_mut().filter(|(name, _)| name == source).for_each(|(_, old)| *old = fate);
    }

    fn run(&mut self, now: Seconds, samples: &[Sample]) -> Outcome {
        judge(&Scene { now, samples, fates: &self.fates }, None, &mut self.notes)
    }

    fn changes(&mut self, now: Seconds, samples: &[Sample]) -> Vec<(String, State, Severity)> {
        let told = |change: Finding| (change.finding, change.state, change.severity);
        self.run(now, samples).changes.into_iter().map(told).collect()
    }
}

fn spool(recipients: i64) -> Vec<Sample> {
    vec![Sample::new("pmta_spool").int("recipients", recipients).int("recipients_max", 100)]
}

fn pmta(up: i64, running: i64) -> Sample {
    Sample::new("pmta").int("up", up).int("running", running)
}

fn daemon() -> Sample {
    Sample::new("pmta_memory").tag("process", "pmtad").int("rss_bytes", 1)
}

#[test]
fn a_case_is_held_told_worsened_kept_and_ended() {
    let mut lab = Lab::new();
    let spool_is = |state, severity| vec![("spool".to_owned(), state, severity)];
    for (now, recipients, told) in [
        (0, 50, vec![]),
        (10, 92, vec![]),
        (20, 92, spool_is(State::Firing, Severity::Warning)),
        (30, 93, vec![]),
        (40, 99, spool_is(State::Firing, Severity::Critical)),
        (50, 91, vec![]),
        (60, 99, vec![]),
        (70, 87, vec![]),
        (80, 10, vec![]),
        (130, 86, vec![]),
        (140, 10, vec![]),
        (190, 10, vec![]),
        (200, 10, spool_is(State::Resolved, Severity::Critical)),
        (210, 10, vec![]),
    ] {
        assert_eq!(lab.changes(now, &spool(recipients)), told, "at {now}");
    }
    let first = lab.run(300, &spool(95)).changes.len() + lab.run(310, &spool(95)).changes.len();
    assert_eq!(first, 1, "it opens again");
}

#[test]
fn an_id_lasts_and_a_blink_leaves_nothing() {
    let mut lab = Lab::new();
    lab.run(10, &spool(95));
    lab.run(20, &spool(20));
    assert!(lab.notes.get("cases").is_none(), "a pending case that passed is forgotten");
    lab.run(30, &spool(95));
    let fired = lab.run(40, &spool(95));
    let ended = lab.run(110, &spool(1)).changes.len() + lab.run(170, &spool(1)).changes.len();
    assert_eq!((fired.changes[0].id.as_str(), fired.changes[0].began, ended), ("spool-full-30", 30, 1));
    let again = lab.run(180, &spool(95)).changes.len() + lab.run(190, &spool(95)).findings.len();
    assert_eq!(again, 1);
    assert_eq!(lab.run(200, &spool(95)).findings[0].id, "spool-full-30", "the same trouble soon again");
}

#[test]
fn what_nobody_sees_any_more_is_not_claimed_for_ever() {
    let mut lab = Lab::new();
    lab.run(5, &spool(99));
    assert_eq!(lab.changes(15, &spool(99)).len(), 1);
    assert!(lab.changes(1_000, &[]).is_empty(), "unknown is neither fine nor news");
    assert_eq!(lab.run(1_010, &[]).findings.len(), 1);
    let ended = lab.run(4_000, &[]).changes;
    assert!(ended[0].state == State::Resolved && ended[0].message.starts_with("No longer visible"));
}

#[test]
fn the_witnesses_decide_between_dead_and_silent() {
    use Fate::{Absent, Failed, Up};
    for (name, web, web_fate, process, process_fate, expected) in [
        ("all well", Some((1, 1)), Up, true, Up, None),
        ("silent monitor", Some((0, 0)), Failed, true, Up, Some(Severity::Warning)),
        ("dead", Some((0, 0)), Failed, false, Absent, Some(Severity::Critical)),
        ("monitor alone", Some((1, 1)), Up, false, Up, Some(Severity::Critical)),
        ("not running", Some((1, 0)), Up, true, Up, Some(Severity::Critical)),
        ("no right to the monitor", None, Failed, true, Up, None),
        ("dead without a monitor", None, Failed, false, Absent, Some(Severity::Critical)),
        ("nothing can be seen", None, Failed, false, Failed, None),
        ("silent, and no /proc", Some((0, 0)), Failed, false, Failed, Some(Severity::Critical)),
    ] {
        let mut lab = Lab::new();
        lab.run(0, &[pmta(1, 1), daemon()]);
        lab.fate("web", web_fate);
        lab.fate("process", process_fate);
        let mut samples: Vec<Sample> = web.map(|(up, running)| pmta(up, running)).into_iter().collect();
        samples.extend(process.then(daemon));
        for now in [10, 20] {
            assert!(lab.changes(now, &samples).is_empty(), "{name}: too soon");
        }
        let told = lab.run(30, &samples).changes;
        assert_eq!(told.first().map(|finding| finding.severity), expected, "{name}");
        assert!(told.iter().all(|finding| !finding.action.is_empty() && !finding.message.is_empty()));
    }
}

#[test]
fn a_limit_that_binds_where_the_provider_takes_everything_is_a_question() {
    for (throttled, begins) in [
        (0.0, "Increase max-msg-per-connection for Gmail? (confidence: high)"),
        (0.2, "If the provider defers nothing, raise it in small steps"),
    ] {
        let mut lab = Lab::new();
        lab.fates.push(("queues".to_owned(), Fate::Up));
        let queue = Sample::new(HIDDEN)
            .tag("class", "waiting")
            .tag("queue", "gmail.com/vmta1")
            .tag("provider", "Gmail")
            .int("recipients", 8_000)
            .int("connections", 12)
            .int("max_smtp_out", 12)
            .int("max_msg_per_connection", 20)
            .int("bounce_after", 345_600);
        let taken = Sample::new("pmta_throttle")
            .tag("provider", "Gmail")
            .int("attempts", 2_400)
            .float("ratio", throttled)
            .float("policy_ratio", 0.0);
        let told: Vec<Finding> = (0..12)
            .flat_map(|minute| lab.run(minute * 60, &[queue.clone(), taken.clone()]).changes)
            .filter(|change| change.finding == "limits")
            .collect();
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].action.starts_with(begins), "{}", told[0].action);
    }
}

#[test]
fn a_host_that_never_showed_its_process_is_not_called_dead() {
    let mut lab = Lab::new();
    lab.fate("process", Fate::Absent);
    for now in [0, 10, 20, 30, 40] {
        assert!(lab.changes(now, &[pmta(1, 1)]).is_empty());
    }
}

#[test]
fn disks_are_judged_by_the_worst_and_by_their_own_limit() {
    let disk = |folder: &str, free: i64, ratio: f64, least: Option<i64>| {
        let row = Sample::new("pmta_disk").tag("folder", folder).int("free_bytes", free);
        let row = row.float("free_ratio", ratio).int("free_inodes", 1_000_000);
        least.into_iter().fold(row, |row, least| row.int("min_free_bytes", least))
    };
    const GB: i64 = 1_000_000_000;
    for (rows, expected) in [
        (vec![disk("/s", 50 * GB, 0.5, Some(GB))], None),
        (vec![disk("/s", 50 * GB, 0.01, None)], None),
        (vec![disk("/s", 3 * GB, 0.03, None)], Some(Severity::Warning)),
        (vec![disk("/s", 3 * GB / 2, 0.5, Some(GB))], Some(Severity::Warning)),
        (vec![disk("/s", GB / 2, 0.5, Some(GB))], Some(Severity::Critical)),
        (vec![disk("/s", 50 * GB, 0.5, None), disk("/l", GB / 20, 0.2, None)], Some(Severity::Critical)),
    ] {
        let told = Lab::new().run(0, &rows).changes;
        assert_eq!(told.first().map(|finding| finding.severity), expected, "{rows:?}");
    }
    let few = disk("/s", 50 * GB, 0.5, None);
    let few = Sample { fields: vec![("free_inodes", Value::Int(500))], ..few };
    assert_eq!(Lab::new().run(0, &[few]).changes[0].reason, "inodes");
}

#[test]
fn a_backlog_of_every_night_is_no_pressure_and_the_same_by_day_is() {
    let mut lab = Lab::new();
    let mut sent = 0;
    let mut run = |now: Seconds, waiting: i64| {
        sent += 1_000;
        let traffic = Sample::new("pmta_traffic").tag("direction", "out").int("recipients_total", sent);
        let queue = Sample::new("pmta_queues").tag("kind", "smtp").int("recipients", waiting);
        let told = lab.run(now, &[pmta(1, 1), traffic, queue]);
        told.findings.iter().any(|finding| finding.finding == "backpressure")
    };
    const DAY: Seconds = 86_400;
    // Four days at a thousand in five minutes: 12 minutes to drain, and for an hour of each night six hours.
    let mut told = Vec::new();
    for at in (0..4 * DAY).step_by(300) {
        let night = at % DAY / 3_600 == 2;
        if run(at + 300, if night { 72_000 } else { 2_400 }) {
            told.push(at / DAY);
        }
    }
    assert!(told.is_empty(), "every night, at the same velocity: {told:?}");
    let noon: Vec<bool> = (0..10).map(|at| run(4 * DAY + 12 * 3_600 + at * 300, 72_000)).collect();
    assert!(noon.contains(&true), "and not at noon");
}

#[test]
fn every_signal_has_a_name_of_its_own() {
    for signal in SIGNALS {
        assert_eq!(SIGNALS.iter().filter(|other| other.name == signal.name).count(), 1);
        assert!(!signal.about.is_empty());
    }
    assert_eq!(bytes(1_234_567.0), "1.2 MB");
    assert_eq!(bytes(999.0), "999 B");
}

fn rss(anon: i64, swap: i64) -> Sample {
    daemon().int("anon_bytes", anon).int("swap_bytes", swap)
}

fn waiting(recipients: i64) -> Sample {
    Sample::new("pmta_queues").tag("kind", "smtp").int("recipients", recipients)
}

#[test]
fn memory_that_stays_is_a_leak_and_a_growing_queue_is_none() {
    const MB: i64 = 1_000_000;
    for (name, anon, queue, leaks) in [
        ("leak", [400, 450, 500, 550, 600, 650, 700, 750], [900; 8], true),
        (
            "queue grows",
            [400, 450, 500, 550, 600, 650, 700, 750],
            [900, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000],
            false,
        ),
        ("comes back", [400, 450, 500, 450, 600, 650, 500, 750], [900; 8], false),
        ("little", [400, 401, 402, 403, 404, 405, 406, 407], [900; 8], false),
    ] {
        let mut lab = Lab::new();
        let mut told = Vec::new();
        for (hour, (anon, queue)) in (1_i64..).zip(anon.into_iter().zip(queue)) {
            // A floor is the least of its hour: a peak within it says nothing.
            for (minute, more) in [(1, 300), (20, 0), (50, 500)] {
                let at = hour * 3_600 + minute * 60;
                told.extend(lab.changes(at, &[pmta(1, 1), rss((anon + more) * MB, 0), waiting(queue)]));
            }
        }
        assert_eq!(!told.is_empty(), leaks, "{name}: {told:?}");
    }
}

#[test]
fn memory_is_shared_out_per_recipient_and_swap_and_descriptors_have_limits() {
    let mut lab = Lab::new();
    let outcome = lab.run(100, &[rss(50_000_000, 0), waiting(10_000)]);
    let shared = |outcome: Outcome| {
        let row = outcome.samples.into_iter().find(|row| row.measurement == "pmta_memory");
        row.and_then(|row| row.field("bytes_per_recipient").cloned())
    };
    assert_eq!(shared(outcome), Some(Value::Int(5_000)));
    assert_eq!(shared(lab.run(110, &[rss(50_000_000, 0), waiting(10)])), None);
    for (row, reason) in [
        (rss(1, 100_000_000), Some("swap")),
        (rss(1, 10_000_000), None),
        (rss(1, 0).int("descriptors", 900).int("descriptors_max", 1_000), Some("descriptors")),
        (rss(1, 0).int("descriptors", 600).int("descriptors_max", 1_000), None),
        (Sample::new("pmta_memory").float("psi_some_avg10_ratio", 0.3), Some("pressure")),
        (Sample::new("pmta_memory").float("psi_some_avg10_ratio", 0.05), None),
    ] {
        let mut lab = Lab::new();
        let rows = [row];
        lab.run(100, &rows);
        let told = lab.run(170, &rows).findings;
        assert_eq!(told.first().map(|finding| finding.reason.as_str()), reason, "{rows:?}");
    }
}

#[test]
fn three_restarts_in_an_hour_are_a_crash_loop_and_three_in_a_day_are_not() {
    let row = |total| [daemon().int("restarts_total", total)];
    for (apart, expected) in [(600, Severity::Critical), (7_000, Severity::Info)] {
        let mut lab = Lab::new();
        lab.run(1_000, &row(4));
        let mut worst = None;
        for (turn, total) in (1_i64..).zip([5, 6, 7]) {
            let told = lab.run(1_000 + turn * apart, &row(total)).changes;
            worst = worst.max(told.iter().map(|finding| finding.severity).max());
            lab.run(1_010 + turn * apart, &row(total));
            lab.run(1_700 + turn * apart, &row(total));
        }
        assert_eq!(worst, Some(expected), "{apart} s apart");
    }
    assert!(Lab::new().run(1_000, &row(9)).changes.is_empty(), "what was before us is not news");
}

fn ages(records: &[(Seconds, Seconds)], now: Seconds) -> Option<(f64, f64)> {
    let mut ages = Ages::default();
    for (logged, queued) in records {
        ages.record("Gmail", b"", crate::record::Kind::Deferred, *logged, Some(*queued));
    }
    let rows = ages.rows(now);
    let row = rows.first()?;
    Some((number(row, "oldest")?, number(row, "beyond")?))
}

#[test]
fn the_age_of_the_oldest_is_that_of_the_last_two_retry_periods() {
    const T: Seconds = 1_200_000;
    for (records, now, expected) in [
        (vec![], T, None),
        (vec![(T, T - 50)], T + 10, Some((60.0, 0.0))),
        (vec![(T, T - 90_000), (T + 5, T - 90_000), (T + 6, T - 5)], T + 10, Some((90_010.0, 2.0))),
        // The same two are tried again: still two.
        (
            vec![(T, T - 90_000), (T + 1, T - 90_000), (T + 600, T - 90_000), (T + 601, T - 90_000)],
            T + 650,
            Some((90_650.0, 2.0)),
        ),
        // Delivered since: a period later nothing of them is left.
        (vec![(T, T - 90_000), (T + 600, T), (T + 1_200, T)], T + 1_250, Some((1_250.0, 0.0))),
        (vec![(T, T - 90_000)], T + 1_900, None),
        // A clock that is wrong makes no age.
        (vec![(T, T + 90_000)], T, None),
    ] {
        assert_eq!(ages(&records, now), expected, "{records:?}");
    }
}

#[test]
fn ages_are_bounded_and_the_oldest_stay() {
    let mut ages = Ages::default();
    for provider in 0..1_000 {
        ages.record(
            &format!("p{provider}"),
            format!("q{provider}/v").as_bytes(),
            crate::record::Kind::Deferred,
            2_000_000,
            Some(1_999_000 - provider),
        );
    }
    let rows = ages.rows(2_000_000);
    assert_eq!(rows.len(), 200 + 50, "providers and queues");
    assert_eq!(rows.iter().filter(|row| tag(&row.tags, "provider") == "p999").count(), 2);
}

#[test]
fn throttling_needs_a_sample_and_fairness_a_backlog_that_nobody_paused() {
    let throttle = |ratio, attempts| {
        [Sample::new("pmta_throttle")
            .tag("provider", "Gmail")
            .float("ratio", ratio)
            .int("attempts", attempts)]
    };
    for (row, expected) in [
        (throttle(0.9, 100), None),
        (throttle(0.2, 5_000), None),
        (throttle(0.28, 300), None),
        (throttle(0.35, 1_000), Some(Severity::Info)),
        (throttle(0.7, 1_000), Some(Severity::Warning)),
    ] {
        let mut lab = Lab::new();
        lab.run(100, &row);
        let told = lab.run(160, &row).findings;
        assert_eq!(told.first().map(|finding| finding.severity), expected, "{row:?}");
    }
    for (waiting, paused, delivered, expected) in
        [(5_000, 0, 900, true), (5_000, 1, 900, false), (50, 0, 900, false), (5_000, 0, 5, false)]
    {
        let vmta =
            |name: &str, recipients| Sample::new("pmta_vmta").tag("vmta", name).int("recipients", recipients);
        let queue = Sample::new("pmta_queue").tag("queue", "gmail.com/b").tag("vmta", "b");
        let rows = [
            vmta("a", 10),
            vmta("b", waiting),
            queue.int("recipients", waiting).int("paused", paused),
            Sample::new("pmta_fairness").tag("vmta", "a").float("share_ratio", 1.0),
            Sample::new(HIDDEN).tag("class", "delivered").int("n", delivered),
        ];
        let mut lab = Lab::new();
        lab.run(1_000, &rows);
        let told = lab.run(1_600, &rows).findings;
        assert_eq!(!told.is_empty(), expected, "{waiting} {paused} {delivered}");
    }
}
