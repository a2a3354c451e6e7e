//! How old waiting mail is, read off the `t` records: each waiting recipient is tried again within
//! a retry period. It judges nothing.

use super::limits::{Limit, Limits};
use crate::record::{HIDDEN, Kind, Memory, Sample, Seconds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was silent for three periods has no known age any more.
const STALE: i64 = 3;
const MOST_PROVIDERS: usize = 200;
const MOST_QUEUES: usize = 50;
/// Recipients are counted by when they were queued, in steps of three hours.
const BLOCK: Seconds = 3 * 3_600;
const MOST_BLOCKS: usize = 48;
/// How far ahead expiry is told: time to act, or a quarter of a short life.
pub const AHEAD: Seconds = 12 * 3_600;

/// The ages of all providers and of the queues with the oldest mail, from one run to the next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ages {
    providers: Oldest<Age>,
    queues: Oldest<Queue>,
    #[serde(skip)]
    limits: Limits,
}

/// Those with the oldest mail, by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Oldest<T> {
    known: BTreeMap<String, T>,
    /// Of each of them the oldest mail was queued by then. The bound may be too late: then only the
    /// search for the youngest is in vain.
    #[serde(skip)]
    youngest: Option<Seconds>,
}

impl<T> Default for Oldest<T> {
    fn default() -> Oldest<T> {
        Oldest { known: BTreeMap::new(), youngest: None }
    }
}

impl<T> Oldest<T> {
    fn get_mut(&mut self, name: &str, queued: Seconds) -> Option<&mut T> {
        let known = self.known.get_mut(name)?;
        if let Some(youngest) = &mut self.youngest {
            *youngest = queued.max(*youngest);
        }
        Some(known)
    }

    /// Gives up the one whose mail is youngest, if it is younger than this and there is no room.
    /// Most mail is as young as everybody's, which is told without a search.
    fn has_room(&mut self, queued: Seconds, most: usize, oldest: impl Fn(&T) -> Seconds) -> bool {
        if self.known.len() < most {
            return true;
        }
        if self.youngest.is_some_and(|youngest| queued >= youngest) {
            return false;
        }
        let Some((name, one)) = self.known.iter().max_by_key(|(_, one)| oldest(one)) else { return false };
        self.youngest = Some(oldest(one));
        if oldest(one) <= queued {
            return false;
        }
        let name = name.clone();
        self.known.remove(&name).is_some()
    }

    fn insert(&mut self, name: &str, one: T, queued: Seconds) {
        if let Some(youngest) = &mut self.youngest {
            *youngest = queued.max(*youngest);
        }
        self.known.insert(name.to_owned(), one);
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Queue {
    provider: String,
    age: Age,
}

/// Three periods: the one that runs, and the two whole ones before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Age {
    /// How long a period is: the longest wait between two attempts.
    length: Seconds,
    period: i64,
    now: Seen,
    before: Option<Seen>,
    earlier: Option<Seen>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    /// When the oldest of them was queued.
    oldest: Seconds,
    /// How many were queued in which block.
    blocks: BTreeMap<i64, i64>,
}

impl Ages {
    pub fn recall(memory: &dyn Memory, key: &str) -> Ages {
        let ages = memory.get(key).and_then(|text| serde_json::from_slice(&text).ok());
        Ages { limits: Limits::recall(memory), ..ages.unwrap_or_default() }
    }

    pub fn write_down(&self, memory: &mut dyn Memory, key: &str) {
        if let Ok(text) = serde_json::to_vec(self) {
            memory.put(key, &text);
        }
    }

