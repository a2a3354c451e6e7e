//! The ranges that Nagios plugins take behind `-w` and `-c`. It knows no check.

use std::fmt;

/// `[@]start:end`: alerts outside, with `@` inside, both ends belonging to the range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    start: f64,
    end: f64,
    inside: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    #[error("range \"{0}\": not a number (write 10, 10:, ~:10, 10:20 or @10:20)")]
    Number(String),
    #[error("range \"{0}\": its start is above its end (write the smaller number first)")]
    Order(String),
}

impl Range {
    /// An empty text is no check at all.
    pub fn parse(text: &str) -> Result<Option<Range>, RangeError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Ok(None);
        }
        let (inside, body) = trimmed.strip_prefix('@').map_or((false, trimmed), |rest| (true, rest));
        let number = |part: &str| parse_number(part).ok_or_else(|| RangeError::Number(shown(text)));
        let (start, end) = match body.split_once(':') {
            None => (0.0, number(body)?),
            Some(("", "")) => return Err(RangeError::Number(shown(text))),
            Some((start, end)) => {
                let start = match start {
                    "~" => f64::NEG_INFINITY,
                    "" => 0.0,
                    part => number(part)?,
                };
                (start, if end.is_empty() { f64::INFINITY } else { number(end)? })
            }
        };
        if start > end {
            return Err(RangeError::Order(shown(text)));
        }
        Ok(Some(Range { start, end, inside }))
    }

    pub fn alerts(&self, value: f64) -> bool {
        (self.start <= value && value <= self.end) == self.inside
    }
}

impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.inside {
            write!(out, "@")?;
        }
        if self.start == f64::NEG_INFINITY {
            write!(out, "~:")?;
        } else if self.start != 0.0 || self.end == f64::INFINITY {
            write!(out, "{}:", self.start)?;
        }
        if self.end == f64::INFINITY { Ok(()) } else { write!(out, "{}", self.end) }
    }
}

/// Digits with at most one point and a sign: the hosts read no exponent and no `inf`.
fn parse_number(text: &str) -> Option<f64> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'));
    if plain && text.len() <= 32 { text.parse().ok() } else { None }
}

fn shown(text: &str) -> String {
    super::plain(super::super::clean::cut(text, 40))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_alert_as_the_guidelines_say() {
        // (range, values that alert, values that do not)
        let table: &[(&str, &[f64], &[f64])] = &[
            ("10", &[-0.1, 10.1], &[0.0, 5.0, 10.0]),
            ("10:", &[9.9, -1.0], &[10.0, 1e12]),
            ("~:10", &[10.1], &[10.0, -1e12]),
            ("10:20", &[9.9, 20.1], &[10.0, 20.0]),
            ("@10:20", &[10.0, 15.0, 20.0], &[9.9, 20.1]),
            ("@5", &[0.0, 5.0], &[-0.1, 5.1]),
            (":5", &[-0.1, 5.1], &[0.0, 5.0]),
            ("-20:-10", &[-21.0, 0.0], &[-20.0, -10.0]),
            ("0.5:1.5", &[0.4], &[0.5, 1.5]),
            ("~:", &[], &[-1e12, 1e12]),
            ("10:10", &[9.0], &[10.0]),
        ];
        for (text, alert, quiet) in table {
            let range = Range::parse(text).unwrap().unwrap();
            assert!(alert.iter().all(|value| range.alerts(*value)), "{text} should alert");
            assert!(quiet.iter().all(|value| !range.alerts(*value)), "{text} should be quiet");
            assert_eq!(Range::parse(&range.to_string()), Ok(Some(range)), "{text} -> {range}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused_with_the_way_to_write_it() {
        for text in ["abc", "1:2:3", "@", ":", "1e3", "inf", "nan", "10%", "--1", "1:x", "~", "@~"] {
            assert!(matches!(Range::parse(text), Err(RangeError::Number(_))), "{text}");
        }
        assert_eq!(Range::parse("20:10"), Err(RangeError::Order("20:10".to_owned())));
        assert_eq!(Range::parse(" "), Ok(None));
        assert!(!Range::parse("a|b\n").unwrap_err().to_string().contains(['|', '\n']));
    }
}
