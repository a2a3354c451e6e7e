//! Is PowerMTA there, and does it take mail.

use super::{Bench, fires, open, quiet};
use crate::rig::{Rig, Value};
use pmta_sim::{Gauges, SmtpFault, WebFault};

#[test]
fn down_a_dead_powermta_is_told_once_and_its_end_too() {
    let bench = Bench::new();
    quiet(&bench.runs(2, 10), "down");
    bench.rig.host.break_web(&[WebFault::Down]).unwrap();
    bench.rig.host.break_smtp(&[SmtpFault::Down]).unwrap();
    bench.dies(10);
    bench.dies(11);
    quiet(&bench.runs(1, 10), "down");
    let metrics = bench.runs(3, 10);
    fires(&metrics, "down", "", "critical");
    let event = metrics.series("pmta_event", &[("event", "down"), ("state", "firing")], "message");
    assert_eq!(event.count(), 1, "{}", metrics.text);
    assert!(metrics.text.contains("there is no pmtad process"), "{}", metrics.text);
    // The silent SMTP port is no news then.
    let metrics = bench.runs(8, 15);
    quiet(&metrics, "smtp");
    let suppressed: Vec<_> = metrics
        .series("pmta_finding", &[("finding", "smtp")], "suppressed")
        .map(|(_, value)| value.clone())
        .collect();
    assert_eq!(suppressed, [Value::Int(1)], "{}", metrics.text);
    bench.rig.host.break_web(&[]).unwrap();
    bench.rig.host.break_smtp(&[]).unwrap();
    bench.process("pmtad", 20, 900, 50_000);
    let metrics = bench.runs(3, 10);
    quiet(&metrics, "down");
    assert!(metrics.series("pmta_event", &[("event", "down"), ("state", "resolved")], "n").next().is_some());
}

#[test]
fn down_a_silent_web_monitor_is_not_a_dead_powermta() {
    let bench = Bench::new();
    bench.runs(2, 10);
    bench.rig.host.break_web(&[WebFault::Down]).unwrap();
    fires(&bench.runs(4, 10), "down", "", "warning");
    // And a monitor that lives on does not hide a dead daemon.
    bench.rig.host.break_web(&[]).unwrap();
    bench.runs(3, 10);
    bench.dies(10);
    let metrics = bench.runs(4, 10);
    assert!(open(&metrics, "down").iter().any(|(_, severity)| severity == "critical"), "{}", metrics.text);
}

#[test]
fn down_not_running_is_told_and_our_own_rights_and_a_blink_are_not() {
    let bench = Bench::new();
    bench.runs(1, 10);
    for fault in [WebFault::Forbidden, WebFault::Garbage, WebFault::StatusFail] {
        bench.rig.host.break_web(&[fault]).unwrap();
        let metrics = bench.runs(4, 10);
        quiet(&metrics, "down");
        assert_eq!(metrics.int("pmta_collector", &[("source", "web")], "up"), 0, "unknown, and says so");
    }
    bench.rig.host.break_web(&[WebFault::Down]).unwrap();
    bench.runs(1, 10);
    bench.rig.host.break_web(&[]).unwrap();
    quiet(&bench.runs(3, 10), "down");
    bench.rig.host.show(Gauges { state: Some("stopping"), ..Gauges::default() });
    fires(&bench.runs(4, 10), "down", "", "critical");
}

#[test]
fn smtp_a_port_that_does_not_greet_twice_is_told_and_once_is_not() {
    let bench = Bench::new();
    quiet(&bench.runs(1, 60), "smtp");
    bench.rig.host.break_smtp(&[SmtpFault::Busy]).unwrap();
    quiet(&bench.runs(1, 60), "smtp");
    bench.rig.host.break_smtp(&[]).unwrap();
    quiet(&bench.runs(2, 60), "smtp");
    bench.rig.host.break_smtp(&[SmtpFault::NoStartTls, SmtpFault::SlowBanner(300)]).unwrap();
    quiet(&bench.runs(3, 60), "smtp");
    bench.rig.host.break_smtp(&[SmtpFault::Down]).unwrap();
    let metrics = bench.runs(2, 60);
    fires(&metrics, "smtp", "", "critical");
    assert!(metrics.text.contains("while PowerMTA says that it is running"), "{}", metrics.text);
    bench.rig.host.break_smtp(&[]).unwrap();
    quiet(&bench.runs(1, 60), "smtp");
}

