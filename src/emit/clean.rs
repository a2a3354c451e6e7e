//! The one guard before every format: what it lets through is safe in each of them. It knows no
//! format; escaping is theirs.

use crate::record::{Finding, Value};

/// Longest tag value in bytes.
const TAG_MAX: usize = 200;
/// Longest string field in bytes.
const TEXT_MAX: usize = 1_024;
/// From here on a float stops being a measurement.
const FLOAT_MAX: f64 = 1e15;

/// A tag value without control characters and backslashes, which no two hosts read alike;
/// blanks at its ends go too. Empty means: leave the tag out.
pub fn tag(value: &str) -> String {
    let clean: String = value.chars().map(|c| if c.is_control() || c == '\\' { '_' } else { c }).collect();
    cut(clean.trim(), TAG_MAX).trim_end().to_owned()
}

/// The same without a copy where nothing has to be done, which is nearly always.
pub fn tag_in_place(value: &mut String) {
    let harmless = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let ends = [value.as_bytes().first(), value.as_bytes().last()];
    let clean = value.len() <= TAG_MAX
        && value.bytes().all(|byte| harmless(byte) || byte == b' ')
        && ends.into_iter().flatten().all(|byte| harmless(*byte));
    if !clean {
        *value = tag(value);
    }
}

/// A text on one line and of bounded length.
pub fn text(value: &str) -> String {
    let clean: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(clean.trim(), TEXT_MAX).trim_end().to_owned()
}

/// A finite number of ordinary size, to six decimals (so that no format needs an exponent).
pub fn float(value: f64) -> Option<f64> {
    if !value.is_finite() || value.abs() >= FLOAT_MAX {
        return None;
    }
    // Adding zero turns -0.0 into 0.0.
    Some((value * 1e6).round() / 1e6 + 0.0)
}

/// A float as the nearest integer, clamped to what an integer holds.
pub fn rounded(value: f64) -> Option<i64> {
    // `as` saturates, which is the clamp.
    value.is_finite().then(|| value.round() as i64)
}

pub fn value(value: Value) -> Option<Value> {
    match value {
        Value::Int(number) | Value::Growing(number) => Some(Value::Int(number)),
        Value::Float(number) => float(number).map(Value::Float),
        Value::Text(words) => Some(text(&words)).filter(|words| !words.is_empty()).map(Value::Text),
    }
}

/// Every string and number of a finding.
pub fn finding(finding: &mut Finding) {
    for word in [
        &mut finding.finding,
        &mut finding.provider,
        &mut finding.vmta,
        &mut finding.reason,
        &mut finding.stage,
    ] {
        *word = tag(word);
    }
    for words in [&mut finding.id, &mut finding.message, &mut finding.action, &mut finding.routing] {
        *words = text(words);
    }
    finding.suppressed_by = finding.suppressed_by.take().map(|words| text(&words));
    for number in [
        &mut finding.was,
        &mut finding.now,
        &mut finding.ci_low,
        &mut finding.ci_high,
        &mut finding.explained,
    ] {
        *number = number.and_then(float);
    }
}

/// At most `max` bytes, ending on a whole character.
pub fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hosts_read_differently_is_replaced() {
        for (dirty, clean) in [
            ("Gmail", "Gmail"),
            ("a\\b\tc\n", "a_b_c_"),
            (" padded ", "padded"),
            ("\u{0}\u{85}", "__"),
            ("   ", ""),
            ("a=b, c", "a=b, c"),
        ] {
            assert_eq!(tag(dirty), clean, "{dirty:?}");
            let mut in_place = dirty.to_owned();
            tag_in_place(&mut in_place);
            assert_eq!(in_place, clean, "{dirty:?}");
        }
        assert_eq!(text("421 \"no\"\r\n\\ later\n"), "421 \"no\"  \\ later");
    }

    #[test]
    fn lengths_end_on_whole_characters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(tag(&"é".repeat(500)).len(), TAG_MAX);
        assert_eq!(text(&"→".repeat(500)).len(), 1023);
    }

    #[test]
    fn floats_are_finite_short_and_of_ordinary_size() {
        for (dirty, clean) in [
            (f64::NAN, None),
            (f64::INFINITY, None),
            (1e15, None),
            (-1e300, None),
            (0.1 + 0.2, Some(0.3)),
            (1e-300, Some(0.0)),
            (9e14, Some(9e14)),
        ] {
            assert_eq!(float(dirty), clean, "{dirty}");
        }
        assert!(float(-1e-9).unwrap().is_sign_positive());
        assert_eq!(rounded(1e300), Some(i64::MAX));
        assert_eq!(rounded(f64::NAN), None);
    }
}