    pub fn record(
        &mut self,
        provider: &str,
        queue: &[u8],
        kind: Kind,
        logged: Seconds,
        queued: Option<Seconds>,
    ) {
        let Some(queued) = queued.filter(|queued| kind == Kind::Deferred && *queued <= logged) else {
            return;
        };
        let length = self.limits.of(provider).period();
        if let Some(age) = self.providers.get_mut(provider, queued) {
            age.add(length, logged, queued);
        } else if self.providers.has_room(queued, MOST_PROVIDERS, |age| age.now.oldest) {
            self.providers.insert(provider, Age::new(length, logged, queued), queued);
        }
        let Ok(queue) = std::str::from_utf8(queue) else { return };
        if let Some(known) = self.queues.get_mut(queue, queued) {
            known.age.add(length, logged, queued);
        } else if !queue.is_empty() && self.queues.has_room(queued, MOST_QUEUES, |known| known.age.now.oldest)
        {
            let age = Age::new(length, logged, queued);
            self.queues.insert(queue, Queue { provider: provider.to_owned(), age }, queued);
        }
    }

    /// What is known at `now`, for the judge; what was not heard of for long is forgotten.
    pub fn rows(&mut self, now: Seconds) -> Vec<Sample> {
        self.providers.known.retain(|_, age| age.is_fresh(now));
        self.queues.known.retain(|_, queue| queue.age.is_fresh(now));
        let row = |provider: &str, age: &Age, limit| {
            age.told(Sample::new(HIDDEN).tag("class", "age").tag("provider", provider), now, limit)
        };
        let providers =
            self.providers.known.iter().map(|(provider, age)| row(provider, age, self.limits.of(provider)));
        let queues = self.queues.known.iter().map(|(name, queue)| {
            let limit = self.limits.of_queue(name, &queue.provider);
            row(&queue.provider, &queue.age, limit).tag("queue", name.clone())
        });
        providers.chain(queues).collect()
    }
}

impl Age {
    fn new(length: Seconds, logged: Seconds, queued: Seconds) -> Age {
        let mut now = Seen::default();
        now.add(queued);
        Age { length, period: logged.div_euclid(length), now, before: None, earlier: None }
    }

    fn add(&mut self, length: Seconds, logged: Seconds, queued: Seconds) {
        if length != self.length {
            *self = Age::new(length, logged, queued);
            return;
        }
        let period = logged.div_euclid(length);
        if period > self.period {
            let last = std::mem::take(&mut self.now);
            self.earlier = if period == self.period + 1 { self.before.take() } else { None };
            self.before = (period == self.period + 1).then_some(last);
            self.period = period;
        }
        let place = if period == self.period { Some(&mut self.now) } else { self.before.as_mut() };
        if let Some(place) = place {
            place.add(queued);
        }
    }

    fn is_fresh(&self, now: Seconds) -> bool {
        now.div_euclid(self.length) - self.period < STALE
    }

    /// The fuller of the last two periods counts; the one that runs has not seen everybody yet.
    fn told(&self, row: Sample, now: Seconds, limit: Limit) -> Sample {
        let old = |seen: &Seen| seen.older_than(limit.horizon, now);
        let before = self.before.as_ref().filter(|before| old(before) > old(&self.now));
        let seen = before.unwrap_or(&self.now);
        let oldest = self.before.iter().map(|before| before.oldest).fold(self.now.oldest, i64::min);
        let (expiring, soonest) = seen.expiring(now, limit, self.length, self.kept(now, limit));
        let row = row.int("oldest", (now - oldest).max(0)).int("beyond", old(seen));
        let row = row.int("seen", seen.blocks.values().sum()).int("expiring", expiring);
        row.int("soonest", soonest).int("bounce_after", limit.bounce_after).int("horizon", limit.horizon)
    }

    /// The share of old mail that is still there after one more period.
    fn kept(&self, now: Seconds, limit: Limit) -> f64 {
        let (Some(before), Some(earlier)) = (&self.before, &self.earlier) else { return 1.0 };
        // As old as these were a period ago.
        let was = earlier.older_than(limit.horizon - self.length, now);
        if was == 0 {
            1.0
        } else {
            (before.older_than(limit.horizon, now) as f64 / was as f64).clamp(0.0, 1.0)
        }
    }
}

impl Seen {
    fn add(&mut self, queued: Seconds) {
        self.oldest = if self.blocks.is_empty() { queued } else { self.oldest.min(queued) };
        let block = queued.div_euclid(BLOCK);
        // What is older than all that there is room for counts as that old.
        let first = self.blocks.keys().next().copied().unwrap_or(block);
        let full = self.blocks.len() >= MOST_BLOCKS && !self.blocks.contains_key(&block);
        *self.blocks.entry(if full { first } else { block }).or_default() += 1;
    }

