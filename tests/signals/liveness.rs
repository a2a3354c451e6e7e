//! Is PowerMTA there, and does it take mail.

use super::{Bench, fires, open, quiet};
use crate::rig::Value;
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
