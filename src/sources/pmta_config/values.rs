//! PowerMTA's spellings of times, sizes, rates and booleans. Pure; what makes no sense is `None`.

use serde::{Deserialize, Serialize};

/// So many in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    pub count: u64,
    pub seconds: u64,
}

impl Rate {
    #[allow(clippy::cast_precision_loss, reason = "a rate is an estimate")]
    pub fn per_second(self) -> f64 {
        self.count as f64 / self.seconds.max(1) as f64
    }
}

/// `yes`, `no`, `true`, `false`.
pub fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" => Some(true),
        "no" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// A plain number; `unlimited` is `Some(None)`.
pub fn count(text: &str) -> Option<Option<u64>> {
    if text.eq_ignore_ascii_case("unlimited") { Some(None) } else { text.parse().ok().map(Some) }
}

/// `1w2d12h`, `300s`, a plain number of seconds; `never` is `Some(None)`.
pub fn interval(text: &str) -> Option<Option<u64>> {
    if text.eq_ignore_ascii_case("never") {
        return Some(None);
    }
    if let Ok(seconds) = text.parse() {
        return Some(Some(seconds));
    }
    let (mut total, mut number, mut parts) = (0_u64, None::<u64>, 0);
    for letter in text.chars() {
        if let Some(digit) = letter.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(u64::from(digit))?);
        } else {
            total = total.checked_add(number.take()?.checked_mul(unit(letter)?)?)?;
            parts += 1;
        }
    }
    if number.is_none() && parts > 0 { Some(Some(total)) } else { None }
}

/// A list as in `retry-after 10m,10m,1h`.
pub fn intervals(text: &str) -> Option<Vec<u64>> {
    text.split(',').map(|part| interval(part.trim()).flatten()).collect()
}

/// `250M`, `1G`, `2 GB`, plain bytes.
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        "t" | "tb" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// `100/m`, `1/10s`, `400/day`; `unlimited` is `Some(None)`.
pub fn rate(text: &str) -> Option<Option<Rate>> {
    if text.eq_ignore_ascii_case("unlimited") {
        return Some(None);
    }
    let (count, period) = text.split_once('/')?;
    let digits = period.bytes().take_while(u8::is_ascii_digit).count();
    let (times, name) = period.split_at_checked(digits)?;
    let times: u64 = if times.is_empty() { 1 } else { times.parse().ok()? };
    let seconds = match name.trim().to_ascii_lowercase().as_str() {
        "s" | "sec" | "second" => 1,
        "m" | "min" | "minute" => 60,
        "h" | "hr" | "hour" => 3_600,
        "d" | "day" => 86_400,
        _ => return None,
    };
    let seconds = times.checked_mul(seconds).filter(|seconds| *seconds > 0)?;
    Some(Some(Rate { count: count.trim().parse().ok()?, seconds }))
}

fn unit(letter: char) -> Option<u64> {
    Some(match letter.to_ascii_lowercase() {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_powermta_writes_them() {
        for (text, expected) in [
            ("10m", Some(Some(600))),
            ("4d12h", Some(Some(388_800))),
            ("1w2d12h", Some(Some(820_800))),
            ("300s", Some(Some(300))),
            ("45", Some(Some(45))),
            ("never", Some(None)),
            ("", None),
            ("h", None),
            ("10m5", None),
            ("10x", None),
            ("-5m", None),
            ("99999999999999999999w", None),
            ("18446744073709551615w", None),
        ] {
            assert_eq!(interval(text), expected, "{text}");
        }
        assert_eq!(intervals("10m, 10m,1h"), Some(vec![600, 600, 3_600]));
        assert_eq!(intervals("10m,never"), None);
    }

    #[test]
    fn sizes_and_counts_and_flags() {
        for (text, expected) in [
            ("250M", Some(250 << 20)),
            ("1G", Some(1 << 30)),
            ("2 gb", Some(2 << 30)),
            ("1000", Some(1_000)),
            ("10%", None),
            ("", None),
            ("99999999999999T", None),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
        assert_eq!(count("unlimited"), Some(None));
        assert_eq!(count("20"), Some(Some(20)));
        assert_eq!(count("many"), None);
        assert_eq!(flag("Yes"), Some(true));
        assert_eq!(flag("maybe"), None);
    }

    #[test]
    fn rates_are_read_with_and_without_a_multiple() {
        for (text, expected) in [
            ("250/h", Some(Some(Rate { count: 250, seconds: 3_600 }))),
            ("1/10s", Some(Some(Rate { count: 1, seconds: 10 }))),
            ("400/day", Some(Some(Rate { count: 400, seconds: 86_400 }))),
            ("unlimited", Some(None)),
            ("5/0s", None),
            ("5", None),
            ("5/fortnight", None),
        ] {
            assert_eq!(rate(text), expected, "{text}");
        }
        assert!((Rate { count: 30, seconds: 60 }.per_second() - 0.5).abs() < 1e-12);
    }
}