    fn older_than(&self, age: Seconds, now: Seconds) -> i64 {
        self.blocks.iter().filter(|(block, _)| now - middle(**block) >= age).map(|(_, count)| count).sum()
    }

    /// About how many will expire in the time ahead, and in how many seconds the first of them:
    /// who is left when his time comes, at the pace at which old mail leaves now.
    fn expiring(&self, now: Seconds, limit: Limit, length: Seconds, kept: f64) -> (i64, Seconds) {
        let ahead = AHEAD.min(limit.bounce_after / 4);
        let (mut sum, mut soonest) = (0.0, Seconds::MAX);
        for (block, count) in &self.blocks {
            let left = (limit.bounce_after - (now - middle(*block))).max(0);
            if left <= ahead {
                soonest = soonest.min(left);
                sum += *count as f64 * kept.powf(left as f64 / length as f64);
            }
        }
        (sum.round() as i64, if soonest == Seconds::MAX { 0 } else { soonest })
    }
}

fn middle(block: i64) -> Seconds {
    block * BLOCK + BLOCK / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::signals::number;
    use crate::record::tag;

    /// A middle of a block, so that ages are exact.
    const QUEUED: Seconds = 100 * BLOCK + BLOCK / 2;
    const HOUR: Seconds = 3_600;

    /// So many of one age are tried in each of some periods; what is known in the last of them.
    fn tried(tries: &[i64], age: Seconds) -> Vec<Sample> {
        let mut ages = Ages::default();
        let first = (QUEUED + age).div_euclid(600) * 600;
        for (period, count) in (0_i64..).zip(tries) {
            for _ in 0..*count {
                let logged = first + period * 600;
                ages.record("Gmail", b"gmail.com/v", Kind::Deferred, logged, Some(QUEUED));
            }
        }
        ages.rows(first + 600 * (tries.len() as i64 - 1) + 10)
    }

    fn field(rows: &[Sample], name: &str) -> i64 {
        rows.first().and_then(|row| number(row, name)).unwrap_or(-1.0) as i64
    }

    #[test]
    fn who_expires_is_who_is_left_when_his_time_comes() {
        // Nobody leaves: all of them expire, six hours before bounce-after.
        let rows = tried(&[400, 400, 10], 102 * HOUR);
        assert_eq!((field(&rows, "expiring"), field(&rows, "beyond")), (400, 400));
        assert!((field(&rows, "soonest") - 6 * HOUR).abs() <= 1_800, "{}", field(&rows, "soonest"));
        // A tenth leaves with each period: 36 periods later there are few.
        let few = field(&tried(&[400, 360, 10], 102 * HOUR), "expiring");
        assert!((5..20).contains(&few), "{few}");
        // Two days before its end nothing is said of it.
        assert_eq!(field(&tried(&[400, 400, 10], 60 * HOUR), "expiring"), 0);
        // One period alone says nothing of who leaves.
        assert_eq!(field(&tried(&[400], 102 * HOUR), "expiring"), 400);
    }

    #[test]
    fn a_queue_is_told_beside_its_provider() {
        let rows = tried(&[30, 30], 30 * HOUR);
        let queues: Vec<&str> = rows.iter().map(|row| tag(&row.tags, "queue")).collect();
        assert_eq!(queues, ["", "gmail.com/v"]);
        assert!(rows.iter().all(|row| number(row, "beyond") == Some(30.0)));
    }

    #[test]
    fn blocks_are_bounded_and_what_is_older_counts_as_old() {
        let mut seen = Seen::default();
        (0..200).for_each(|block| seen.add((1_000 - block) * BLOCK));
        assert_eq!(seen.blocks.len(), MOST_BLOCKS);
        assert_eq!(seen.blocks.values().sum::<i64>(), 200);
        assert_eq!(seen.oldest, 801 * BLOCK);
    }
}
