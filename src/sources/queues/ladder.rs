//! How old the oldest mail of a queue is, found by questions that are answered with one row: each
//! visit asks one rung higher after a yes, one lower after a no. It asks nobody itself.

use super::bounds::Bound;
use super::page::Waiting;
use crate::record::{Memory, Seconds};
use crate::sources::web::{Line, Read};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const NOTE: &str = "ladder";
const HOUR: Seconds = 3_600;
const RUNGS: [Seconds; 8] =
    [HOUR, 4 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR, 72 * HOUR, 96 * HOUR, 168 * HOUR];
/// An answer is no longer shown after that.
const STALE: Seconds = 900;

#[derive(Debug, Default)]
pub struct Ladder {
    queues: BTreeMap<String, Step>,
    now: Seconds,
}

/// Where a queue stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Step {
    /// When it was asked last, and about which age.
    visited: Seconds,
    age: Seconds,
    yes: bool,
    /// Somebody was found to be so old, and when.
    oldest: Seconds,
    seen: Seconds,
    /// Found in a list that may not hold the oldest.
    #[serde(default)]
    listed: bool,
}

/// What is known of a queue's oldest mail: at least so old, found then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Oldest {
    pub age: Seconds,
    pub at: Seconds,
    pub listed: bool,
}

impl Ladder {
    pub fn recall(memory: &dyn Memory, now: Seconds) -> Ladder {
        let queues = memory.get(NOTE).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        Ladder { queues, now }
    }

    /// Keeps the queues that are still there.
    pub fn write_down(mut self, queues: &[Waiting], memory: &mut dyn Memory) {
        self.queues.retain(|name, _| queues.iter().any(|queue| queue.name == *name));
        match serde_json::to_vec(&self.queues) {
            Ok(text) if !self.queues.is_empty() => memory.put(NOTE, &text),
            _ => memory.remove(NOTE),
        }
    }

    /// When the queue was asked last; 0 is never.
    pub fn visited(&self, queue: &str) -> Seconds {
        self.queues.get(queue).map_or(0, |step| step.visited)
    }

    /// The oldest as far as it is known; an age of 0 is "not even an hour".
    pub fn oldest(&self, queue: &str) -> Option<Oldest> {
        let step = self.queues.get(queue)?;
        let known = Oldest { age: step.oldest, at: step.seen, listed: step.listed };
        (step.seen != 0 && self.now - step.seen <= STALE).then_some(known)
    }

    /// As old as can be told apart from that age, if anybody is: the next question may be for all of them.
    pub fn is_near(&self, queue: &str, age: Seconds) -> bool {
        let rung = RUNGS.iter().rev().find(|rung| **rung <= age).copied().unwrap_or(0);
        self.oldest(queue).is_some_and(|oldest| oldest.age > 0 && oldest.age >= rung)
    }

    /// A list showed somebody so old: what was asked before says no more.
    pub fn see(&mut self, queue: &str, age: Seconds, now: Seconds) {
        let seen = Step { visited: now, oldest: age.max(0), seen: now, listed: true, ..Step::default() };
        self.queues.insert(queue.to_owned(), seen);
    }

    /// The next question, and the age that it is about; `None` for a name that PowerMTA's command
    /// line cannot take.
    pub fn question(&self, queue: &str, bound: &Bound) -> Option<(Line, Seconds)> {
        if queue.contains('*') {
            return None;
        }
        let first = RUNGS.iter().position(|rung| *rung >= bound.horizon).unwrap_or(RUNGS.len() - 1);
        let at = match self.queues.get(queue).filter(|step| step.visited != 0 && !step.listed) {
            None => first,
            Some(step) => {
                let place = RUNGS.iter().position(|rung| *rung >= step.age).unwrap_or(0);
                if step.yes { place + 1 } else { place.saturating_sub(1) }
            }
        };
        // Nobody can be older than bounce-after.
        let most = RUNGS.iter().rposition(|rung| *rung < bound.bounce_after).unwrap_or(0);
        let age = RUNGS.get(at.min(most)).copied()?;
        let line = Line::new(Read::Older, &[queue, &format!("{}h", age / HOUR)])?;
        Some((line, age))
    }

