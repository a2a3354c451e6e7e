//! A line of `native_json` as Vector's codec decodes it: one kind of value, tags as strings.

use super::Numbers;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    Metric(Metric),
    Log(Map<String, Value>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    pub name: String,
    pub namespace: String,
    pub tags: BTreeMap<String, String>,
    pub timestamp: String,
    pub kind: Kind,
    pub counter: Option<Figure>,
    pub gauge: Option<Figure>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Absolute,
    Incremental,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    pub value: f64,
}

/// Keys that Vector or its exec source fill in with a meaning of their own.
const RESERVED: &[&str] = &["pid", "command", "stream", "source_type"];

pub fn read(text: &str) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for raw in text.split_terminator('\n') {
        let line: Line = serde_json::from_str(raw).map_err(|error| format!("{error}: {raw}"))?;
        match &line {
            Line::Metric(metric) => {
                if metric.counter.is_some() == metric.gauge.is_some() {
                    return Err(format!("not exactly one value: {raw}"));
                }
                if metric.kind != Kind::Absolute || metric.counter.is_some() != is_counter(&metric.name) {
                    return Err(format!("wrong kind: {raw}"));
                }
                rfc3339(&metric.timestamp)?;
                if metric.tags.values().any(String::is_empty) || metric.namespace != "pmta" {
                    return Err(format!("empty tag or wrong namespace: {raw}"));
                }
            }
            Line::Log(log) => check_log(log).map_err(|why| format!("{why}: {raw}"))?,
        }
        lines.push(line);
    }
    Ok(lines)
}

/// The numbers, named as the other formats name them and without the host.
pub fn numbers(lines: &[Line]) -> Numbers {
    let mut numbers = Numbers::new();
    for line in lines {
        let Line::Metric(metric) = line else { continue };
        let mut tags = metric.tags.clone();
        tags.remove("host");
        let value = metric.counter.as_ref().or(metric.gauge.as_ref()).unwrap().value;
        assert_eq!(numbers.insert((format!("pmta_{}", metric.name), tags), value), None, "twice");
    }
    numbers
}

fn check_log(log: &Map<String, Value>) -> Result<(), String> {
    for needed in ["timestamp", "message", "event", "severity", "state", "event_id", "n", "confidence"] {
        if !log.contains_key(needed) {
            return Err(format!("no {needed}"));
        }
    }
    if let Some(reserved) = RESERVED.iter().find(|key| log.contains_key(**key)) {
        return Err(format!("{reserved} is Vector's"));
    }
    let time = log.get("timestamp").and_then(Value::as_str).unwrap_or_default();
    rfc3339(time)
}

/// UTC with milliseconds, and a real time.
fn rfc3339(time: &str) -> Result<(), String> {
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    if shape != "0000-00-00T00:00:00.000Z" {
        return Err(format!("{time} is not RFC 3339"));
    }
    time.parse::<jiff::Timestamp>().map(drop).map_err(|error| error.to_string())
}

fn is_counter(name: &str) -> bool {
    name.ends_with("_total")
}

#[test]
fn what_vector_refuses_is_refused() {
    let metric = |body: &str| {
        format!(
            r#"{{"metric":{{"name":"a","namespace":"pmta","tags":{{"t":"x"}},"timestamp":"2026-08-21T10:00:00.000Z",{body}}}}}"#
        )
    };
    assert!(read(&metric(r#""kind":"absolute","gauge":{"value":1}"#)).is_ok());
    for bad in [
        r#""gauge":{"value":1}"#,
        r#""kind":"absolute""#,
        r#""kind":"absolute","gauge":{"value":1},"counter":{"value":1}"#,
        r#""kind":"absolute","gauge":{"value":null}"#,
        r#""kind":"absolute","gauge":{"value":1},"extra":1"#,
        r#""kind":"gauge","gauge":{"value":1}"#,
        r#""kind":"absolute","counter":{"value":1}"#,
    ] {
        assert!(read(&metric(bad)).is_err(), "{bad}");
    }
    let good = metric(r#""kind":"absolute","gauge":{"value":1}"#);
    for (from, to) in [(r#""x""#, "null"), (r#""x""#, "1"), (r#""x""#, r#""""#), ("T10:00:00.000Z", " ten")] {
        assert!(read(&good.replace(from, to)).is_err(), "{to}");
    }
    assert!(read(r#"{"log":{"message":"x"}}"#).is_err());
}
