//! The times of accounting records, by hand: one file has few dates, so the last one is remembered. It reads no clock.

use crate::record::Seconds;

/// `2019-02-08 21:54:05+0000`
const LENGTH: usize = 24;
const DAY: Seconds = 86_400;

/// Remembers what it read last, and the date and the zone of it.
#[derive(Debug, Default)]
pub struct Clock {
    last: [u8; LENGTH],
    /// What `last` says; of no text at all, nothing.
    said: Option<(Seconds, i16)>,
    date: [u8; 10],
    midnight: Seconds,
    zone: [u8; 5],
    offset_minutes: i16,
}

impl Clock {
    /// The time and its offset from UTC in minutes; `None` when it is neither a local time with
    /// its offset nor seconds since the epoch.
    pub fn read(&mut self, text: &[u8]) -> Option<(Seconds, i16)> {
        if let Some(text) = text.first_chunk::<LENGTH>().filter(|_| text.len() == LENGTH) {
            if *text != self.last {
                self.said = self.read_local(text);
                self.last = *text;
            }
            return self.said;
        }
        epoch(text).map(|time| (time, 0)).or_else(|| self.read_odd(text))
    }

    fn read_local(&mut self, text: &[u8; LENGTH]) -> Option<(Seconds, i16)> {
        let (date, rest) = text.split_first_chunk::<10>()?;
        let (time, zone) = rest.split_last_chunk::<5>()?;
        if *date != self.date || *zone != self.zone {
            self.turn(date, zone)?;
        }
        Some((self.midnight + time_of_day(time)?, self.offset_minutes))
    }

    /// `T` between date and time is taken as a blank; so are `Z`, `+00:00` and no zone at all.
    fn read_odd(&mut self, text: &[u8]) -> Option<(Seconds, i16)> {
        let (local, zone) = text.split_at_checked(19)?;
        let zone = match zone {
            b"" | b"Z" => *b"+0000",
            [sign, h1, h2, b':', m1, m2] => [*sign, *h1, *h2, *m1, *m2],
            _ => return None,
        };
        let (date, time) = local.split_first_chunk::<10>()?;
        self.turn(date, &zone)?;
        Some((self.midnight + time_of_day(time)?, self.offset_minutes))
    }

    fn turn(&mut self, date: &[u8; 10], zone: &[u8; 5]) -> Option<()> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return None };
        let year = two(y1, y2)? * 100 + two(y3, y4)?;
        let (month, day) = (two(m1, m2)?, two(d1, d2)?);
        let [sign, h1, h2, z1, z2] = *zone;
        let minutes = two(h1, h2)? * 60 + two(z1, z2)?;
        let minutes = match sign {
            b'+' => minutes,
            b'-' => -minutes,
            _ => return None,
        };
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        self.offset_minutes = i16::try_from(minutes).ok()?;
        self.midnight = days(year, month, day) * DAY - minutes * 60;
        (self.date, self.zone) = (*date, *zone);
        Some(())
    }
}

/// ` 21:54:05`, whatever the first byte.
fn time_of_day(text: &[u8]) -> Option<Seconds> {
    let [b' ' | b'T', h1, h2, b':', m1, m2, b':', s1, s2] = *text else { return None };
    let (hours, minutes, seconds) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    (hours < 24 && minutes < 60 && seconds <= 60).then_some(hours * 3_600 + minutes * 60 + seconds)
}

fn epoch(text: &[u8]) -> Option<Seconds> {
    if !(8..=11).contains(&text.len()) {
        return None;
    }
    text.iter().try_fold(0, |sum, byte| Some(sum * 10 + digit(*byte)?))
}

fn two(tens: u8, ones: u8) -> Option<Seconds> {
    Some(digit(tens)? * 10 + digit(ones)?)
}

fn digit(byte: u8) -> Option<Seconds> {
    byte.is_ascii_digit().then(|| Seconds::from(byte - b'0'))
}

/// Days since 1970-01-01 in the Gregorian calendar: years are counted from March on, so that
/// the leap day is the last of its year.
fn days(year: Seconds, month: Seconds, day: Seconds) -> Seconds {
    let year = if month <= 2 { year - 1 } else { year };
    let since_march = (month + 9) % 12;
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * since_march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_powermta_writes_them() {
        let mut clock = Clock::default();
        for (text, expected) in [
            ("2019-02-08 21:54:05+0000", Some((1_549_662_845, 0))),
            ("2019-02-08 21:54:06+0000", Some((1_549_662_846, 0))),
            ("2010-04-17 16:19:57-0400", Some((1_271_535_597, -240))),
            ("2010-04-17 16:19:57+0530", Some((1_271_501_397, 330))),
            ("2024-02-29 00:00:00+0000", Some((1_709_164_800, 0))),
            ("1178807903", Some((1_178_807_903, 0))),
            ("2019-02-08T21:54:05Z", Some((1_549_662_845, 0))),
            ("2019-02-08 21:54:05+00:00", Some((1_549_662_845, 0))),
            ("2019-02-08 21:54:05", Some((1_549_662_845, 0))),
            ("", None),
            ("0", None),
            ("2019-13-08 21:54:05+0000", None),
            ("2019-02-08 24:54:05+0000", None),
            ("2019-02-08 21:54:05*0000", None),
            ("02/08/2019 21:54:05+0000", None),
            ("11788o7903", None),
        ] {
            assert_eq!(clock.read(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn every_day_of_a_century_agrees_with_the_calendar() {
        let mut clock = Clock::default();
        let mut day = jiff::civil::date(1970, 1, 1);
        for number in 0..36_525 {
            let text = format!("{day} 00:00:00+0000");
            assert_eq!(clock.read(text.as_bytes()), Some((number * DAY, 0)), "{text}");
            day = day.tomorrow().unwrap();
        }
    }
}