    pub fn answer(&mut self, queue: &str, age: Seconds, yes: bool, found: Option<Seconds>, now: Seconds) {
        let step = self.queues.entry(queue.to_owned()).or_default();
        (step.visited, step.age, step.yes, step.listed) = (now, age, yes, false);
        if yes {
            // Clocks of different zones cannot make somebody younger than what was asked for.
            let found = found.filter(|found| (age..age + 14 * 24 * HOUR).contains(found)).unwrap_or(age);
            (step.oldest, step.seen) = (found, now);
        } else if step.oldest >= age || step.seen == 0 {
            // Who was that old has left: all that is known is that nobody is.
            let below = RUNGS.iter().rposition(|rung| *rung < age);
            (step.oldest, step.seen) = (0, if below.is_none() { now } else { 0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Notes;

    fn bound(bounce_after: Seconds, horizon: Seconds) -> Bound {
        Bound { bounce_after, horizon, ..Bound::default() }
    }

    /// Asks about a queue whose oldest mail is so old, until it has settled.
    fn settle(ladder: &mut Ladder, oldest: Seconds, visits: i64) -> Vec<Seconds> {
        let visit = |visit| {
            let (_, age) = ladder.question("a/b", &bound(388_800, 24 * HOUR)).unwrap();
            ladder.answer("a/b", age, oldest >= age, None, visit);
            ladder.now = visit;
            age / HOUR
        };
        (1..=visits).map(visit).collect()
    }

    #[test]
    fn it_climbs_to_the_age_and_stays_there() {
        for (oldest, asked, found) in [
            (30 * HOUR, vec![24, 48, 24, 48], Some(24 * HOUR)),
            (100 * HOUR, vec![24, 48, 72, 96, 96], Some(96 * HOUR)),
            (5 * HOUR, vec![24, 12, 4, 12, 4], Some(4 * HOUR)),
            (0, vec![24, 12, 4, 1, 1], Some(0)),
        ] {
            let mut ladder = Ladder::default();
            assert_eq!(settle(&mut ladder, oldest, asked.len() as i64), asked);
            assert_eq!(ladder.oldest("a/b").map(|oldest| oldest.age), found, "{oldest}");
        }
    }

    #[test]
    fn who_has_left_is_no_longer_claimed() {
        let mut ladder = Ladder::default();
        settle(&mut ladder, 100 * HOUR, 5);
        settle(&mut ladder, 2 * HOUR, 7);
        assert_eq!(ladder.oldest("a/b").map(|oldest| oldest.age), Some(HOUR));
        ladder.now += STALE + 1;
        assert_eq!(ladder.oldest("a/b"), None, "what was seen long ago is not known");
    }

    #[test]
    fn a_list_says_how_old_somebody_is_and_questions_begin_anew() {
        let mut ladder = Ladder::default();
        settle(&mut ladder, 100 * HOUR, 3);
        ladder.see("a/b", 30 * HOUR, 4);
        assert_eq!(ladder.oldest("a/b"), Some(Oldest { age: 30 * HOUR, at: 4, listed: true }));
        assert_eq!(settle(&mut ladder, 5 * HOUR, 2), [24, 12]);
    }

    #[test]
    fn a_short_life_and_a_strange_name_are_respected() {
        let (short, usual) = (bound(12 * HOUR, 6 * HOUR), bound(388_800, 24 * HOUR));
        let ladder = Ladder::default();
        assert_eq!(ladder.question("a/b", &short).map(|(_, age)| age), Some(4 * HOUR));
        assert_eq!(ladder.question("*/b", &usual), None);
        assert_eq!(ladder.question("bücher.de/b", &usual), None);
        let mut notes = Notes::default();
        let mut ladder = Ladder::default();
        ladder.answer("gone/b", HOUR, true, None, 5);
        ladder.answer("a/b", HOUR, true, Some(2 * HOUR), 5);
        let here = Waiting { name: "a/b".to_owned(), ..Waiting::default() };
        ladder.write_down(&[here], &mut notes);
        let again = Ladder::recall(&notes, 6);
        let found = Oldest { age: 2 * HOUR, at: 5, listed: false };
        assert_eq!((again.oldest("a/b"), again.visited("gone/b")), (Some(found), 0));
    }
}
