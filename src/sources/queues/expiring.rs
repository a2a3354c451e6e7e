//! How many of a queue that fails as a whole will soon bounce as expired: counted by PowerMTA, since no
//! record names them. It asks nobody itself.

use super::bounds::Bound;
use super::page::Waiting;
use crate::record::{Memory, Seconds};
use crate::sources::web::{Line, Read};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const NOTE: &str = "expiring";
/// A thousand rows are no small question.
const EVERY: Seconds = 595;
/// Two answers may be missed before a count is no longer shown.
const STALE: Seconds = 3 * EVERY;
const HOUR: Seconds = 3_600;
/// Time to act, or a quarter of a short life.
const AHEAD: Seconds = 12 * HOUR;
/// What a few do is told by nobody.
const WORTH_A_COUNT: i64 = 50;

#[derive(Debug, Default)]
pub struct Expiring(BTreeMap<String, Counted>);

/// At least so many expire within the time ahead, the first of them in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    pub at: Seconds,
    pub recipients: i64,
    pub soonest: Seconds,
}

impl Expiring {
    pub fn recall(memory: &dyn Memory) -> Expiring {
        let counts = memory.get(NOTE).and_then(|text| serde_json::from_slice(&text).ok());
        Expiring(counts.unwrap_or_default())
    }

    /// The count of those whose end is near, and their least age: for a queue that stands, and not more
    /// often than every ten minutes.
    pub fn question(&self, queue: &Waiting, bound: &Bound, now: Seconds) -> Option<(Line, Seconds)> {
        let fresh = self.0.get(&queue.name).is_some_and(|counted| (0..EVERY).contains(&(now - counted.at)));
        if fresh || !queue.stands() || queue.recipients < WORTH_A_COUNT || queue.name.contains('*') {
            return None;
        }
        let age = (bound.bounce_after - AHEAD.min(bound.bounce_after / 4)) / HOUR * HOUR;
        let line = Line::new(Read::HowManyOlder, &[&queue.name, &format!("{}h", age / HOUR)])?;
        (age > 0).then_some((line, age))
    }

    /// Ages of those who were counted, of whom nobody leaves: they all expire when their time comes.
    pub fn count(
        &mut self,
        queue: &str,
        recipients: usize,
        oldest: Option<Seconds>,
        bound: &Bound,
        now: Seconds,
    ) {
        let recipients = i64::try_from(recipients).unwrap_or(i64::MAX);
        let ahead = AHEAD.min(bound.bounce_after / 4);
        let soonest = oldest.map_or(ahead, |oldest| (bound.bounce_after - oldest).clamp(0, ahead));
        self.0.insert(queue.to_owned(), Counted { at: now, recipients, soonest });
    }

    pub fn of(&self, queue: &Waiting, now: Seconds) -> Option<Counted> {
        let fresh = |counted: &&Counted| (0..STALE).contains(&(now - counted.at));
        // Once it moves again, records tell of it.
        self.0.get(&queue.name).filter(fresh).filter(|_| queue.stands()).copied()
    }

    pub fn write_down(mut self, queues: &[Waiting], memory: &mut dyn Memory) {
        self.0.retain(|name, _| queues.iter().any(|queue| queue.name == *name));
        match serde_json::to_vec(&self.0) {
            Ok(text) if !self.0.is_empty() => memory.put(NOTE, &text),
            _ => memory.remove(NOTE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Notes;

    #[test]
    fn only_a_queue_that_stands_is_counted_and_seldom() {
        let queue = Waiting { name: "a/v".to_owned(), recipients: 400, ..Waiting::default() };
        let stands = Waiting { errors: vec!["ETIMEDOUT".to_owned()], ..queue.clone() };
        let bound = Bound { bounce_after: 48 * HOUR, ..Bound::default() };
        let mut expiring = Expiring::default();
        assert_eq!(expiring.question(&queue, &bound, 1_000), None, "without an error it only waits");
        let (line, age) = expiring.question(&stands, &bound, 1_000).unwrap();
        assert_eq!(
            (line.text().as_str(), age),
            ("list --maxitems=1000 --queue=a/v --older-than=36h", 36 * HOUR)
        );
        expiring.count("a/v", 400, Some(40 * HOUR), &bound, 1_000);
        assert_eq!(expiring.question(&stands, &bound, 1_100), None);
        assert!(expiring.question(&stands, &bound, 1_600).is_some());
        let counted = Counted { at: 1_000, recipients: 400, soonest: 8 * HOUR };
        assert_eq!((expiring.of(&stands, 1_100), expiring.of(&queue, 1_100)), (Some(counted), None));
        let few = Waiting { recipients: 9, ..stands.clone() };
        assert_eq!(Expiring::default().question(&few, &bound, 1_000), None);
        let mut notes = Notes::default();
        expiring.write_down(std::slice::from_ref(&stands), &mut notes);
        assert_eq!(
            Expiring::recall(&notes).of(&stands, 9_000),
            None,
            "what was counted long ago is not known"
        );
    }
}
