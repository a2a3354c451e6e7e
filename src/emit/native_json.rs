//! Vector's `native_json`: one metric per numeric field, one log per event, a line each. It knows
//! Vector's shapes and nothing of how Vector is run.

use super::catalogue;
use super::document::Document;
use super::stamp::{nanoseconds, rfc3339};
use crate::record::{Event, Sample, Value};
use serde::Serialize;
use std::collections::BTreeMap;

/// Absolute counters and gauges first, then the events.
pub fn print(document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    let time = rfc3339(document.now_ns);
    for row in &document.rows {
        for (field, value) in &row.fields {
            if let Some(metric) = metric(document, row, field, value, &time) {
                line(&mut out, &Line::Metric(metric));
            }
        }
    }
    for event in &document.events {
        line(&mut out, &Line::Log(log(event)));
    }
    out
}

fn line(out: &mut Vec<u8>, line: &Line<'_>) {
    let start = out.len();
    match serde_json::to_writer(&mut *out, line) {
        Ok(()) => out.push(b'\n'),
        // Strings and finite numbers always serialise; half a line would still cost a frame.
        Err(_) => out.truncate(start),
    }
}

fn metric<'a>(
    document: &'a Document,
    row: &'a Sample,
    field: &str,
    value: &Value,
    time: &'a str,
) -> Option<Metric<'a>> {
    let value = Number { value: numeric(value)? };
    let full = catalogue::full_name(row.measurement, field);
    let counts = catalogue::is_counter(field);
    let mut tags: BTreeMap<&str, &str> =
        row.tags.iter().map(|(name, value)| (*name, value.as_str())).collect();
    if !document.host.is_empty() {
        tags.insert("host", &document.host);
    }
    Some(Metric {
        name: full.strip_prefix("pmta_").unwrap_or(&full).to_owned(),
        namespace: "pmta",
        tags,
        timestamp: time,
        kind: "absolute",
        counter: counts.then_some(value),
        gauge: (!counts).then_some(value),
    })
}

fn numeric(value: &Value) -> Option<Figure> {
    match value {
        Value::Int(number) | Value::Growing(number) => Some(Figure::Int(*number)),
        Value::Float(number) => Some(Figure::Float(*number)),
        Value::Text(_) => None,
    }
}

fn log(event: &Event) -> Log<'_> {
    let finding = &event.finding;
    Log {
        timestamp: rfc3339(nanoseconds(event.time)),
        message: &finding.message,
        event: &finding.finding,
        severity: finding.severity.name(),
        state: finding.state.name(),
        provider: &finding.provider,
        vmta: &finding.vmta,
        reason: &finding.reason,
        event_id: &event.id,
        was: finding.was,
        now: finding.now,
        n: finding.n,
        action: &finding.action,
        confidence: finding.confidence.name(),
        routing: &finding.routing,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Line<'a> {
    Metric(Metric<'a>),
    Log(Log<'a>),
}

#[derive(Serialize)]
struct Metric<'a> {
    name: String,
    namespace: &'static str,
    tags: BTreeMap<&'a str, &'a str>,
    timestamp: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    counter: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gauge: Option<Number>,
}

#[derive(Serialize, Clone, Copy)]
struct Number {
    value: Figure,
}

#[derive(Serialize, Clone, Copy)]
#[serde(untagged)]
enum Figure {
    Int(i64),
    Float(f64),
}

#[derive(Serialize)]
struct Log<'a> {
    timestamp: String,
    message: &'a str,
    event: &'a str,
    severity: &'a str,
    state: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    provider: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    vmta: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    event_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<f64>,
    n: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    action: &'a str,
    confidence: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    routing: &'a str,
}
