//! Whether a value of the right type makes sense; each check says what would be right. It opens
//! nothing and asks nobody: a file that is missing is `doctor`'s business.

use super::nearest;
use toml::Value;

pub(super) type Verdict = Result<(), String>;

pub(super) fn any(_: &Value) -> Verdict {
    Ok(())
}

/// A host of other letters would have to be mapped to ASCII first, by tables that are not ours to
/// trust: one that looks like another, or that breaks them.
pub fn is_plain_address(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii() && byte != b'%')
}

pub(super) fn url(value: &Value) -> Verdict {
    let text = text(value);
    if !is_plain_address(text) {
        return Err("must be written in ASCII and without % (a host's other letters as xn--...)".to_owned());
    }
    let parsed = reqwest::Url::parse(text)
        .map_err(|why| format!("is no URL ({why}); write it as http://127.0.0.1:8080"))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none_or(str::is_empty) {
        return Err("must begin with http:// or https:// and name a host".to_owned());
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(
            "must not carry a user or password; PowerMTA knows only access lines and API keys".to_owned()
        );
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err("must end with the host and port, without ? or #".to_owned());
    }
    Ok(())
}

pub(super) fn path(value: &Value) -> Verdict {
    absolute(text(value))
}

pub(super) fn paths(value: &Value) -> Verdict {
    each(value, absolute)
}

pub(super) fn globs(value: &Value) -> Verdict {
    each(value, |glob| {
        absolute(glob)?;
        match glob.rsplit_once('/') {
            Some((_, "")) => Err("ends with /: name files, for example /var/log/pmta/acct*.csv".to_owned()),
            Some((folder, _)) if folder.contains(['*', '?']) => {
                Err("may have * and ? in the file's name only, not in its folder".to_owned())
            }
            _ => Ok(()),
        }
    })
}

pub(super) fn pin(value: &Value) -> Verdict {
    let digits = text(value).bytes().filter(|byte| *byte != b':');
    let (all, hex) =
        digits.fold((0, 0), |(all, hex), byte| (all + 1, hex + usize::from(byte.is_ascii_hexdigit())));
    if all == 64 && hex == 64 {
        return Ok(());
    }
    Err("must be 64 hexadecimal digits (openssl x509 -in webmon.pem -noout -fingerprint -sha256)".to_owned())
}

pub(super) fn timezone(value: &Value) -> Verdict {
    if zone(text(value)).is_some() {
        return Ok(());
    }
    if jiff::tz::db().is_definitively_empty() {
        return Err("cannot be used: this host has no time zones (install tzdata, or write UTC)".to_owned());
    }
    Err("is no time zone that this host knows; write it as Europe/Berlin or UTC".to_owned())
}

/// UTC is known on every host, also where no time zones are installed.
pub(super) fn zone(name: &str) -> Option<jiff::tz::TimeZone> {
    if name.eq_ignore_ascii_case("UTC") {
        return Some(jiff::tz::TimeZone::UTC);
    }
    jiff::tz::TimeZone::get(name).ok()
}

pub(super) fn address(value: &Value) -> Verdict {
    text(value).split(',').try_for_each(|one| listener(one.trim()))
}

fn listener(address: &str) -> Verdict {
    let wrong = || "must be HOST:PORT, for example 127.0.0.1:25 or [::1]:25".to_owned();
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let bad_host =
        host.is_empty() || host.contains(char::is_whitespace) || (host.contains(':') && !bracketed);
    if bad_host || port.parse::<u16>().map_or(true, |port| port == 0) { Err(wrong()) } else { Ok(()) }
}

/// It stands between `<` and `>` on a line of SMTP.
pub(super) fn mailbox(value: &Value) -> Verdict {
    let plain = |c: char| c.is_ascii_graphic() && !"<>".contains(c);
    match text(value).split_once('@') {
        Some((local, domain))
            if !local.is_empty()
                && !domain.is_empty()
                && text(value).chars().all(plain)
                && text(value).len() <= 254 =>
        {
            Ok(())
        }
        _ => Err("must be an address like probe@example.com".to_owned()),
    }
}

