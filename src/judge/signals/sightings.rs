//! What the signals read off accounting records as they pass: ages of waiting mail, failures
//! before any host was reached, and how many records there were. It judges nothing.

use super::dns::Failures;
use super::queue_age::Ages;
use crate::record::{Delivery, HIDDEN, Memory, Sample, Seconds};

const AGES: &str = "ages";
const FAILURES: &str = "failures";

#[derive(Debug, Default)]
pub struct Sightings {
    ages: Ages,
    failures: Failures,
    /// Records of this run.
    records: i64,
}

impl Sightings {
    pub fn recall(memory: &dyn Memory) -> Sightings {
        let (ages, failures) = (Ages::recall(memory, AGES), Failures::recall(memory, FAILURES));
        Sightings { ages, failures, records: 0 }
    }

    pub fn record(&mut self, provider: &str, record: &Delivery<'_>) {
        self.records += 1;
        self.failures.record(provider, record);
        self.ages.record(provider, record.queue, record.kind, record.logged, record.queued);
    }

    /// Writes down what later runs need, and gives what is known at `now`.
    pub fn conclude(mut self, now: Seconds, memory: &mut dyn Memory) -> Vec<Sample> {
        let mut rows = self.ages.rows(now);
        rows.extend(self.failures.rows(now));
        rows.push(Sample::new(HIDDEN).tag("class", "records").int("n", self.records));
        self.ages.write_down(memory, AGES);
        self.failures.write_down(memory, FAILURES);
        rows
    }
}
