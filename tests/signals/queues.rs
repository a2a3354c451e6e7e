//! What waits: how long, and why.

use super::{Bench, fires, open, program, quiet};
use crate::rig::{Metrics, Rig, Value};
use pmta_sim::{Gauges, WebFault};

#[test]
fn queue_age_is_read_off_the_deferrals_and_young_mail_is_none() {
    for (age, expected) in [(30 * 3_600, Some("warning")), (101 * 3_600, Some("critical")), (3_600, None)] {
        let rig = Rig::with(|options| {
            options.rate = 20.0;
            options.scenario = "comcast-450@0+7200x2".to_owned();
        });
        rig.collect(&[]);
        assert!(rig.host.load_queue("comcast.net", 400, age));
        rig.pass(120);
        let metrics = rig.collect(&[]);
        let of = [("finding", "queue-age"), ("provider", "Comcast")];
        let severity =
            metrics.series("pmta_finding", &of, "active").next().map(|(tags, _)| tags["severity"].as_str());
        assert_eq!(severity, expected, "{}", metrics.text);
        let oldest = metrics.get("pmta_queue_age", &[("provider", "Comcast")], "oldest_seconds");
        let Some(Value::Float(oldest)) = oldest else { panic!("no age in {}", metrics.text) };
        assert!((*oldest - age as f64).abs() < 300.0, "{oldest}");
    }
}

/// A host whose Comcast mail is that old, after some minutes.
fn comcast(scenario: &str, recipients: u64, age: i64, prepare: impl Fn(&Rig)) -> (Rig, Metrics) {
    let rig = Rig::with(|options| {
        options.rate = 5.0;
        options.scenario = scenario.to_owned();
    });
    prepare(&rig);
    rig.collect(&[]);
    assert!(rig.host.load_queue("comcast.net", recipients, age));
    let mut metrics = Metrics::default();
    for _ in 0..5 {
        rig.pass(60);
        metrics = rig.collect(&[]);
    }
    (rig, metrics)
}

#[test]
fn queue_age_of_a_queue_that_fails_as_a_whole_is_asked_of_powermta() {
    for (age, told) in [(30 * 3_600, true), (3_600 / 2, false)] {
        let (rig, metrics) = comcast("comcast-unreachable@0+72000", 400, age, |_| {});
        assert_eq!(open(&metrics, "queue-age").len(), usize::from(told), "{}", metrics.text);
        let of = [("provider", "Comcast")];
        let probed: Vec<_> = metrics.series("pmta_queue_age", &of, "probed").collect();
        assert!(probed.iter().any(|(tags, value)| tags.contains_key("queue") && **value == Value::Int(1)));
        let oldest = metrics.get("pmta_queue_age", &of, "oldest_seconds");
        let Some(Value::Float(oldest)) = oldest else { panic!("no age in {}", metrics.text) };
        let expected = if told { age as f64 } else { 0.0 };
        assert!((*oldest - expected).abs() < 1_000.0, "{oldest} for {age}");
        let checked = rig.run(&["check", "queue-age"]);
        let said = String::from_utf8(checked.stdout).unwrap();
        assert_eq!(checked.status.code(), Some(i32::from(told)), "{said}");
        assert_eq!(said.contains("fails as a whole"), told, "{said}");
    }
}

/// PowerMTA's command is there and not for us.
fn refuse(rig: &Rig) {
    let refuses = program(rig, "refuses", "echo 'permission denied' >&2\nexit 1");
    rig.configure_command(refuses.to_str().unwrap());
}

#[test]
fn queue_age_is_read_off_the_list_of_a_queue_where_no_command_may_be_given() {
    for (age, told) in [(30 * 3_600, true), (3_600 / 2, false)] {
        let nobody = |rig: &Rig| rig.configure_command("/nonexistent/pmta");
        let (rig, metrics) = comcast("comcast-unreachable@0+72000", 400, age, nobody);
        assert_eq!(open(&metrics, "queue-age").len(), usize::from(told), "{}", metrics.text);
        let of = [("provider", "Comcast")];
        assert_eq!(metrics.int("pmta_queue_age", &of, "probed"), 2);
        let Some(Value::Float(oldest)) = metrics.get("pmta_queue_age", &of, "oldest_seconds") else {
            panic!()
        };
        // The rows that are shown need not be the oldest.
        assert!((*oldest - age as f64).abs() < 1_000.0, "{oldest} for {age}");
        let asked = rig.host.asked();
        assert!((1..=25).contains(&asked["/listqueue"]), "{asked:?}");
        assert!(!metrics.text.contains("secret-"), "no address leaves the list");
    }
}

