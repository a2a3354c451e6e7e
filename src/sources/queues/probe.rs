//! The questions of one round: how old each queue's oldest mail is, how many will expire, what PowerMTA
//! holds in force. At most five lists and one `show settings`, and none for an hour after a refusal.

use super::bounds::{Bound, Bounds};
use super::expiring::Expiring;
use super::in_force::InForce;
use super::ladder::Ladder;
use super::page::{Older, Waiting};
use super::{REFUSED, REST, is_within, standing};
use crate::record::{Memory, Sample, Seconds};
use crate::sources::SourceError;
use crate::sources::web::Asker;
use jiff::tz::TimeZone;
use std::cmp::Reverse;

const MOST_PROBES: usize = 5;
/// What a handful of recipients does is no signal.
const WORTH_A_PROBE: i64 = 10;
/// The web monitor does not show `/listqueue`.
const UNLISTED: &str = "unlisted";

/// What former rounds found.
pub struct Known {
    ladder: Ladder,
    expiring: Expiring,
    in_force: InForce,
    zone: TimeZone,
    now: Seconds,
}

impl Known {
    pub fn recall(memory: &dyn Memory, zone: TimeZone, now: Seconds) -> Known {
        let (ladder, expiring) = (Ladder::recall(memory, now), Expiring::recall(memory));
        Known { ladder, expiring, in_force: InForce::recall(memory), zone, now }
    }

    pub fn write_down(self, queues: &[Waiting], memory: &mut dyn Memory) {
        self.ladder.write_down(queues, memory);
        self.expiring.write_down(queues, memory);
        self.in_force.write_down(queues, memory);
    }

    /// Asks about the queues that were not asked about for the longest time.
    pub fn probe(
        &mut self,
        asker: &Asker<'_>,
        queues: &[Waiting],
        files: &Bounds,
        memory: &mut dyn Memory,
    ) -> Result<(), SourceError> {
        let mut due: Vec<&Waiting> =
            queues.iter().filter(|queue| queue.recipients >= WORTH_A_PROBE).collect();
        due.sort_by_key(|queue| (self.ladder.visited(&queue.name), Reverse(queue.recipients)));
        due.truncate(MOST_PROBES);
        let told = if is_within(memory, REFUSED, REST, self.now) {
            standing(memory)
        } else {
            self.ask(asker, &due, files, memory)
        };
        if !is_within(memory, REFUSED, REST, self.now) {
            self.confirm(asker, queues, files);
        } else if !is_within(memory, UNLISTED, REST, self.now) {
            self.list(asker, &due, files, memory);
        }
        told
    }

    fn ask(
        &mut self,
        asker: &Asker<'_>,
        due: &[&Waiting],
        files: &Bounds,
        memory: &mut dyn Memory,
    ) -> Result<(), SourceError> {
        for queue in due {
            let bound = self.bound(&queue.name, files).cloned().unwrap_or_default();
            let count = self.expiring.question(queue, &bound, self.now);
            // A thousand rows are asked for only where one row has shown that the end is near.
            let count = count.filter(|(_, age)| self.ladder.is_near(&queue.name, *age));
            let is_count = count.is_some();
            let Some((line, age)) = count.or_else(|| self.ladder.question(&queue.name, &bound)) else {
                continue;
            };
            match asker.command::<Older>(&line) {
                // A queue that was busy while listing was skipped: that is no answer.
                Ok((older, remark)) if older.count() > 0 || !remark.contains("busy") => {
                    let oldest = older.oldest(&self.zone, self.now);
                    self.ladder.answer(&queue.name, age, older.count() > 0, oldest, self.now);
                    if is_count {
                        self.expiring.count(&queue.name, older.count(), oldest, &bound, self.now);
                    }
                }
                Ok(_) => {}
                Err(SourceError::Absent(_)) => {
                    // Nobody is there to ask, and the pages are enough to be up.
                    memory.put(REFUSED, self.now.to_string().as_bytes());
                    return Ok(());
                }
                Err(SourceError::Denied { what, why, advice }) => {
                    let note = format!("{}\t{what}\t{why}\t{advice}", self.now);
                    memory.put(REFUSED, note.as_bytes());
                    return Err(SourceError::Denied { what, why, advice });
                }
                Err(why) => return Err(why),
            }
        }
        memory.remove(REFUSED);
        Ok(())
    }

