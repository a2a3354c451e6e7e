//! When a finding is known in advance and nobody need care: visible, and with a floor that ends
//! it. It reads no clock; the minute is the records' own.

use crate::classify::Reason;
use crate::config::Suppress;
use crate::record::Seconds;

/// Why a `[[suppress]]` section cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SuppressError {
    #[error("[[suppress]] {field} = \"{value}\": write a range such as {example}")]
    Range { field: &'static str, value: String, example: &'static str },
    #[error("[[suppress]] reason = \"{0}\": no such reason (`pmta-vitals explain --help` lists them)")]
    Reason(String),
    #[error("[[suppress]] weekdays: \"{0}\" is no day (mon tue wed thu fri sat sun)")]
    Weekday(String),
    #[error("[[suppress]] dates: \"{0}\" is no date (YYYY-MM-DD)")]
    Date(String),
    #[error("[[suppress]] \"{0}\" is no time (2026-12-01T22:00:00+01:00)")]
    Time(String),
}

/// One rule, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    name: String,
    provider: Option<String>,
    reason: Option<Reason>,
    /// From the first up to, not including, the second.
    minutes: Option<(i64, i64)>,
    hours: Option<(i64, i64)>,
    weekdays: Option<Vec<i64>>,
    dates: Option<Vec<jiff::civil::Date>>,
    unless_backlog: Option<i64>,
    /// From the first up to, not including, the second.
    stretch: (Seconds, Seconds),
    is_maintenance: bool,
}

/// What is asked: the step's first second, on the records' own clock.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    pub provider: &'a str,
    pub reason: Option<Reason>,
    pub step: Seconds,
    pub offset_minutes: i16,
    pub backlog: Option<i64>,
}

/// How the name of planned work begins.
pub const MAINTENANCE: &str = "maintenance: ";
const ALWAYS: (Seconds, Seconds) = (Seconds::MIN, Seconds::MAX);

/// The planned work that the whole host is under at `now`, by name. What cannot be read was refused
/// when the configuration was loaded.
pub fn maintenance(sections: &[Suppress], now: Seconds, offset_minutes: i16) -> Option<String> {
    let planned = sections
        .iter()
        .filter(|section| section.maintenance.is_some())
        .filter_map(|section| rule(section).ok());
    let moment = Moment { provider: "", reason: None, step: now, offset_minutes, backlog: None };
    planned.into_iter().find(|rule| rule.covers(&moment)).map(|rule| rule.name)
}

/// The built-in rule and the operator's, his first.
pub fn rules(sections: &[Suppress]) -> Result<Vec<Rule>, SuppressError> {
    let mut rules = sections.iter().map(rule).collect::<Result<Vec<_>, _>>()?;
    rules.push(Rule {
        name: "greylisting window (first 10 minutes of the hour)".to_owned(),
        provider: None,
        reason: Some(Reason::Greylisted),
        minutes: Some((0, 10)),
        hours: None,
        weekdays: None,
        dates: None,
        unless_backlog: Some(50_000),
        stretch: ALWAYS,
        is_maintenance: false,
    });
    // Planned work says more than any rule of every day.
    rules.sort_by_key(|rule| !rule.is_maintenance);
    Ok(rules)
}

/// The rule that suppresses a finding at this moment, by name.
pub fn suppressed_by<'a>(rules: &'a [Rule], moment: &Moment<'_>) -> Option<&'a str> {
    rules.iter().find(|rule| rule.covers(moment)).map(|rule| rule.name.as_str())
}

