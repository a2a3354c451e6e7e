//! The Prometheus text format, with node_exporter's own rules: no times, families whole.

use super::Numbers;
use std::collections::{BTreeMap, BTreeSet};

pub fn read(text: &str) -> Result<Numbers, String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("no LF at the end".to_owned());
    }
    let mut numbers = Numbers::new();
    let mut families = BTreeSet::new();
    let mut helped = "";
    let mut family = "";
    for line in text.split_terminator('\n') {
        let refuse = |why: &str| Err(format!("{why}: {line:?}"));
        if let Some(rest) = line.strip_prefix("# HELP ") {
            helped = rest.split(' ').next().unwrap_or_default();
            if !families.insert(helped) || rest.len() <= helped.len() + 1 {
                return refuse("family twice or without help");
            }
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, ""));
            let counter = name.ends_with("_total");
            if name != helped || kind != (if counter { "counter" } else { "gauge" }) {
                return refuse("wrong type line");
            }
            family = name;
        } else {
            let Some((name, labels, value)) = sample(line) else { return refuse("no sample") };
            if name != family {
                return refuse("sample outside its family");
            }
            if numbers.insert((name.to_owned(), labels), value).is_some() {
                return refuse("series twice");
            }
        }
    }
    Ok(numbers)
}

fn sample(line: &str) -> Option<(&str, BTreeMap<String, String>, f64)> {
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(body) = rest.strip_prefix('{') {
        rest = body;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            let plain = !label.is_empty() && label.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if !plain || labels.insert(label.to_owned(), value).is_some() {
                return None;
            }
            rest = match after.strip_prefix(',') {
                Some(more) => more,
                None => break rest = after.strip_prefix('}')?,
            };
        }
    }
    let value = rest.strip_prefix(' ')?;
    let plain = value.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    if plain { Some((name, labels, value.parse().ok()?)) } else { None }
}

/// The text up to the closing quote, unescaped, and what follows.
fn quoted(raw: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = raw.char_indices();
    while let Some((place, c)) = chars.next() {
        match c {
            '"' => return Some((value, &raw[place + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                c @ ('\\' | '"') => value.push(c),
                _ => return None,
            },
            c => value.push(c),
        }
    }
    None
}

#[test]
fn what_node_exporter_refuses_is_refused() {
    let head = "# HELP a_total x\n# TYPE a_total counter\n";
    for good in ["a_total 1\n", "a_total{b=\"c,}\\\"\"} -1.5\n", "a_total{b=\"1\",c=\"2\"} 1\n"] {
        assert!(read(&format!("{head}{good}")).is_ok(), "{good}");
    }
    for bad in [
        "a_total 1 1700000000\n",
        "a_total 1",
        "a_total{b=\"c} 1\n",
        "a_total{b=\"\\t\"} 1\n",
        "a_total NaN\n",
        "b 1\n",
        "a_total 1\na_total 1\n",
        "a_total{b=\"c\"}1\n",
    ] {
        assert!(read(&format!("{head}{bad}")).is_err(), "{bad}");
    }
    assert!(read("# HELP a x\n# TYPE a counter\n").is_err());
}
