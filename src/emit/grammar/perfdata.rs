//! Plugin output as Nagios, Icinga and Telegraf's nagios parser read it.

use std::collections::BTreeMap;

/// The performance data of an output that every host reads alike.
pub fn read(output: &str, max: usize) -> Result<BTreeMap<String, f64>, String> {
    if output.len() > max || !output.ends_with('\n') {
        return Err(format!("{} bytes of {max}, or no LF", output.len()));
    }
    let mut lines = output.lines();
    let first = lines.next().unwrap_or_default();
    if output.chars().any(|c| c.is_control() && c != '\n') || lines.any(|line| line.contains('|')) {
        return Err("control character, or performance data in a later line".to_owned());
    }
    let (text, data) = first.split_once(" | ").unwrap_or((first, ""));
    let words = ["VITALS OK - ", "VITALS WARNING - ", "VITALS CRITICAL - ", "VITALS UNKNOWN - "];
    if text.contains('|') || data.contains('|') || !words.iter().any(|word| first.starts_with(word)) {
        return Err(format!("bad first line: {first}"));
    }
    let mut items = BTreeMap::new();
    let mut rest = data;
    while !rest.is_empty() {
        let (label, after) = label(rest).ok_or_else(|| format!("bad label: {rest}"))?;
        let (item, after) = after.split_once(' ').unwrap_or((after, ""));
        let value = value(item).ok_or_else(|| format!("bad item: {item}"))?;
        items.insert(label.to_owned(), value);
        rest = after;
    }
    Ok(items)
}

fn label(raw: &str) -> Option<(&str, &str)> {
    let (label, rest) = match raw.strip_prefix('\'') {
        Some(body) => body.split_once("'=")?,
        None => raw.split_once('=')?,
    };
    let bare = !raw.starts_with('\'');
    let bad = label.is_empty() || label.contains(['=', '\'', '"']) || (bare && label.contains(' '));
    (!bad && !label.contains("::")).then_some((label, rest))
}

fn value(item: &str) -> Option<f64> {
    let mut parts = item.split(';');
    let first = parts.next()?;
    let number = first.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    if !["", "s", "%", "B", "c"].contains(&first.get(number.len()..)?) {
        return None;
    }
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    let rest: Vec<&str> = parts.collect();
    let ranges = rest.iter().take(2).all(|range| plain(&range.replace(['@', '~', ':'], "")));
    let bounds = rest.iter().skip(2).all(|bound| plain(bound));
    if plain(number) && ranges && bounds && rest.len() <= 4 { number.parse().ok() } else { None }
}

#[test]
fn what_some_host_misreads_is_refused() {
    let ok = |line: &str| read(&format!("{line}\n"), 8_000);
    assert_eq!(ok("VITALS OK - fine | a=1s;2;@3:4;0;9 'b c'=2.5%").unwrap().len(), 2);
    for bad in [
        "OK - fine",
        "VITALS OK - a | b | c=1",
        "VITALS OK - a | b=U",
        "VITALS OK - a | b=1e3",
        "VITALS OK - a | b c=1",
        "VITALS OK - a | b=1kg",
        "VITALS OK - a | b=1,5",
        "VITALS OK - a\nb | c=1",
        "VITALS OK - a\tb",
    ] {
        assert!(ok(bad).is_err(), "{bad}");
    }
    assert!(read("VITALS OK - too long\n", 10).is_err());
}
