//! Prometheus text exposition for node_exporter's textfile collector and scrapers. Numbers only:
//! no events, and no times, which node_exporter refuses.

use super::catalogue;
use super::document::Document;
use crate::record::{Sample, Value};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Families whole and in one place, each with its HELP and TYPE.
pub fn print(document: &Document) -> Vec<u8> {
    let mut out = String::new();
    for rows in document.rows.chunk_by(|a, b| a.measurement == b.measurement) {
        let fields: BTreeSet<&str> =
            rows.iter().flat_map(|row| row.fields.iter().map(|(name, _)| *name)).collect();
        for field in fields {
            family(&mut out, rows, field);
        }
    }
    out.into_bytes()
}

fn family(out: &mut String, rows: &[Sample], field: &str) {
    let Some(measurement) = rows.first().map(|row| row.measurement) else { return };
    let name = catalogue::full_name(measurement, field);
    let mut headed = false;
    for row in rows {
        let Some(number) = row.field(field).and_then(number) else { continue };
        if !headed {
            let kind = if catalogue::is_counter(field) { "counter" } else { "gauge" };
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP {name} {}", help(catalogue::help(measurement, field)));
            let _ = writeln!(out, "# TYPE {name} {kind}");
            headed = true;
        }
        let _ = writeln!(out, "{name}{} {number}", labels(row));
    }
}

fn number(value: &Value) -> Option<String> {
    match value {
        Value::Int(number) | Value::Growing(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Text(_) => None,
    }
}

fn labels(row: &Sample) -> String {
    if row.tags.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> =
        row.tags.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn help(words: &str) -> String {
    words.replace('\\', "\\\\").replace('\n', "\\n")
}