    /// What holds for one queue. A version that does not say it leaves the files as they are.
    fn confirm(&mut self, asker: &Asker<'_>, queues: &[Waiting], files: &Bounds) {
        let worth: Vec<Waiting> =
            queues.iter().filter(|queue| queue.recipients >= WORTH_A_PROBE).cloned().collect();
        if let Some((queue, line)) = self.in_force.due(&worth, files, self.now) {
            self.in_force.ask(asker, (queue, &line), files, self.now);
        }
    }

    /// `/listqueue` takes the right to look only. It cannot be asked for an age: it shows a hundred
    /// recipients in an order that is not published, of whom the oldest is a lower bound.
    fn list(&mut self, asker: &Asker<'_>, due: &[&Waiting], files: &Bounds, memory: &mut dyn Memory) {
        for queue in due {
            // A pattern would list the queues of others.
            if queue.name.contains('*') {
                continue;
            }
            let Some((older, _)) = asker.web_page::<Older>("/listqueue", &[("queue", &queue.name)]) else {
                memory.put(UNLISTED, self.now.to_string().as_bytes());
                return;
            };
            let Some(oldest) = older.oldest(&self.zone, self.now) else { continue };
            let bound = self.bound(&queue.name, files).cloned().unwrap_or_default();
            self.ladder.see(&queue.name, oldest, self.now);
            if let Some((_, age)) = self.expiring.question(queue, &bound, self.now) {
                let near = older.ages(&self.zone, self.now).filter(|waited| *waited >= age).count();
                self.expiring.count(&queue.name, near, Some(oldest), &bound, self.now);
            }
        }
    }

    /// What holds for a queue: by PowerMTA itself, else by its files.
    fn bound<'b>(&'b self, queue: &str, files: &'b Bounds) -> Option<&'b Bound> {
        self.in_force.bound(queue, self.now).or_else(|| files.get(queue))
    }

    /// All of it, for the judge.
    pub fn told(&self, row: Sample, queue: &Waiting, files: &Bounds) -> Sample {
        let mut row = row;
        if let Some(bound) = self.bound(&queue.name, files) {
            row = row
                .int("bounce_after", bound.bounce_after)
                .int("horizon", bound.horizon)
                .int("retry", bound.retry);
            row = paced(row, queue, bound);
        }
        let filed = files.get(&queue.name).and_then(|bound| limit(queue, bound));
        let forced = self.in_force.bound(&queue.name, self.now).and_then(|bound| limit(queue, bound));
        for (field, most) in [("filed_max_smtp_out", filed), ("forced_max_smtp_out", forced)] {
            row = most.into_iter().fold(row, |row, most| row.int(field, most));
        }
        let differs = self.in_force.differs(&queue.name, self.now);
        if !differs.is_empty() {
            row = row.text("differs", differs);
        }
        if let Some(oldest) = self.ladder.oldest(&queue.name) {
            let listed = i64::from(oldest.listed);
            row = row.int("oldest", oldest.age).int("asked", oldest.at).int("listed", listed);
        }
        if let Some(counted) = self.expiring.of(queue, self.now) {
            row = row.int("expiring", counted.recipients).int("soonest", counted.soonest);
        }
        row
    }
}

/// Connections that a queue may have in the mode that it is in.
fn limit(queue: &Waiting, bound: &Bound) -> Option<i64> {
    let most = if queue.backoff { bound.pace.backoff_max_smtp_out } else { bound.pace.max_smtp_out };
    i64::try_from(most?).ok()
}

/// The limits that set the pace of a queue in the mode that it is in.
fn paced(row: Sample, queue: &Waiting, bound: &Bound) -> Sample {
    let of_vmta = bound.pace.vmta_max_smtp_out.and_then(|most| i64::try_from(most).ok());
    let numbers = [("max_smtp_out", limit(queue, bound)), ("vmta_max_smtp_out", of_vmta)];
    let known = numbers.into_iter().filter_map(|(name, most)| Some((name, most?)));
    let row = known.fold(row, |row, (name, most)| row.int(name, most));
    row.int("endless", i64::from(bound.pace.endless)).text("rates", bound.pace.rates.clone())
}
