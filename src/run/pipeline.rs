//! The arrows for one record: classify it, count it, and judge each step of event time once the
//! watermark has passed it.

use super::recollection::Recollection;
use super::stop::Stop;
use crate::classify::{Answer, Classifier, Provider, Providers, Reply};
use crate::judge::signals::Ages;
use crate::ledger::{Reading, SourceNotes, Tally};
use crate::record::{Delivery, Finding, Kind, LogLine, Memory, Sample, Seconds, Sink, Tick};
use crate::sources::follow::LOST;
use std::sync::Arc;

/// What the classifier answered for each template, for the runs to come.
pub const ANSWERS: &str = "answers";

pub struct Pipeline<'a, 'l> {
    pub providers: &'a mut Providers,
    /// Of the named providers, by their numbers.
    pub names: Arc<[Box<str>]>,
    pub classifier: Classifier,
    /// The classifier's notes, read only when the first reply comes.
    pub unread: Option<SourceNotes<'l>>,
    pub tally: &'a mut Tally,
    pub recollection: Recollection<'l>,
    /// How long mail waits, by provider.
    pub ages: Ages,
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

/// A provider's name in tags, and whether it stands in the provider table.
pub fn named<'a>(names: &'a [Box<str>], provider: Provider<'a>) -> (&'a str, bool) {
    match provider {
        Provider::Named(number) => (names.get(usize::from(number)).map_or("", |name| name), true),
        Provider::Domain(domain) => (domain, false),
    }
}

impl Sink for Pipeline<'_, '_> {
    fn sample(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    fn delivery(&mut self, record: &Delivery<'_>) {
        let provider = self.providers.lookup(record.domain(), record.mta);
        if record.kind.is_refusal()
            && let Some(written) = self.unread.take().and_then(|notes| notes.get(ANSWERS))
        {
            self.classifier.recall(&written);
        }
        let answer = answer(&mut self.classifier, provider, record);
        let (name, named) = named(&self.names, provider);
        self.ages.record(name, record.kind, record.logged, record.queued);
        self.tally.add(record, provider, name, answer.as_ref());
        let said = (answer.as_ref(), self.classifier.text());
        self.recollection.record(name, named, record, said, &mut self.changes);
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
