//! An accounting file as tables: through the accounting source's reader and the classifier into a
//! summary. It keeps no record and touches no ledger.

use crate::classify::crosscheck::PatternLists;
use crate::classify::summary::{Outcome, Seen, Summary};
use crate::classify::{Classifier, Provider, Providers, Reply};
use crate::record::{Delivery, Finding, Kind, LogLine, Notes, Sample, Seconds, Sink};
use crate::run::setup::Setup;
use crate::run::stop::Stop;
use crate::run::{RunError, print};
use crate::sources::accounting::Reader;
use crate::sources::follow::{Disk, Files, OpenFile, Unpacked};
use crate::sources::pmta_config::{self, Queues};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What every gzip file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

pub fn tabulate(
    setup: &Setup,
    path: &Path,
    providers: &mut Providers,
    classifier: Classifier,
    started: Instant,
) -> Result<(), RunError> {
    let unreadable = |source| RunError::Unreadable { path: path.to_owned(), source };
    let mut input = Input::open(path).map_err(unreadable)?;
    let queues = pmta_config::queues(&setup.loaded.config.pmta.config, &mut Notes::default());
    let names = providers.names();
    let mut table =
        Table { providers, names, classifier, summary: Summary::new(lists(&queues)), stop: &setup.stop };
    let now = setup.clock.tick(started, Duration::ZERO).now();
    let stop = &setup.stop;
    let taken =
        Reader::new(now).read_all(&mut input, &mut table, &mut |_, _| stop.asked()).map_err(unreadable)?;
    if taken.records == 0 && taken.rejected > 0 {
        return Err(RunError::NoRecords { path: path.to_owned() });
    }
    let mut text = format!("{}: {} records", path.display(), taken.records);
    if taken.rejected > 0 {
        text.push_str(&format!(", {} broken ones left out", taken.rejected));
    }
    if let Some(trouble) = input.trouble {
        text.push_str(&format!("; it breaks off: {trouble}"));
    }
    text.push_str(&format!("\n{}", table.summary.in_words()));
    text.push_str(&faults(&queues));
    print(text.as_bytes())
}

fn lists(queues: &Queues) -> PatternLists {
    let patterns = queues.pattern_lists.values().flatten();
    PatternLists::new(patterns.map(|pattern| pattern.expression.as_str()))
}

/// What is wrong with the host's own patterns; empty when nothing is.
fn faults(queues: &Queues) -> String {
    let faults = super::super::patterns::faults(queues);
    let mut text = String::new();
    for (at, fault) in faults.iter().enumerate() {
        text.push_str(if at == 0 { "\nFaults in PowerMTA's smtp-pattern-lists\n" } else { "" });
        text.push_str(&format!("{fault}\n"));
    }
    text
}

/// A file, unpacked where it must be. A packed one that breaks off has given what it holds.
struct Input {
    file: Box<dyn OpenFile>,
    at: u64,
    packed: bool,
    trouble: Option<io::Error>,
}

impl Input {
    fn open(path: &Path) -> io::Result<Input> {
        let mut file = Disk.open(path)?;
        let mut start = [0; 2];
        let packed = file.read_at(&mut start, 0)? == 2 && start == GZIP;
        if packed {
            file = Box::new(Unpacked::new(file)?);
        }
        Ok(Input { file, at: 0, packed, trouble: None })
    }
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.trouble.is_some() {
            return Ok(0);
        }
        match self.file.read_at(into, self.at) {
            Ok(n) => {
                self.at += n as u64;
                Ok(n)
            }
            Err(error) if self.packed && self.at > 0 => {
                self.trouble = Some(error);
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }
}

struct Table<'a> {
    providers: &'a mut Providers,
    names: Arc<[Box<str>]>,
    classifier: Classifier,
    summary: Summary,
    stop: &'a Stop,
}

impl Sink for Table<'_> {
    fn sample(&mut self, _sample: Sample) {}

    fn delivery(&mut self, record: &Delivery<'_>) {
        let outcome = match record.kind {
            Kind::Deferred => Outcome::Deferred,
            Kind::QueueDeferred => Outcome::QueueDeferred,
            Kind::Bounced => Outcome::Bounced,
            Kind::Delivered => return self.summary.delivered(),
            _ => return,
        };
        let provider = self.providers.lookup(record.domain(), record.mta);
        let answer = self.classifier.answer(Reply {
            provider,
            queue_level: outcome == Outcome::QueueDeferred,
            transient: outcome != Outcome::Bounced,
            status: record.status,
            diag: record.diag,
            has_remote: record.remote_tried(),
        });
        let name = match provider {
            Provider::Named(number) => self.names.get(usize::from(number)).map_or("", |name| name),
            Provider::Domain(domain) => domain,
        };
        let seen = Seen {
            provider: name,
            outcome,
            category: record.category,
            reply: record.diag,
            text: self.classifier.text(),
            time: record.logged,
        };
        self.summary.note(&seen, &answer);
    }

    fn line(&mut self, _line: &LogLine<'_>) {}

    fn event(&mut self, _finding: Finding) {}

    fn watermark(&mut self, _time: Seconds) {}

    fn enough(&self) -> bool {
        self.stop.asked()
    }
}