#[test]
fn expiry_of_a_queue_that_fails_as_a_whole_is_counted_by_powermta() {
    for (bounce_after, age, told) in [("48h", 40, true), ("4d12h", 40, false)] {
        let lives = |rig: &Rig| lives(rig, bounce_after);
        let (rig, metrics) = comcast("comcast-unreachable@0+72000", 400, age * 3_600, lives);
        assert_eq!(open(&metrics, "expiry").len(), usize::from(told), "{}", metrics.text);
        let said = String::from_utf8(rig.run(&["check", "expiry"]).stdout).unwrap();
        assert_eq!(
            said.contains("at least 400 recipients expire in 12 hours, the first in 8"),
            told,
            "{said}"
        );
        let expiring = metrics.int("pmta_queue_age", &[("provider", "Comcast")], "expiring_recipients");
        assert_eq!(expiring, if told { 400 } else { 0 }, "{}", metrics.text);
    }
}

/// For so long mail to Comcast may wait, by the files and as PowerMTA has it in force.
fn lives(rig: &Rig, bounce_after: &str) {
    let config = rig.host.config_path();
    let text = std::fs::read_to_string(&config).unwrap();
    let domain = format!("<domain comcast.net>\n    bounce-after {bounce_after}\n</domain>\n");
    std::fs::write(&config, format!("{text}\n{domain}")).unwrap();
    rig.host.enforce("comcast.net/*", "bounce-after", bounce_after).unwrap();
}

