//! The arrows for one record: classify it, count it, and judge each step of event time once the
//! watermark has passed it.

use super::recollection::Recollection;
use super::stop::Stop;
use crate::classify::{Answer, Classifier, Provider, Providers, Receiver, Reply};
use crate::judge::signals::Sightings;
use crate::ledger::{Reading, SourceNotes, Tally};
use crate::record::{Delivery, Finding, Kind, LogLine, Memory, Sample, Seconds, Sink, Tick};
use crate::sources::follow::LOST;

/// What the classifier answered for each template, for the runs to come.
pub const ANSWERS: &str = "answers";

pub struct Pipeline<'a, 'l> {
    pub providers: &'a mut Providers,
    pub classifier: Classifier,
    /// The classifier's notes, read only when the first reply comes.
    pub unread: Option<SourceNotes<'l>>,
    pub tally: &'a mut Tally,
    pub recollection: Recollection<'l>,
    /// What the golden signals read off the records.
    pub sightings: Sightings,
    pub tick: Tick,
    pub stop: &'a Stop,
    pub samples: Vec<Sample>,
    /// Changes of state, in the order in which they happened.
    pub changes: Vec<Finding>,
    /// How far the files were read.
    pub reading: Reading,
}

/// What the reply of a refusal means; `None` for everything else.
pub fn answer(classifier: &mut Classifier, provider: Provider<'_>, record: &Delivery<'_>) -> Option<Answer> {
    record.kind.is_refusal().then(|| {
        classifier.answer(Reply {
            provider,
            queue_level: record.kind == Kind::QueueDeferred,
            transient: record.kind != Kind::Bounced,
            status: record.status,
            diag: record.diag,
            has_remote: record.remote_tried(),
        })
    })
}

/// The normalised text of the reply that was just answered.
pub fn text<'c>(classifier: &'c Classifier, answer: Option<&Answer>) -> &'c str {
    answer.map_or("", |_| classifier.text())
}

impl Sink for Pipeline<'_, '_> {
    fn sample(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    fn delivery(&mut self, record: &Delivery<'_>) {
        let receiver = self.providers.receiver(record.domain(), record.mta);
        let Receiver { provider, name } = receiver;
        if record.kind.is_refusal()
            && let Some(written) = self.unread.take().and_then(|notes| notes.get(ANSWERS))
        {
            self.classifier.recall(&written);
        }
        let answer = answer(&mut self.classifier, provider, record);
        self.sightings.record(name.text, record);
        self.tally.add(record, provider, name, answer.as_ref());
        let said = (answer.as_ref(), text(&self.classifier, answer.as_ref()));
        self.recollection.record(name, receiver.is_named(), record, said, &mut self.changes);
    }

    fn line(&mut self, _line: &LogLine<'_>) {}

    fn event(&mut self, finding: Finding) {
        self.reading.lost |= finding.finding == LOST;
        self.changes.push(finding);
    }

    fn behind(&mut self) {
        self.reading.whole = false;
    }

    fn watermark(&mut self, time: Seconds) {
        self.recollection.judge_until(time, &mut self.changes);
    }

    fn enough(&self) -> bool {
        self.stop.asked() || self.tick.expired()
    }
}
