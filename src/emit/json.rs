//! One JSON document per run, and one line per change of a finding. The shape is
//! `schema/collect.schema.json`; every key is always there, null when unknown.

use super::clean;
use super::document::Document;
use super::stamp::{rfc3339, rfc3339_at};
use crate::record::{Event, Finding, Sample, Value};
use serde::Serialize;
use std::collections::BTreeMap;

pub fn print(document: &Document) -> Vec<u8> {
    let (collector, metrics): (Vec<&Sample>, Vec<&Sample>) =
        document.rows.iter().partition(|row| row.measurement == "pmta_collector");
    let whole = Whole {
        version: &document.version,
        time: rfc3339(document.now_ns),
        host: &document.host,
        metrics: metrics.into_iter().map(Row::of).collect(),
        findings: document.findings.iter().map(Standing::of).collect(),
        events: document.events.iter().map(Told::of).collect(),
        collector: collector.into_iter().map(Row::of).collect(),
    };
    let mut out = serde_json::to_vec(&whole).unwrap_or_default();
    out.push(b'\n');
    out
}

/// A change of state as one JSON line, LF included: what `replay` prints.
pub fn told(event: &Event) -> Vec<u8> {
    let mut event = event.clone();
    clean::finding(&mut event.finding);
    let mut out = serde_json::to_vec(&Told::of(&event)).unwrap_or_default();
    out.push(b'\n');
    out
}

#[derive(Serialize)]
struct Whole<'a> {
    version: &'a str,
    time: String,
    host: &'a str,
    metrics: Vec<Row<'a>>,
    findings: Vec<Standing<'a>>,
    events: Vec<Told<'a>>,
    collector: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    measurement: &'static str,
    tags: BTreeMap<&'static str, &'a str>,
    fields: BTreeMap<&'static str, Held<'a>>,
}

impl<'a> Row<'a> {
    fn of(row: &'a Sample) -> Row<'a> {
        Row {
            measurement: row.measurement,
            tags: row.tags.iter().map(|(name, value)| (*name, value.as_str())).collect(),
            fields: row.fields.iter().map(|(name, value)| (*name, Held::of(value))).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Held<'a> {
    Int(i64),
    Float(f64),
    Text(&'a str),
}

impl<'a> Held<'a> {
    fn of(value: &'a Value) -> Held<'a> {
        match value {
            Value::Int(number) | Value::Growing(number) => Held::Int(*number),
            Value::Float(number) => Held::Float(*number),
            Value::Text(words) => Held::Text(words),
        }
    }
}

/// A finding as it stands in this run.
#[derive(Serialize)]
struct Standing<'a> {
    id: &'a str,
    finding: &'a str,
    state: &'static str,
    severity_worst: &'static str,
    began: String,
    changed: String,
    #[serde(flatten)]
    known: Known<'a>,
}

impl<'a> Standing<'a> {
    fn of(finding: &'a Finding) -> Standing<'a> {
        Standing {
            id: &finding.id,
            finding: &finding.finding,
            state: finding.state.name(),
            severity_worst: finding.worst.name(),
            began: rfc3339_at(finding.began, finding.offset_minutes),
            changed: rfc3339_at(finding.changed, finding.offset_minutes),
            known: Known::of(finding),
        }
    }
}

/// A change of state, with the keys that `replay` promises.
#[derive(Serialize)]
struct Told<'a> {
    time: String,
    began: String,
    event_id: &'a str,
    event: &'a str,
    state: &'static str,
    #[serde(flatten)]
    known: Known<'a>,
}

impl<'a> Told<'a> {
    fn of(event: &'a Event) -> Told<'a> {
        let finding = &event.finding;
        Told {
            time: rfc3339_at(event.time, finding.offset_minutes),
            began: rfc3339_at(finding.began, finding.offset_minutes),
            event_id: &event.id,
            event: &finding.finding,
            state: finding.state.name(),
            known: Known::of(finding),
        }
    }
}

#[derive(Serialize)]
struct Known<'a> {
    severity: &'static str,
    provider: Option<&'a str>,
    vmta: Option<&'a str>,
    reason: Option<&'a str>,
    stage: Option<&'a str>,
    unit: &'static str,
    was: Option<f64>,
    now: Option<f64>,
    ci_low: Option<f64>,
    ci_high: Option<f64>,
    n: i64,
    n_queue: i64,
    recipients: Option<i64>,
    explained: Option<f64>,
    message: Option<&'a str>,
    action: Option<&'a str>,
    confidence: &'static str,
    routing: Option<&'a str>,
    suppressed_by: Option<&'a str>,
}

impl<'a> Known<'a> {
    fn of(finding: &'a Finding) -> Known<'a> {
        Known {
            severity: finding.severity.name(),
            provider: said(&finding.provider),
            vmta: said(&finding.vmta),
            reason: said(&finding.reason),
            stage: said(&finding.stage),
            unit: finding.unit.name(),
            was: finding.was,
            now: finding.now,
            ci_low: finding.ci_low,
            ci_high: finding.ci_high,
            n: finding.n,
            n_queue: finding.n_queue,
            recipients: finding.recipients,
            explained: finding.explained,
            message: said(&finding.message),
            action: said(&finding.action),
            confidence: finding.confidence.name(),
            routing: said(&finding.routing),
            suppressed_by: finding.suppressed_by.as_deref().and_then(said),
        }
    }
}

fn said(words: &str) -> Option<&str> {
    (!words.is_empty()).then_some(words)
}
