//! Whether something comes back at the same minute of the hour or of the day, and how sure that
//! is. It knows times and nothing of mail.

use crate::record::Seconds;
use std::collections::BTreeSet;

const HOUR: Seconds = 3_600;
const DAY: Seconds = 86_400;
/// How far from the same minute it still is the same.
const APART_HOURLY: Seconds = 300;
const APART_DAILY: Seconds = 900;
/// Seen so often, on so many days, before anything is believed; and forgotten without a match.
const TIMES: usize = 20;
const DAYS: usize = 3;
/// An hourly one has been seen in so many hours of the day.
const HOURS: usize = 12;
const FORGOTTEN: Seconds = 7 * DAY;

/// What comes back, by everything that came at that minute before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// An hour or a day.
    pub length: Seconds,
    pub times: usize,
    pub days: usize,
    /// The longest that one lasted.
    pub longest: Seconds,
}

/// The period that a new occurrence at `start` continues, from past ones as start and length.
/// Times are local, so that a day is the operator's.
pub fn continues(past: &[(Seconds, Seconds)], start: Seconds) -> Option<Period> {
    [(DAY, APART_DAILY, 1), (HOUR, APART_HOURLY, HOURS)].into_iter().find_map(|(length, apart, hours)| {
        let same = |(began, _): &&(Seconds, Seconds)| {
            let off = (began - start).rem_euclid(length);
            *began < start && off.min(length - off) <= apart
        };
        let matches: Vec<&(Seconds, Seconds)> = past.iter().filter(same).collect();
        let last = matches.iter().map(|(began, _)| *began).max()?;
        let different = |of: &dyn Fn(Seconds) -> Seconds| {
            matches.iter().map(|(began, _)| of(*began)).collect::<BTreeSet<_>>().len()
        };
        let days = different(&|began| began.div_euclid(DAY));
        // What comes every night at three does not come every hour.
        let hourly = different(&|began| (began + apart).rem_euclid(DAY) / HOUR) >= hours;
        let longest = matches.iter().map(|(_, lasted)| *lasted).max()?;
        let believed = matches.len() >= TIMES && days >= DAYS && hourly && start - last <= FORGOTTEN;
        believed.then_some(Period { length, times: matches.len(), days, longest })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Seconds = 100 * DAY + 3 * HOUR;

    fn nightly(nights: i64) -> Vec<(Seconds, Seconds)> {
        (1..=nights).map(|night| (NOW - night * DAY + night % 3 * 60, 400 + night)).collect()
    }

    #[test]
    fn what_came_often_enough_at_the_same_minute_is_known() {
        let hourly = |hours: i64| (1..=hours).map(|hour| (NOW - hour * HOUR, 300)).collect::<Vec<_>>();
        for (what, past, expected) in [
            ("twenty nights", nightly(20), Some((DAY, 20, 420))),
            ("nineteen", nightly(19), None),
            ("every hour for two days", hourly(50), Some((HOUR, 50, 300))),
            ("twenty hours of two days are too few days", hourly(20), None),
            (
                "half an hour later",
                nightly(20).into_iter().map(|(at, long)| (at - 1_800, long)).collect(),
                None,
            ),
            (
                "a week without",
                nightly(28).into_iter().filter(|(at, _)| *at < NOW - 7 * DAY - 200).collect(),
                None,
            ),
            ("six days without", nightly(27).into_iter().skip(5).collect(), Some((DAY, 22, 427))),
            ("nothing", Vec::new(), None),
        ] {
            let found = continues(&past, NOW).map(|period| (period.length, period.times, period.longest));
            assert_eq!(found, expected, "{what}");
        }
    }

    #[test]
    fn one_that_did_not_heal_is_seen_among_the_others() {
        let mut past = nightly(22);
        past[7].1 = 5_000;
        assert_eq!(continues(&past, NOW).unwrap().longest, 5_000);
    }
}