pub(super) fn rows(value: &Value) -> Verdict {
    within(value, 1, 10_000)
}

pub(super) fn slots(value: &Value) -> Verdict {
    within(value, 1, 10_000)
}

pub(super) fn lines(value: &Value) -> Verdict {
    within(value, 100, 100_000)
}

pub(super) fn backlog(value: &Value) -> Verdict {
    within(value, 0, i64::MAX)
}

pub(super) fn method(value: &Value) -> Verdict {
    one_of(text(value), &["reasons", "mean-stddev"])
}

pub(super) fn alpha(value: &Value) -> Verdict {
    let number = number(value);
    if number > 0.0 && number < 0.5 {
        Ok(())
    } else {
        Err("must lie between 0 and 0.5, both excluded".to_owned())
    }
}

pub(super) fn positive(value: &Value) -> Verdict {
    let number = number(value);
    if number > 0.0 && number.is_finite() { Ok(()) } else { Err("must be above 0".to_owned()) }
}

pub(super) fn not_negative(value: &Value) -> Verdict {
    let number = number(value);
    if number >= 0.0 && number.is_finite() { Ok(()) } else { Err("must be 0 or above".to_owned()) }
}

pub(super) fn word(value: &Value) -> Verdict {
    if text(value).trim().is_empty() { Err("must not be empty".to_owned()) } else { Ok(()) }
}

pub(super) fn minutes(value: &Value) -> Verdict {
    match span(text(value)) {
        Some((first, last)) if first != last && first <= 59 && last <= 60 => Ok(()),
        _ => Err("must be FIRST-LAST with minutes from 0 to 60, for example 0-10".to_owned()),
    }
}

pub(super) fn hours(value: &Value) -> Verdict {
    match span(text(value)) {
        Some((first, last)) if first != last && first <= 23 && last <= 24 => Ok(()),
        _ => Err("must be FIRST-LAST with hours from 0 to 24, for example 22-6".to_owned()),
    }
}

pub(super) fn weekdays(value: &Value) -> Verdict {
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    each(value, |day| {
        let day = day.trim().to_ascii_lowercase();
        let known = day.len() >= 3 && DAYS.iter().any(|known| known.starts_with(&day));
        if known { Ok(()) } else { Err("must be days: mon, tue, wed, thu, fri, sat, sun".to_owned()) }
    })
}

pub(super) fn time(value: &Value) -> Verdict {
    let known = text(value).parse::<jiff::Timestamp>().is_ok();
    if known {
        Ok(())
    } else {
        Err("must be a time with its offset, as 2026-12-01T22:00:00+01:00".to_owned())
    }
}

pub(super) fn dates(value: &Value) -> Verdict {
    each(value, |date| {
        let whole = date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok();
        if whole { Ok(()) } else { Err("must be a date as 2026-12-24".to_owned()) }
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "whole numbers of this size are exact")]
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64)).unwrap_or(f64::NAN)
}

fn each(value: &Value, check: impl Fn(&str) -> Verdict) -> Verdict {
    value.as_array().into_iter().flatten().try_for_each(|item| check(text(item)))
}

fn absolute(path: &str) -> Verdict {
    if !path.starts_with('/') {
        return Err("must begin with / (a host agent may start this in any folder)".to_owned());
    }
    if path.contains('\0') { Err("holds a zero byte".to_owned()) } else { Ok(()) }
}

fn within(value: &Value, least: i64, most: i64) -> Verdict {
    match value.as_integer() {
        Some(number) if (least..=most).contains(&number) => Ok(()),
        _ if most == i64::MAX => Err(format!("must be {least} or above")),
        _ => Err(format!("must be between {least} and {most}")),
    }
}

fn one_of(word: &str, known: &[&'static str]) -> Verdict {
    if known.contains(&word) {
        return Ok(());
    }
    let hint = nearest(word, known.iter().copied()).map(|near| format!("; did you mean \"{near}\"?"));
    Err(format!("must be one of {}{}", known.join(", "), hint.unwrap_or_default()))
}

fn span(text: &str) -> Option<(u32, u32)> {
    let (first, last) = text.split_once('-')?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}
