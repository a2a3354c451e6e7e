//! Every printer, from samples, findings and events that hold anything at all: each format must
//! stay readable for those who read it.

use influxdb_line_protocol::parse_lines;
use pmta_vitals::emit::catalogue::MEASUREMENTS;
use pmta_vitals::emit::{Document, FORMATS, Gathered};
use pmta_vitals::record::{Event, Finding, Sample, Severity, State, Value};

pub const WORDS: &[&str] = &[
    "\\",
    "\"",
    "\n",
    "\r",
    ",",
    "=",
    " ",
    "|",
    "'",
    "{}",
    "\0",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{85}",
    "NaN",
    "\u{fffd}",
    "someone@example.com",
];

pub fn body(data: &[u8]) {
    let mut source = Source { data, at: 0 };
    let document = Document::new(Gathered {
        now_ns: source.number(),
        host: source.text(),
        version: source.text(),
        samples: (0..source.byte() % 12).map(|_| sample(&mut source)).collect(),
        findings: (0..source.byte() % 4).map(|_| finding(&mut source)).collect(),
        events: (0..source.byte() % 4).map(|_| event(&mut source)).collect(),
        lines: 1 + usize::from(source.byte()),
    });
    for format in FORMATS {
        let bytes = (format.print)(&document);
        let text = String::from_utf8(bytes).unwrap_or_else(|why| panic!("{}: {why}", format.name));
        let wild = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(wild, None, "{}: {text:?}", format.name);
        readable(format.name, &text);
    }
}

fn readable(format: &str, text: &str) {
    match format {
        "influx" => {
            for line in parse_lines(text) {
                line.unwrap_or_else(|why| panic!("{why} in {text:?}"));
            }
        }
        "native-json" => {
            for line in text.lines() {
                serde_json::from_str::<serde_json::Value>(line)
                    .unwrap_or_else(|why| panic!("{why} in {line:?}"));
            }
        }
        "json" => {
            serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|why| panic!("{why} in {text:?}"));
        }
        "prometheus" => {
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                let (_, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line:?}"));
                assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line:?}");
            }
        }
        _ => {}
    }
}

/// Hands out the bytes as whatever is asked for; zeros when there are no more.
struct Source<'a> {
    data: &'a [u8],
    at: usize,
}

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        self.at += 1;
        self.data.get(self.at - 1).copied().unwrap_or(0)
    }

    fn number(&mut self) -> i64 {
        let mut bytes = [0; 8];
        bytes[..2].fill_with(|| self.byte());
        match self.byte() % 4 {
            0 => i64::from_le_bytes(bytes),
            1 => i64::MIN,
            2 => i64::MAX,
            _ => {
                bytes.fill_with(|| self.byte());
                i64::from_le_bytes(bytes)
            }
        }
    }

    fn float(&mut self) -> f64 {
        f64::from_bits(u64::from_le_bytes(self.number().to_le_bytes()))
    }

    fn text(&mut self) -> String {
        let length = usize::from(self.byte() % 40);
        let rest = self.data.get(self.at..).unwrap_or(&[]);
        let text = &rest[..length.min(rest.len())];
        self.at += length;
        String::from_utf8_lossy(text).into_owned()
    }
}

fn sample(source: &mut Source<'_>) -> Sample {
    let known = &MEASUREMENTS[usize::from(source.byte()) % MEASUREMENTS.len()];
    let mut row = Sample::new(known.name);
    for tag in known.tags {
        if source.byte() >= 64 {
            row.tags.push((tag, source.text()));
        }
    }
    for field in known.fields {
        let value = match source.byte() % 6 {
            0 => continue,
            1 | 2 => Value::Int(source.number()),
            3 => Value::Float(source.float()),
            4 => Value::Text(source.text()),
            _ => Value::Growing(source.number()),
        };
        row.fields.push((field.name, value));
    }
    row
}

fn finding(source: &mut Source<'_>) -> Finding {
    let at = source.number();
    let mut finding = Finding::note(&source.text(), Severity::Critical, at, source.text(), &source.text());
    finding.id = source.text();
    finding.provider = source.text();
    finding.vmta = source.text();
    finding.reason = source.text();
    finding.stage = source.text();
    finding.routing = source.text();
    finding.was = Some(source.float());
    finding.now = Some(source.float());
    finding.ci_low = Some(source.float());
    finding.recipients = Some(source.number());
    finding.suppressed_by = Some(source.text());
    finding.changed = source.number();
    finding.state = match source.byte() % 4 {
        0 => State::Firing,
        1 => State::Suppressed,
        2 => State::Resolved,
        _ => State::Noted,
    };
    finding
}

fn event(source: &mut Source<'_>) -> Event {
    Event { seq: source.number(), id: source.text(), time: source.number(), finding: finding(source) }
}
