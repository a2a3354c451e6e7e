//! What fills up: spool, connections, disks.

use super::{Bench, fires, open, quiet};
use crate::rig::{Metrics, Rig, Value};
use pmta_sim::Gauges;
use std::collections::BTreeMap;
use std::fs;

#[test]
fn spool_nearly_full_and_still_loading_are_two_things() {
    let bench = Bench::new();
    bench.rig.host.load_queue("gmail.com", 5_000, 60);
    bench.rig.host.pause_queue("*/*", true);
    quiet(&bench.runs(3, 10), "spool");
    bench.rig.host.show(Gauges { spool_max: Some(20_000), ..Gauges::default() });
    quiet(&bench.runs(3, 10), "spool");
    bench.rig.host.show(Gauges { spool_max: Some(5_000), ..Gauges::default() });
    fires(&bench.runs(3, 10), "spool", "full", "critical");
    bench.rig.host.show(Gauges { spool_loaded: Some(40), ..Gauges::default() });
    let loading = ("initialising".to_owned(), "info".to_owned());
    assert!(!open(&bench.runs(5, 10), "spool").contains(&loading), "a start takes its time");
    let metrics = bench.runs(3, 10);
    assert!(open(&metrics, "spool").contains(&loading), "{}", metrics.text);
}

#[test]
fn connections_at_the_limit_are_told_when_it_lasts_and_mail_waits() {
    let bench = Bench::new();
    let inbound = |inbound| bench.rig.host.show(Gauges { inbound: Some(inbound), ..Gauges::default() });
    inbound(98);
    quiet(&bench.runs(4, 10), "connections");
    inbound(60);
    quiet(&bench.runs(2, 10), "connections");
    inbound(98);
    fires(&bench.runs(8, 10), "connections", "in", "warning");
    inbound(90);
    fires(&bench.runs(8, 10), "connections", "in", "warning");
    inbound(10);
    quiet(&bench.runs(8, 10), "connections");
    bench.rig.host.pause_queue("*/*", true);
    bench.rig.host.load_queue("gmail.com", 500, 60);
    bench.rig.host.show(Gauges { outbound: Some(1_199), ..Gauges::default() });
    fires(&bench.runs(8, 10), "connections", "out", "warning");
}

#[test]
fn disk_is_held_against_min_free_space() {
    let bench = Bench::new();
    let config = bench.rig.host.config_path();
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains("min-free-space 100M"));
    let metrics = bench.runs(1, 10);
    assert!(
        !open(&metrics, "disk").contains(&("space".to_owned(), "critical".to_owned())),
        "{}",
        metrics.text
    );
    let spool = bench.rig.host.dir().join("spool").display().to_string();
    let spool = [("folder", spool.as_str())];
    assert!(metrics.int("pmta_disk", &spool, "free_bytes") > 0);
    assert!(metrics.int("pmta_disk", &spool, "min_free_bytes") >= 100_000_000);
    fs::write(&config, text.replace("min-free-space 100M", "min-free-space 900000G")).unwrap();
    let metrics = bench.runs(1, 60);
    fires(&metrics, "disk", "space", "critical");
    assert!(metrics.text.contains("it takes no more mail"), "{}", metrics.text);
}

/// The findings of `limits`: VMTA, reason, severity.
fn binding(metrics: &Metrics) -> Vec<(String, String, String)> {
    let of = [("finding", "limits")];
    let open = metrics.series("pmta_finding", &of, "active").filter(|(_, value)| **value == Value::Int(1));
    let tag = |tags: &BTreeMap<String, String>, name: &str| tags.get(name).cloned().unwrap_or_default();
    open.map(|(tags, _)| (tag(tags, "vmta"), tag(tags, "reason"), tag(tags, "severity"))).collect()
}

fn bound(vmta: &str, reason: &str, severity: &str) -> (String, String, String) {
    (vmta.to_owned(), reason.to_owned(), severity.to_owned())
}

/// The first VMTA's own block for Gmail, which overrides the server's.
fn narrow(bench: &Bench, lines: &str) {
    let config = bench.rig.host.config_path();
    let text = fs::read_to_string(&config).unwrap();
    let block = format!("    max-smtp-msg-rate unlimited\n    <domain gmail.com>\n{lines}    </domain>");
    let narrow = text.replacen("    max-smtp-msg-rate unlimited", &block, 1);
    assert_ne!(narrow, text);
    fs::write(&config, narrow).unwrap();
}