#[test]
fn queue_age_without_the_right_to_ask_is_unknown_and_says_so() {
    let unlisted = |rig: &Rig| {
        refuse(rig);
        rig.host.break_web(&[WebFault::NoListing]).unwrap();
    };
    let (rig, metrics) = comcast("comcast-unreachable@0+72000", 400, 30 * 3_600, unlisted);
    assert_eq!(open(&metrics, "queue-age"), [], "{}", metrics.text);
    assert_eq!(metrics.int("pmta_collector", &[("source", "queues")], "up"), 0);
    assert_eq!(metrics.int("pmta_collector", &[("source", "web")], "up"), 1, "the others are unharmed");
    // A signal that rests on it is unknown, with the reason and the way out.
    let checked = rig.run(&["check", "license"]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(checked.status.code(), Some(3), "{said}");
    assert!(said.contains("permission denied") && said.contains("group pmta"), "{said}");
    // Nobody there to ask is no trouble: the pages are enough to be up.
    let nobody = |rig: &Rig| {
        rig.configure_command("/nonexistent/pmta");
        rig.host.break_web(&[WebFault::NoListing]).unwrap();
    };
    let (_, metrics) = comcast("comcast-unreachable@0+72000", 400, 30 * 3_600, nobody);
    assert_eq!(metrics.int("pmta_collector", &[("source", "queues")], "up"), 1);
    assert_eq!(open(&metrics, "queue-age"), []);
}

#[test]
fn expiry_is_told_by_the_queue_s_own_bounce_after() {
    for (bounce_after, age, told) in [("48h", 40, true), ("4d12h", 40, false), ("48h", 20, false)] {
        let (rig, metrics) = comcast("comcast-450@0+72000x2", 400, age * 3_600, |rig| {
            lives(rig, bounce_after);
        });
        assert_eq!(open(&metrics, "expiry").len(), usize::from(told), "{}", metrics.text);
        let said = String::from_utf8(rig.run(&["check", "expiry"]).stdout).unwrap();
        assert_eq!(said.contains("recipients expire in 12 hours, the first in 8"), told, "{said}");
        let expiring = metrics.int("pmta_queue_age", &[("provider", "Comcast")], "expiring_recipients");
        assert_eq!(expiring >= 100, told, "{expiring}");
        assert!(expiring <= 400, "nobody is counted twice: {expiring}");
    }
}

#[test]
fn hold_a_queue_that_stays_paused_is_told_and_a_short_look_is_not() {
    let bench = Bench::with_rate(2.0);
    bench.rig.host.load_queue("gmail.com", 900, 60);
    bench.rig.host.pause_queue("gmail.com/*", true);
    let metrics = bench.runs(4, 300);
    quiet(&metrics, "hold");
    let paused = [("kind", "paused")];
    assert_eq!(metrics.int("pmta_hold", &paused, "queues"), 4, "{}", metrics.text);
    assert!(metrics.int("pmta_hold", &paused, "recipients") >= 900);
    bench.rig.host.pause_queue("gmail.com/*", false);
    bench.runs(1, 60);
    bench.rig.host.load_queue("gmail.com", 900, 60);
    bench.rig.host.pause_queue("gmail.com/*", true);
    quiet(&bench.runs(4, 300), "hold");
    fires(&bench.runs(4, 300), "hold", "paused", "warning");
}

#[test]
fn hold_counts_each_kind_apart_and_names_the_cause_of_backoff() {
    let rig = Rig::with(|options| {
        options.rate = 2.0;
        options.scenario = "yahoo-handshake@0+72000x4".to_owned();
    });
    rig.collect(&[]);
    let mut metrics = Metrics::default();
    for _ in 0..9 {
        rig.host.load_queue("yahoo.com", 1_200, 60);
        rig.pass(150);
        metrics = rig.collect(&[]);
    }
    let of = |kind| metrics.int("pmta_hold", &[("kind", kind)], "recipients");
    assert!(of("backoff") >= 1_000, "{}", metrics.text);
    assert_eq!((of("paused"), of("disabled"), of("jobs-paused")), (0, 0, 0), "{}", metrics.text);
    fires(&metrics, "hold", "backoff", "warning");
    let said = String::from_utf8(rig.run(&["check", "hold"]).stdout).unwrap();
    assert!(
        said.contains("[Yahoo]") && said.contains("the last errors say: the receiver turns us away"),
        "{said}"
    );
    // Small backoffs come and go everywhere.
    let rig = Rig::with(|options| {
        options.rate = 2.0;
        options.scenario = "yahoo-handshake@0+72000x4".to_owned();
    });
    for _ in 0..8 {
        rig.pass(150);
        metrics = rig.collect(&[]);
    }
    quiet(&metrics, "hold");
}

#[test]
fn hold_paused_jobs_and_queues_without_a_source_are_two_things() {
    let bench = Bench::with_rate(2.0);
    bench.rig.host.load_queue("comcast.net", 900, 60);
    bench.rig.host.stall_queue("comcast.net/*");
    bench.rig.host.show(Gauges { jobs_paused: true, ..Gauges::default() });
    let metrics = bench.runs(8, 300);
    fires(&metrics, "hold", "jobs-paused", "info");
    assert!(metrics.int("pmta_hold", &[("kind", "jobs-paused")], "jobs") >= 1);
    bench.rig.host.show(Gauges::default());
    quiet(&bench.runs(3, 60), "hold");
    bench.rig.host.disable_sources("comcast.net/*");
    let metrics = bench.runs(3, 60);
    fires(&metrics, "hold", "sources-disabled", "critical");
    assert!(metrics.text.contains("Every source address is disabled for comcast.net/"), "{}", metrics.text);
}

#[test]
fn backpressure_is_judged_against_the_usual_time_at_the_same_velocity() {
    let bench = Bench::with_rate(1.0);
    // Three hours of weather are a baseline.
    bench.runs(40, 300);
    let metrics = bench.runs(1, 60);
    quiet(&metrics, "backpressure");
    assert!(metrics.get("pmta_drain", &[], "usual_seconds").is_some(), "{}", metrics.text);
    // A backlog that is paused is somebody's decision.
    bench.rig.host.load_queue("gmail.com", 4_000, 60);
    bench.rig.host.pause_queue("gmail.com/*", true);
    quiet(&bench.runs(5, 200), "backpressure");
    bench.rig.host.pause_queue("gmail.com/*", false);
    bench.rig.host.stall_queue("gmail.com/*");
    let metrics = bench.runs(5, 200);
    fires(&metrics, "backpressure", "", "critical");
    let drain = metrics.get("pmta_drain", &[], "to_empty_seconds");
    assert!(matches!(drain, Some(Value::Float(seconds)) if *seconds > 600.0), "{drain:?}");
}

#[test]
fn backpressure_nothing_leaves_while_mail_comes_in_is_a_stall_and_a_lull_is_not() {
    for (deaf, told) in [(false, true), (true, false)] {
        let bench = Bench::new();
        bench.runs(4, 100);
        bench.rig.host.load_queue("gmail.com", 500, 60);
        bench.rig.host.stall_queue("*/*");
        bench.rig.host.show(Gauges { deaf, ..Gauges::default() });
        let metrics = bench.runs(9, 100);
        let stalled = open(&metrics, "backpressure").contains(&("stalled".to_owned(), "critical".to_owned()));
        assert_eq!(stalled, told, "{}", metrics.text);
    }
}
