//! Times as text (RFC 3339). It reads no clock.

use crate::record::Seconds;
use jiff::Timestamp;
use jiff::tz::Offset;

pub const NS: i64 = 1_000_000_000;

/// UTC with milliseconds: `2026-08-21T10:00:00.000Z`.
pub fn rfc3339(ns: i64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(ns)).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Whole seconds with the record's own offset: `2026-08-21T12:00:00+02:00`.
pub fn rfc3339_at(seconds: Seconds, offset_minutes: i16) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or_default();
    let offset = Offset::from_seconds(i32::from(offset_minutes) * 60).unwrap_or(Offset::UTC);
    offset.to_datetime(time).strftime("%Y-%m-%dT%H:%M:%S").to_string() + &offset_text(offset)
}

fn offset_text(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// Seconds as nanoseconds; a time that no store takes (before 1678, after 2262) stops at the last
/// one that they all do.
pub fn nanoseconds(seconds: Seconds) -> i64 {
    /// Room for the part of a second that tells events apart.
    const LAST: i64 = i64::MAX - 2 * NS;
    seconds.saturating_mul(NS).clamp(-LAST, LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_hosts_read_them() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_787_306_400_123_456_789), "2026-08-21T10:00:00.123Z");
        assert_eq!(rfc3339(i64::MAX), "2262-04-11T23:47:16.854Z");
        assert_eq!(rfc3339(i64::MIN), "1677-09-21T00:12:43.145Z");
        assert_eq!(rfc3339_at(1_787_306_400, 120), "2026-08-21T12:00:00+02:00");
        assert_eq!(rfc3339_at(1_787_306_400, -210), "2026-08-21T06:30:00-03:30");
        assert_eq!(rfc3339_at(i64::MAX, i16::MAX), "1970-01-01T00:00:00+00:00");
        assert!(nanoseconds(i64::MAX) < i64::MAX - NS && nanoseconds(i64::MIN) > i64::MIN + NS);
    }
}