impl Rule {
    fn covers(&self, moment: &Moment<'_>) -> bool {
        let local = moment.step + i64::from(moment.offset_minutes) * 60;
        let within = |range: Option<(i64, i64)>, value: i64| match range {
            None => true,
            Some((from, to)) if from <= to => (from..to).contains(&value),
            // 22-6 goes over midnight.
            Some((from, to)) => value >= from || value < to,
        };
        // 1970-01-01 was a Thursday; Monday is 0.
        let weekday = (local.div_euclid(86_400) + 3).rem_euclid(7);
        let date = jiff::Timestamp::from_second(local)
            .ok()
            .map(|time| jiff::tz::Offset::UTC.to_datetime(time).date());
        self.provider.as_ref().is_none_or(|provider| provider.eq_ignore_ascii_case(moment.provider))
            && self.reason.is_none_or(|reason| moment.reason == Some(reason))
            && within(self.minutes, local.rem_euclid(3_600) / 60)
            && within(self.hours, local.rem_euclid(86_400) / 3_600)
            && self.weekdays.as_ref().is_none_or(|days| days.contains(&weekday))
            && self.dates.as_ref().is_none_or(|dates| date.is_some_and(|date| dates.contains(&date)))
            && (self.stretch.0..self.stretch.1).contains(&moment.step)
            && self.unless_backlog.is_none_or(|limit| moment.backlog.is_none_or(|backlog| backlog <= limit))
    }
}

fn rule(section: &Suppress) -> Result<Rule, SuppressError> {
    let reason = section.reason.as_deref();
    let reason = reason.map(|name| Reason::parse(name).ok_or_else(|| SuppressError::Reason(name.to_owned())));
    let weekdays = section.weekdays.as_ref().map(|days| days.iter().map(|day| weekday(day)).collect());
    let dates = section.dates.as_ref().map(|dates| dates.iter().map(|text| date(text)).collect());
    Ok(Rule {
        name: name(section),
        provider: section.provider.clone(),
        reason: reason.transpose()?,
        minutes: range("minutes", section.minutes.as_deref(), 60, "0-10")?,
        hours: range("hours", section.hours.as_deref(), 24, "22-6")?,
        weekdays: weekdays.transpose()?,
        dates: dates.transpose()?,
        unless_backlog: section.unless_backlog,
        stretch: (
            section.from.as_deref().map_or(Ok(ALWAYS.0), time)?,
            section.until.as_deref().map_or(Ok(ALWAYS.1), time)?,
        ),
        is_maintenance: section.maintenance.is_some(),
    })
}

fn range(
    field: &'static str,
    text: Option<&str>,
    limit: i64,
    example: &'static str,
) -> Result<Option<(i64, i64)>, SuppressError> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || SuppressError::Range { field, value: text.to_owned(), example };
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let number =
        |text: &str| text.trim().parse().ok().filter(|value| (0..=limit).contains(value)).ok_or_else(wrong);
    Ok(Some((number(from)?, number(to)?)))
}

fn weekday(text: &str) -> Result<i64, SuppressError> {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let short: String = text.trim().to_lowercase().chars().take(3).collect();
    let place = DAYS.iter().zip(0i64..).find(|(day, _)| **day == short);
    place.map(|(_, place)| place).ok_or_else(|| SuppressError::Weekday(text.to_owned()))
}

fn date(text: &str) -> Result<jiff::civil::Date, SuppressError> {
    text.trim().parse().map_err(|_| SuppressError::Date(text.to_owned()))
}

fn time(text: &str) -> Result<Seconds, SuppressError> {
    let time: Result<jiff::Timestamp, _> = text.trim().parse();
    time.map(|time| time.as_second()).map_err(|_| SuppressError::Time(text.to_owned()))
}

fn name(section: &Suppress) -> String {
    if let Some(name) = &section.maintenance {
        return format!("{MAINTENANCE}{name}");
    }
    let mut words = vec!["[[suppress]]".to_owned()];
    let fields = [
        ("provider", &section.provider),
        ("reason", &section.reason),
        ("minutes", &section.minutes),
        ("hours", &section.hours),
        ("from", &section.from),
        ("until", &section.until),
    ];
    words.extend(
        fields.iter().filter_map(|(field, value)| value.as_ref().map(|value| format!("{field} {value}"))),
    );
    for (field, list) in [("weekdays", &section.weekdays), ("dates", &section.dates)] {
        words.extend(list.as_ref().map(|list| format!("{field} {}", list.join(" "))));
    }
    words.join(" ")
}

#[cfg(test)]
#[path = "suppress_tests.rs"]
mod tests;
