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
    let mut out = Vec::with_capacity(document.len() * LINE);
    for row in document.rows.iter().chain(&document.event_rows) {
        let at_ns = row.at_ns.unwrap_or(document.now_ns);
        if is_plain(row) {
            copy(&mut out, row, at_ns);
        } else {
            out = line(LineProtocolBuilder::new_with(out), row, at_ns).build();
        }
    }
    out
}

/// Whether nothing of a row needs an escape, as nearly always: measurements, tags and fields have
/// names of ours. The builder looks at each letter by itself, which was a third of an idle run.
fn is_plain(row: &Sample) -> bool {
    let plain = |byte: u8| !matches!(byte, b',' | b'=' | b' ' | b'\\');
    !row.fields.is_empty()
        && row.tags.iter().all(|(_, value)| value.bytes().all(plain))
        && !row.fields.iter().any(|(_, value)| matches!(value, Value::Text(_)))
}

/// A plain row, letter for letter as the builder spells it.
fn copy(out: &mut Vec<u8>, row: &Sample, at_ns: i64) {
    let mut digits = itoa::Buffer::new();
    let mut put = |pieces: &[&str]| pieces.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
    put(&[row.measurement]);
    for (name, value) in &row.tags {
        put(&[",", name, "=", value]);
    }
    let mut before = " ";
    for (name, value) in &row.fields {
        put(&[before, name, "="]);
        match value {
            Value::Int(number) | Value::Growing(number) => put(&[digits.format(*number), "i"]),
            Value::Float(number) => put(&[&number.to_string()]),
            Value::Text(_) => {}
        }
        before = ",";
    }
    put(&[" ", digits.format(at_ns), "\n"]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::Int),
            any::<i64>().prop_map(Value::Growing),
            (-1e15..1e15f64).prop_map(Value::Float),
        ]
    }

    proptest! {
        #[test]
        fn a_copied_row_is_what_the_builder_spells(
            tags in prop::collection::vec("[!-~é]{1,12}", 0..4),
            values in prop::collection::vec(value(), 1..5),
            at_ns in any::<i64>(),
        ) {
            let mut row = Sample::new("pmta_queue");
            row.tags = ["provider", "queue", "source", "vmta"].into_iter().zip(tags).collect();
            row.fields = ["a_total", "bytes", "ratio", "up"].into_iter().zip(values).collect();
            let spelled = line(LineProtocolBuilder::new(), &row, at_ns).build();
            if is_plain(&row) {
                let mut copied = Vec::new();
                copy(&mut copied, &row, at_ns);
                prop_assert_eq!(copied, spelled);
            } else {
                prop_assert!(spelled.contains(&b'\\'), "a row is not copied without need");
            }
        }
    }
}
