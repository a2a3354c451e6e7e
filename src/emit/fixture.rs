//! One document for the tests of all formats. It knows no format.

use super::document::{Document, Gathered};
use crate::record::{Confidence, Event, Finding, Sample, Severity, State, Unit};

/// 2026-08-21 10:00:00.123456789 UTC.
pub const NOW: i64 = 1_787_306_400_123_456_789;
const NOW_SECONDS: i64 = 1_787_306_400;

pub fn document() -> Document {
    Document::new(gathered())
}

pub fn gathered() -> Gathered {
    Gathered {
        now_ns: NOW,
        host: "mx1".to_owned(),
        version: "0.1.0".to_owned(),
        samples: samples(),
        findings: vec![spike(), greylisting(), over(NOW_SECONDS - 60), over_long_ago()],
        events: vec![event(7, NOW_SECONDS - 5, spike()), event(8, NOW_SECONDS - 5, spike())],
        lines: 2_000,
    }
}

fn samples() -> Vec<Sample> {
    vec![
        Sample::new("pmta_replies")
            .tag("provider", "Yahoo")
            .tag("reason", "rate-limited")
            .tag("outcome", "deferred")
            .int("total", 40),
        Sample::new("pmta_recipients")
            .tag("vmta", "vmta1")
            .tag("provider", "Yahoo")
            .int("delivered_total", 60)
            .int("deferred_total", 40)
            .int("queue_deferred_total", 3)
            .int("bounced_total", 2),
        Sample::new("pmta_recipients")
            .tag("provider", "a=b, \"c\"")
            .tag("vmta", "v 2")
            .int("delivered_total", 1),
        Sample::new("pmta_queue")
            .tag("queue", "yahoo.rollup/vmta1")
            .tag("provider", "Yahoo")
            .tag("vmta", "vmta1")
            .int("recipients", 1_234)
            .int("bytes", 56_789)
            .int("connections", 4)
            .int("paused", 0)
            .int("backoff", 1),
        Sample::new("pmta")
            .tag("version", "5.0r3")
            .int("up", 1)
            .int("running", 1)
            .int("uptime_seconds", 3_600),
        Sample::new("pmta_totals")
            .int("delivered_total", 61)
            .int("deferred_total", 40)
            .int("bounced_total", 2),
        Sample::new("pmta_spool").float("init_ratio", 0.75).int("recipients", 1_300),
        Sample::new("pmta_collector").int("ledger_up", 1).float("duration_seconds", 0.0125),
        Sample::new("pmta_collector").tag("source", "web").int("up", 0),
        Sample::new("pmta_delivery_delay_seconds")
            .tag("provider", "Yahoo")
            .float("p50", 1.5)
            .int("sum_total", 90),
    ]
}

pub fn spike() -> Finding {
    Finding {
        id: "deferrals-yahoo-1".to_owned(),
        finding: "deferrals".to_owned(),
        state: State::Firing,
        severity: Severity::Critical,
        worst: Severity::Critical,
        provider: "Yahoo".to_owned(),
        vmta: String::new(),
        reason: "rate-limited".to_owned(),
        stage: "handshake".to_owned(),
        unit: Unit::Ratio,
        was: Some(0.12),
        now: Some(0.38),
        ci_low: Some(0.31),
        ci_high: Some(0.45),
        n: 400,
        n_queue: 152,
        recipients: Some(1_234),
        explained: None,
        message: "[Yahoo] Deferral spike: 12% → 38% due to 421 handshake (not throttling)".to_owned(),
        action: "lower max-smtp-out for yahoo.rollup".to_owned(),
        confidence: Confidence::High,
        routing: "page".to_owned(),
        suppressed_by: None,
        began: NOW_SECONDS - 300,
        offset_minutes: 120,
        changed: NOW_SECONDS - 290,
    }
}

fn greylisting() -> Finding {
    Finding {
        id: "deferrals-gmx-2".to_owned(),
        state: State::Suppressed,
        severity: Severity::Warning,
        worst: Severity::Warning,
        provider: "GMX".to_owned(),
        reason: "greylisted".to_owned(),
        message: "[GMX] Deferrals: 2% → 9% due to greylisting".to_owned(),
        action: String::new(),
        recipients: None,
        suppressed_by: Some("greylisting window".to_owned()),
        ..spike()
    }
}

fn over(changed: i64) -> Finding {
    Finding {
        id: "bounces-gmail-3".to_owned(),
        finding: "bounces".to_owned(),
        state: State::Resolved,
        provider: "Gmail".to_owned(),
        was: None,
        now: None,
        changed,
        ..spike()
    }
}

fn over_long_ago() -> Finding {
    Finding { provider: "Comcast".to_owned(), ..over(NOW_SECONDS - 601) }
}

pub fn event(seq: i64, time: i64, finding: Finding) -> Event {
    Event { seq, id: format!("{}-{seq}", finding.id), time, finding }
}
