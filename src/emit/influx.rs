//! InfluxDB line protocol for Telegraf. It knows the escaping (the builder's) and the times; what
//! may be in a line was settled by the guard before it.

use super::document::Document;
use crate::record::{Sample, Value};
use influxdb_line_protocol::LineProtocolBuilder;
use influxdb_line_protocol::builder::{BeforeMeasurement, FieldValue};
use std::fmt::{self, Formatter};

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
    head.field(first, Fields { value, rest }).timestamp(at_ns).close_line()
}

/// The value of a row's first field, then its other fields. The builder spells and escapes letter
/// by letter, which made half of an idle run's work: it does so once a row, and for what is not
/// ours to name. Fields are numbers under names of the catalogue, which need no escape.
struct Fields<'a> {
    value: &'a Value,
    rest: &'a [(&'static str, Value)],
}

impl FieldValue for Fields<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        put(self.value, out)?;
        for (name, value) in self.rest {
            out.write_str(",")?;
            out.write_str(name)?;
            out.write_str("=")?;
            put(value, out)?;
        }
        Ok(())
    }
}

fn put(value: &Value, out: &mut Formatter<'_>) -> fmt::Result {
    match value {
        Value::Int(number) | Value::Growing(number) => {
            out.write_str(itoa::Buffer::new().format(*number))?;
            out.write_str("i")
        }
        Value::Float(number) => FieldValue::fmt(number, out),
        Value::Text(words) => FieldValue::fmt(&words.as_str(), out),
    }
}

type Lines = LineProtocolBuilder<Vec<u8>, BeforeMeasurement>;
