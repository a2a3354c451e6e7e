//! Unix seconds to the host's local time and back to text, with a fixed offset. Reads no clock.

/// Local time at a fixed distance from UTC.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    offset_minutes: i32,
}

struct Civil {
    year: i64,
    month: i64,
    day: i64,
}

impl Calendar {
    pub fn new(offset_minutes: i32) -> Self {
        Self { offset_minutes }
    }

    /// `2026-11-24 02:05:01`, as the web monitor and the log write it: no zone.
    pub fn stamp(self, at: i64) -> String {
        let (hour, minute, second) = self.clock(at);
        format!("{} {hour:02}:{minute:02}:{second:02}", self.date(at))
    }

    /// `2026-11-24 02:05:01+0100`, as accounting files write it.
    pub fn stamp_with_offset(self, at: i64) -> String {
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let minutes = self.offset_minutes.abs();
        format!("{}{sign}{:02}{:02}", self.stamp(at), minutes / 60, minutes % 60)
    }

    pub fn date(self, at: i64) -> String {
        let Civil { year, month, day } = civil(self.day_number(at));
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// Local days since 1970-01-01.
    pub fn day_number(self, at: i64) -> i64 {
        self.local(at).div_euclid(86_400)
    }

    /// Seconds since local midnight.
    pub fn second_of_day(self, at: i64) -> i64 {
        self.local(at).rem_euclid(86_400)
    }

    /// 0 = Monday.
    pub fn weekday(self, at: i64) -> i64 {
        (self.day_number(at) + 3).rem_euclid(7)
    }

    fn clock(self, at: i64) -> (i64, i64, i64) {
        let s = self.second_of_day(at);
        (s / 3600, s / 60 % 60, s % 60)
    }

    fn local(self, at: i64) -> i64 {
        at + i64::from(self.offset_minutes) * 60
    }
}

/// Days since the epoch to a date (Gregorian, by whole eras of 400 years).
fn civil(days: i64) -> Civil {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    Civil {
        year: year + era * 400 + i64::from(month <= 2),
        month,
        day: of_year - (153 * shifted + 2) / 5 + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        for (at, offset, expected) in [
            (0, 0, "1970-01-01 00:00:00+0000"),
            (951_782_400, 0, "2000-02-29 00:00:00+0000"),
            (1_795_482_301, 60, "2026-11-24 02:05:01+0100"),
            (1_549_662_845, -300, "2019-02-08 16:54:05-0500"),
            (-1, 330, "1970-01-01 05:29:59+0530"),
        ] {
            assert_eq!(Calendar::new(offset).stamp_with_offset(at), expected);
        }
        assert_eq!(Calendar::new(0).weekday(0), 3, "the epoch was a Thursday");
    }
}
