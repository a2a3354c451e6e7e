//! The arrows for one record: classify it, count it, and judge each step of event time once the
//! watermark has passed it.

use super::recollection::Recollection;
use super::stop::Stop;
use crate::classify::{Classifier, Provider, Providers, Reply, Templates};
use crate::judge::signals::Ages;
use crate::ledger::{SourceNotes, Tally};
use crate::record::{Delivery, Finding, Kind, LogLine, Memory, Sample, Seconds, Sink, Tick};
use std::sync::Arc;

/// What the classifier answered for each template, for the runs to come.
pub const ANSWERS: &str = "answers";

/// The provider of replies whose own holds no series.
const OTHERS: &str = "other";

pub struct Pipeline<'a, 'l> {
    pub providers: &'a mut Providers,
    /// Of the named providers, by their numbers.
    pub names: Arc<[Box<str>]>,
    pub classifier: Classifier,
    /// The classifier's notes, read only when the first reply comes.
    pub unread: Option<SourceNotes<'l>>,
    pub tally: &'a mut Tally,
    /// Which replies came from whom in this run.
    pub templates: Templates,
    pub recollection: Recollection<'l>,
    /// How long mail waits, by provider.
    pub ages: Ages,
    pub tick: Tick,
    pub stop: &'a Stop,
    pub samples: Vec<Sample>,
    /// Changes of state, in the order in which they happened.
    pub changes: Vec<Finding>,
}

impl Sink for Pipeline<'_, '_> {
    fn sample(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    fn delivery(&mut self, record: &Delivery<'_>) {
        let provider = self.providers.lookup(record.domain(), record.mta);
        let transient = matches!(record.kind, Kind::Deferred | Kind::QueueDeferred);
        let answer = (transient || record.kind == Kind::Bounced).then(|| {
            if let Some(written) = self.unread.take().and_then(|notes| notes.get(ANSWERS)) {
                self.classifier.recall(&written);
            }
            self.classifier.answer(Reply {
                provider,
                queue_level: record.kind == Kind::QueueDeferred,
                transient,
                status: record.status,
                diag: record.diag,
                has_remote: record.remote_tried(),
            })
        });
        let (name, named) = match provider {
            Provider::Named(number) => (self.names.get(usize::from(number)).map_or("", |name| name), true),
            Provider::Domain(domain) => (domain, false),
        };
        self.ages.record(name, record.kind, record.logged, record.queued);
        self.tally.add(record, provider, name, answer.as_ref());
        if let Some(answer) = &answer {
            // Who has no series of his own has no list of replies either.
            let holder = if named || self.tally.has_series(name) { name } else { OTHERS };
            let time = record.logged.min(self.tick.now());
            self.templates.note(holder, answer, self.classifier.text(), time);
        }
        self.recollection.record(name, named, record, answer.as_ref());
    }

    fn line(&mut self, _line: &LogLine<'_>) {}

    fn event(&mut self, finding: Finding) {
        self.changes.push(finding);
    }

    fn watermark(&mut self, time: Seconds) {
        self.recollection.judge_until(time, &mut self.changes);
    }

    fn enough(&self) -> bool {
        self.stop.asked() || self.tick.expired()
    }
}