#[test]
fn limits_that_bind_while_mail_waits_are_told_with_their_value() {
    let bench = Bench::with_rate(1.0);
    let host = &bench.rig.host;
    narrow(&bench, "        max-smtp-out 12\n");
    let held =
        |connections| host.show(Gauges { held: Some(("gmail.com", connections)), ..Gauges::default() });
    host.stall_queue("gmail.com/*");
    host.load_queue("gmail.com", 8_000, 60);
    // Far from the limit, then at one VMTA's for some minutes only.
    held(5);
    quiet(&bench.runs(3, 60), "limits");
    held(12);
    quiet(&bench.runs(8, 60), "limits");
    held(5);
    quiet(&bench.runs(2, 60), "limits");
    held(12);
    let metrics = bench.runs(12, 60);
    let narrowed: Vec<_> = binding(&metrics);
    assert_eq!(narrowed, [bound("vmta1", "max-smtp-out", "warning")], "{}", metrics.text);
    let message = "[Gmail] limit max-smtp-out of gmail.com/vmta1 binds: 12 connections of 12 for ";
    assert!(metrics.text.contains(message), "{}", metrics.text);
    assert_eq!(metrics.int("pmta_vmta", &[("vmta", "vmta1")], "connections_max"), 400);
    held(2);
    quiet(&bench.runs(2, 60), "limits");
    // Few wait: the limit keeps nobody.
    held(40);
    host.pause_queue("gmail.com/*", true);
    quiet(&bench.runs(12, 60), "limits");
}

/// A minute of what Gmail did, a record each half second: so many of a hundred were throttled.
fn a_minute_at_gmail(bench: &Bench, throttled: i64) {
    let host = &bench.rig.host;
    let lines: String = (0..120_i64)
        .map(|place| {
            let time = jiff::Timestamp::from_second(host.now() - 60 + place / 2).unwrap();
            let time = time.strftime("%Y-%m-%d %H:%M:%S+0000");
            let (kind, status, said) = if place * 7_919 % 100 < throttled {
                ("t", "4.7.28", "smtp;421 4.7.28 Our system has detected an unusual rate of mail")
            } else {
                ("d", "2.0.0 (success)", "smtp;250 2.0.0 OK")
            };
            format!("{kind},{time},{time},a@b.example,c@gmail.com,,relayed,{status},{said},gmail-smtp-in.l.google.com (192.0.2.7),,,,smtp,192.0.2.10,192.0.2.7,,1000,vmta1,,,gmail.com/vmta1,,,,,,,,\n")
        })
        .collect();
    host.write_raw(lines.as_bytes()).unwrap();
}

#[test]
fn limits_with_room_behind_them_are_a_question_and_never_where_the_provider_slows_us_down() {
    let question = "Increase max-msg-per-connection for Gmail? (confidence: high)";
    for (throttled, asked) in [(0, true), (10, false)] {
        let bench = Bench::with_rate(0.2);
        let host = &bench.rig.host;
        narrow(&bench, "        max-smtp-out 12\n        max-msg-per-connection 10\n");
        host.stall_queue("gmail.com/*");
        host.load_queue("gmail.com", 8_000, 60);
        host.show(Gauges { held: Some(("gmail.com", 12)), ..Gauges::default() });
        let mut metrics = bench.runs(1, 1);
        let mut told = String::new();
        for _ in 0..24 {
            a_minute_at_gmail(&bench, throttled);
            metrics = bench.runs(1, 60);
            told.push_str(&metrics.text);
        }
        assert_eq!(binding(&metrics), [bound("vmta1", "max-smtp-out", "warning")], "{}", metrics.text);
        assert_eq!(told.contains(question), asked, "{throttled} of a hundred: {}", metrics.text);
        assert!(!asked || told.contains("Set `max-msg-per-connection 15`"), "{}", metrics.text);
    }
}

