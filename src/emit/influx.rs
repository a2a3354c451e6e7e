//! InfluxDB line protocol for Telegraf. It knows the escaping (the builder's) and the times; what
//! may be in a line was settled by the guard before it.

use super::document::Document;
use crate::record::{Sample, Value};
use influxdb_line_protocol::LineProtocolBuilder;
use influxdb_line_protocol::builder::{AfterField, BeforeMeasurement};

/// About the length of a line, to make room once.
const LINE: usize = 256;

/// Whole lines, each ended by LF; one time for the run, their own for events; no `host` tag, which
/// Telegraf adds.
pub fn print(document: &Document) -> Vec<u8> {
    let mut lines = LineProtocolBuilder::new_with(Vec::with_capacity(document.len() * LINE));
    for row in document.rows.iter().chain(&document.event_rows) {
        lines = line(lines, row, row.at_ns.unwrap_or(document.now_ns));
    }
    lines.build()
}

fn line(lines: Lines, row: &Sample, at_ns: i64) -> Lines {
    let Some(((first, value), rest)) = row.fields.split_first() else { return lines };
    let mut head = lines.measurement(row.measurement);
    for (name, value) in &row.tags {
        head = head.tag(name, value);
    }
    let mut body = match value {
        Value::Int(number) | Value::Growing(number) => head.field(first, *number),
        Value::Float(number) => head.field(first, *number),
        Value::Text(words) => head.field(first, words.as_str()),
    };
    for (name, value) in rest {
        body = field(body, name, value);
    }
    body.timestamp(at_ns).close_line()
}

fn field(body: Body, name: &str, value: &Value) -> Body {
    match value {
        Value::Int(number) | Value::Growing(number) => body.field(name, *number),
        Value::Float(number) => body.field(name, *number),
        Value::Text(words) => body.field(name, words.as_str()),
    }
}

type Lines = LineProtocolBuilder<Vec<u8>, BeforeMeasurement>;
type Body = LineProtocolBuilder<Vec<u8>, AfterField>;