#[test]
fn smtp_every_listener_is_tried_and_one_of_several_is_a_warning() {
    let bench = Bench::new();
    let config = bench.rig.host.config_path();
    let text = std::fs::read_to_string(&config).unwrap();
    // A port that nobody listens on: bound here, and never served.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    std::fs::write(&config, format!("{text}\nsmtp-listener 127.0.0.1:{port}\n")).unwrap();
    let metrics = bench.runs(2, 60);
    fires(&metrics, "smtp", "", "warning");
    assert_eq!(metrics.series("pmta_smtp_probe", &[], "up").count(), 2);
    assert!(metrics.text.contains("1 of 2 SMTP listeners take no mail"), "{}", metrics.text);
    std::fs::write(&config, text).unwrap();
    quiet(&bench.runs(1, 60), "smtp");
}

#[test]
fn smtp_a_listener_that_greets_and_refuses_mail_is_told() {
    let bench = Bench::new();
    bench
        .configure("[smtp]\nmail_from = \"probe@sender.example\"\nrcpt_to = \"postmaster@sender.example\"\n");
    bench.rig.host.break_smtp(&[SmtpFault::Open]).unwrap();
    let metrics = bench.runs(2, 60);
    quiet(&metrics, "smtp");
    assert_eq!(metrics.sum("pmta_smtp_probe", &[], "accepts"), 1);
    // We may not relay there: that says nothing about PowerMTA.
    bench.rig.host.break_smtp(&[]).unwrap();
    let metrics = bench.runs(2, 60);
    quiet(&metrics, "smtp");
    assert_eq!(metrics.int("pmta_collector", &[("source", "smtp")], "up"), 0, "unknown, and says so");
    bench.rig.host.break_smtp(&[SmtpFault::NoRoom]).unwrap();
    fires(&bench.runs(2, 60), "smtp", "refuses", "critical");
}

#[test]
fn accepting_feeders_that_pile_up_are_told_and_a_quiet_night_is_not() {
    for (feeders, told) in [(40, true), (2, false)] {
        let bench = Bench::new();
        let show = |deaf, inbound| {
            bench.rig.host.show(Gauges { deaf, inbound: Some(inbound), ..Gauges::default() });
        };
        show(false, 10);
        quiet(&bench.runs(4, 60), "accepting");
        show(true, feeders);
        let metrics = bench.runs(7, 60);
        assert_eq!(open(&metrics, "accepting").len(), usize::from(told), "{}", metrics.text);
        show(false, 10);
        quiet(&bench.runs(3, 60), "accepting");
    }
}

#[test]
fn frozen_a_page_that_stands_still_is_told_and_a_restart_is_not() {
    let bench = Bench::new();
    quiet(&bench.runs(4, 20), "frozen");
    bench.rig.host.restart().unwrap();
    quiet(&bench.runs(5, 20), "frozen");
    bench.rig.host.show(Gauges { frozen: true, ..Gauges::default() });
    fires(&bench.runs(6, 20), "frozen", "", "critical");
    bench.rig.host.show(Gauges::default());
    quiet(&bench.runs(2, 20), "frozen");
}

#[test]
fn records_that_are_not_written_are_told_and_a_silent_host_is_not() {
    let bench = Bench::with_rate(2.0);
    quiet(&bench.runs(3, 100), "records");
    bench.rig.host.withhold_records(true);
    let metrics = bench.runs(8, 100);
    fires(&metrics, "records", "", "warning");
    bench.rig.host.withhold_records(false);
    quiet(&bench.runs(2, 30), "records");
    // Nothing is sent and nothing is written: that is as it should be.
    bench.rig.host.show(Gauges { deaf: true, ..Gauges::default() });
    quiet(&bench.runs(8, 100), "records");
}

#[test]
fn license_is_counted_down_and_told_a_month_before() {
    let rig = Rig::with(|options| options.rate = 1.0);
    for (days, severity) in [(400, None), (31, None), (20, Some("warning")), (3, Some("critical"))] {
        rig.host.show(Gauges { license_days: Some(days), ..Gauges::default() });
        // It is asked for four times a day, and shown all the time.
        rig.pass(6 * 3_600);
        rig.collect(&[]);
        rig.pass(10);
        let metrics = rig.collect(&[]);
        assert_eq!(metrics.int("pmta_license", &[], "days_left"), days, "{}", metrics.text);
        let told = open(&metrics, "license").first().map(|(_, severity)| severity.clone());
        assert_eq!(told.as_deref(), severity, "{days}");
    }
    // Nobody to ask: unknown, not a finding.
    let bench = Bench::new();
    let metrics = bench.runs(2, 60);
    quiet(&metrics, "license");
    assert_eq!(metrics.series("pmta_license", &[], "days_left").count(), 0);
}