#[test]
fn limits_on_rates_are_told_by_powermta_s_own_words_while_they_are_fresh() {
    let bench = Bench::with_rate(1.0);
    let host = &bench.rig.host;
    let words = "message rate limit reached (based on max-msg-rate in configuration)";
    host.stall_queue("gmail.com/*");
    host.load_queue("gmail.com", 12_000, 60);
    bench.runs(1, 60);
    // Once, long ago.
    host.queue_error("gmail.com/vmta2", words);
    quiet(&bench.runs(12, 60), "limits");
    let mut metrics = Metrics::default();
    for _ in 0..12 {
        host.queue_error("gmail.com/vmta2", words);
        metrics = bench.runs(1, 60);
    }
    assert_eq!(binding(&metrics), [bound("vmta2", "max-msg-rate", "warning")], "{}", metrics.text);
    quiet(&bench.runs(4, 60), "limits");
}

#[test]
fn limits_of_files_that_were_not_reloaded_are_told_and_those_that_were_are_not() {
    let rig = Rig::with(|options| options.rate = 1.0);
    let config = rig.host.config_path();
    let text = fs::read_to_string(&config).unwrap();
    let runs = |times: u32| {
        let mut metrics = Metrics::default();
        for _ in 0..times {
            rig.pass(60);
            metrics = rig.collect(&[]);
        }
        metrics
    };
    rig.host.stall_queue("gmail.com/*");
    rig.host.load_queue("gmail.com", 900, 60);
    let shown = |metrics: &Metrics, queue: &str, field: &str| {
        let found: Vec<Value> = metrics
            .series("pmta_queue", &[("queue", queue)], field)
            .map(|(_, value)| value.clone())
            .collect();
        assert_eq!(found.len(), 1, "{field} in {}", metrics.text);
        found[0].clone()
    };
    // One queue a minute is asked about; four wait, and nothing differs.
    let metrics = runs(5);
    quiet(&metrics, "limits");
    assert_eq!(shown(&metrics, "gmail.com/vmta1", "connections_max_in_force"), Value::Int(40));
    // PowerMTA was reloaded with these.
    let narrow = |text: &str, vmta: &str| {
        let before = format!("<virtual-mta {vmta}>\n");
        let block = format!("{before}    <domain gmail.com>\n        max-smtp-out 12\n    </domain>\n");
        text.replace(&before, &block)
    };
    let text = narrow(&text, "vmta2");
    fs::write(&config, &text).unwrap();
    rig.host.enforce("gmail.com/vmta2", "max-smtp-out", "12").unwrap();
    rig.pass(600);
    quiet(&runs(13), "limits");
    // And not with these.
    fs::write(&config, narrow(&text, "vmta1")).unwrap();
    rig.pass(600);
    quiet(&runs(8), "limits");
    let metrics = runs(5);
    assert_eq!(binding(&metrics), [bound("vmta1", "not-in-force", "info")], "{}", metrics.text);
    let message = "does not hold for gmail.com/vmta1: max-smtp-out is 12 in the files and 40 in force";
    assert!(metrics.text.contains(message), "{}", metrics.text);
    let both = ["connections_max", "connections_max_in_force"]
        .map(|field| shown(&metrics, "gmail.com/vmta1", field));
    assert_eq!(both, [Value::Int(12), Value::Int(40)]);
    rig.host.enforce("gmail.com/vmta1", "max-smtp-out", "12").unwrap();
    quiet(&runs(12), "limits");
}

#[test]
fn limits_backoff_without_an_end_is_told_and_one_that_ends_is_not() {
    for ends in [true, false] {
        let bench = Bench::with_rate(1.0);
        let host = &bench.rig.host;
        let config = host.config_path();
        let text = fs::read_to_string(&config).unwrap();
        if !ends {
            fs::write(&config, text.replace(",backoff-to-normal-after=10m", "")).unwrap();
        }
        host.stall_queue("gmail.com/*");
        host.load_queue("gmail.com", 3_000, 60);
        host.back_off("gmail.com/vmta1", 3_600);
        let metrics = bench.runs(2, 60);
        let expected = if ends { vec![] } else { vec![bound("vmta1", "endless-backoff", "warning")] };
        assert_eq!(binding(&metrics), expected, "{}", metrics.text);
        host.back_off("gmail.com/vmta1", 0);
        quiet(&bench.runs(2, 60), "limits");
    }
}
