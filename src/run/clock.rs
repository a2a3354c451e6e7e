//! The one reading of the wall clock in a run, or the time that `--now` pretends.

use super::RunError;
use crate::record::Tick;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug, Clone, Copy)]
pub enum Clock {
    Wall,
    /// Nanoseconds since the epoch.
    Pretended(i64),
}

impl Clock {
    /// `--now`, an RFC 3339 time, or the wall.
    pub fn from_flag(now: Option<&str>) -> Result<Clock, RunError> {
        let Some(text) = now else { return Ok(Clock::Wall) };
        let time: jiff::Timestamp = text.parse().map_err(|_| RunError::Now(text.to_owned()))?;
        Ok(Clock::Pretended(i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)))
    }

    /// Begins a collection that must end `deadline` after `started`.
    pub fn tick(self, started: Instant, deadline: Duration) -> Tick {
        Tick { now_ns: self.read(), started, deadline: started + deadline }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn read(self) -> i64 {
        match self {
            Clock::Pretended(time) => time,
            // A clock before 1970 is broken; 0 keeps every later sum in range.
            Clock::Wall => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pretended_time_is_read_as_rfc_3339() {
        let clock = Clock::from_flag(Some("2026-11-24T03:00:00Z")).unwrap();
        assert_eq!(clock.read(), 1_795_489_200_000_000_000);
        assert!(Clock::from_flag(Some("yesterday")).is_err());
    }
}
