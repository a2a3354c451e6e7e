//! Line protocol as the strictest of Telegraf, InfluxDB and Vector read it.

use super::Numbers;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq)]
pub enum Held {
    Int(i64),
    Float(f64),
    Text(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub measurement: String,
    pub tags: BTreeMap<String, String>,
    pub fields: BTreeMap<String, Held>,
    pub time: i64,
}

/// Every line, or the first that some host would refuse.
pub fn read(text: &str) -> Result<Vec<Line>, String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("no LF at the end".to_owned());
    }
    let mut points = BTreeSet::new();
    let mut lines = Vec::new();
    for raw in text.split_terminator('\n') {
        let line = read_line(raw).map_err(|why| format!("{why}: {raw:?}"))?;
        if !points.insert((line.measurement.clone(), line.tags.clone(), line.time)) {
            return Err(format!("series and time twice: {raw:?}"));
        }
        lines.push(line);
    }
    Ok(lines)
}

/// The numbers of all measurements but events.
pub fn numbers(lines: &[Line]) -> Numbers {
    let mut numbers = Numbers::new();
    for line in lines.iter().filter(|line| line.measurement != "pmta_event") {
        for (field, held) in &line.fields {
            let number = match held {
                Held::Int(number) => *number as f64,
                Held::Float(number) => *number,
                Held::Text(_) => continue,
            };
            numbers.insert((format!("{}_{field}", line.measurement), line.tags.clone()), number);
        }
    }
    numbers
}

fn read_line(raw: &str) -> Result<Line, &'static str> {
    if raw.chars().any(char::is_control) {
        return Err("control character");
    }
    let (head, rest) = split_at_bare(raw, ' ', false).ok_or("no fields")?;
    let (fields, time) = split_at_bare(rest, ' ', true).ok_or("no time")?;
    let (measurement, tags) = match split_at_bare(head, ',', false) {
        Some((measurement, tags)) => (measurement, read_tags(tags)?),
        None => (head, BTreeMap::new()),
    };
    Ok(Line {
        measurement: name(measurement)?,
        tags,
        fields: read_fields(fields)?,
        time: whole(time).ok_or("bad time")?,
    })
}

fn read_tags(raw: &str) -> Result<BTreeMap<String, String>, &'static str> {
    let mut tags = BTreeMap::new();
    for pair in split_bare(raw, ',', false) {
        let (key, value) = split_at_bare(pair, '=', false).ok_or("tag without value")?;
        let key = name(key)?;
        if tags.keys().next_back().is_some_and(|last: &String| *last >= key) {
            return Err("tags not sorted or twice");
        }
        tags.insert(key, tag_value(value)?);
    }
    Ok(tags)
}

fn tag_value(raw: &str) -> Result<String, &'static str> {
    let mut value = String::new();
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ (',' | '=' | ' ')) => value.push(c),
                _ => return Err("backslash in a tag"),
            },
            ',' | '=' | ' ' => return Err("bare special character in a tag"),
            c => value.push(c),
        }
    }
    if value.is_empty() || value.len() > 256 { Err("tag empty or too long") } else { Ok(value) }
}

fn read_fields(raw: &str) -> Result<BTreeMap<String, Held>, &'static str> {
    let mut fields = BTreeMap::new();
    for pair in split_bare(raw, ',', true) {
        let (key, value) = pair.split_once('=').ok_or("field without value")?;
        if fields.insert(name(key)?, held(value)?).is_some() {
            return Err("field twice");
        }
    }
    if fields.is_empty() { Err("no field") } else { Ok(fields) }
}

fn held(raw: &str) -> Result<Held, &'static str> {
    if let Some(body) = raw.strip_prefix('"') {
        return string(body.strip_suffix('"').ok_or("string without end")?).map(Held::Text);
    }
    if let Some(digits) = raw.strip_suffix('i') {
        return whole(digits).map(Held::Int).ok_or("bad integer");
    }
    let (integral, fraction) = raw.split_once('.').unwrap_or((raw, "0"));
    let plain = whole(integral.trim_start_matches('-')).is_some_and(|number| number < 1_000_000_000_000_000);
    if !plain || fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("bad float");
    }
    raw.parse().map(Held::Float).map_err(|_| "bad float")
}

fn string(raw: &str) -> Result<String, &'static str> {
    let mut value = String::new();
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | '"')) => value.push(c),
                _ => return Err("lone backslash in a string"),
            },
            '"' => return Err("bare quote in a string"),
            c => value.push(c),
        }
    }
    if value.len() > 64 * 1024 { Err("string too long") } else { Ok(value) }
}

/// No sign but minus, no leading zero, within 64 bits.
fn whole(raw: &str) -> Option<i64> {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    let padded = digits.len() > 1 && digits.starts_with('0');
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain && !padded { raw.parse().ok() } else { None }
}

fn name(raw: &str) -> Result<String, &'static str> {
    let good = raw.starts_with(|c: char| c.is_ascii_lowercase())
        && raw.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if good && raw != "time" { Ok(raw.to_owned()) } else { Err("bad name") }
}

fn split_bare(raw: &str, at: char, quotes: bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = raw;
    while let Some((part, after)) = split_at_bare(rest, at, quotes) {
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

/// At the first such character that is neither escaped nor, where quotes count, within them.
fn split_at_bare(raw: &str, at: char, quotes: bool) -> Option<(&str, &str)> {
    let mut escaped = false;
    let mut quoted = false;
    for (place, c) in raw.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if quotes && c == '"' {
            quoted = !quoted;
        } else if c == at && !quoted {
            return Some((&raw[..place], &raw[place + c.len_utf8()..]));
        }
    }
    None
}

#[test]
fn what_some_host_refuses_is_refused() {
    assert!(read("m,a=b\\ c,d=e\\=f x=1i,y=\"q\\\"\\\\ ,=\",z=-0.5 12\n").is_ok());
    for bad in [
        "m x=1i 1",
        "m,a= x=1i 1\n",
        "m,a=b\\ x=1i 1\n",
        "m,a=b\\\\ x=1i 1\n",
        "m,a=b=c x=1i 1\n",
        "m,b=1,a=1 x=1i 1\n",
        "m,a=1,a=1 x=1i 1\n",
        "m x=NaN 1\n",
        "m x=inf 1\n",
        "m x=.5 1\n",
        "m x=5. 1\n",
        "m x=007i 1\n",
        "m x=9223372036854775808i 1\n",
        "m x=1u 1\n",
        "m x=\"a\\nb\" 1\n",
        "m x=\"a\"b\" 1\n",
        "m x=1i,x=2i 1\n",
        "m x=1i 99999999999999999999\n",
        "m x=1i 1.5\n",
        "m x=1i\n",
        "m x=1i 1\r\n",
        "m,a=\u{1}b x=1i 1\n",
        "m x=1i 1\nm x=2i 1\n",
        "m x=10000000000000000000000.5 1\n",
    ] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
}
