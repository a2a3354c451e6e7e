//! What happens under the ledger's lock: files are read, records counted and judged, everything
//! is committed at once. Nothing here waits for anybody, and nothing is printed.

use super::aside::broken;
use super::health::Health;
use super::passage::{DISCOVERY, RECORDS, Wish};
use super::pipeline::{ANSWERS, Pipeline};
use super::recollection::Recollection;
use super::setup::Setup;
use crate::classify::{Classifier, Providers};
use crate::config::Config;
use crate::judge::checks::Gauges;
use crate::judge::{self, Surroundings, signals};
use crate::ledger::{Ledger, LedgerError, Locked, Reading, SourceNotes};
use crate::record::{Finding, HIDDEN, Memory, Notes, Sample, Seconds, Tick, Value, tag};
use crate::sources::{Ask, Place, SOURCES, Source};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Whose notes the run itself and the classifier keep.
pub const RUN: &str = "run";
pub const LAST_SUCCESS: &str = "last_success";
pub const CLASSIFY: &str = "classify";
pub const SIGNALS: &str = "signals";

/// What a run brought home from its aside sources: name, changed notes, events.
pub type Kept = Vec<(&'static str, Notes, Vec<Finding>)>;

/// Everything that counting needs and does not change.
pub struct Count<'a> {
    pub setup: &'a Setup,
    pub wish: &'a Wish<'a>,
    pub tick: Tick,
    pub config: &'a Config,
    /// Another number after each start of PowerMTA.
    pub generation: Option<i64>,
    /// Measurements whose page was fetched in this run.
    pub observed: &'a [&'static str],
    /// The queue list held every queue.
    pub complete: bool,
    /// What checks will ask for.
    pub kept_gauges: &'a Gauges,
    /// What the sources beside brought home.
    pub gauges: &'a [Sample],
    /// Another name after each start of the host.
    pub boot: &'a str,
}

/// The committed truth of this run.
pub struct Counted {
    pub samples: Vec<Sample>,
    pub findings: Vec<Finding>,
    /// Whether totals are at least those that were shown before.
    pub caught_up: bool,
}

impl Count<'_> {
    /// Locks, counts, commits. After an error the ledger is as it was.
    pub fn run(
        &self,
        ledger: &mut Ledger,
        (discovery, kept): (Notes, Kept),
        providers: &mut Providers,
        health: &mut Health,
    ) -> Result<Counted, LedgerError> {
        let (asked, gauges) = (Instant::now(), self.gauges);
        let mut locked = ledger.lock(self.tick.deadline)?;
        health.run("lock_wait_seconds", Value::Float(asked.elapsed().as_secs_f64()));
        locked.keep_notes(DISCOVERY, discovery);
        let mut changes = Vec::new();
        for (source, notes, told) in kept {
            locked.keep_notes(source, notes);
            changes.extend(told);
        }
        let mut around = surroundings(gauges, self.complete);
        let mut notes = locked.notes(SIGNALS);
        around.changes = signals::changes::note(gauges, self.generation, self.tick.now(), &mut notes);
        let (pushed, reading) = self.read_files(&mut locked, &mut changes, providers, around, health)?;
        let mut samples = locked.grow(gauges, self.generation)?;
        samples.extend(pushed);
        samples.extend(locked.farewell(&samples, self.observed)?);
        changes.extend(self.judge_signals(&locked, &mut samples, health)?);
        locked.keep_events(&changes)?;
        let findings = locked.findings()?;
        let mut notes = locked.notes(RUN);
        notes.put(LAST_SUCCESS, self.tick.now().to_string().as_bytes());
        // For a check that asks before the next run does.
        self.kept_gauges.keep(&mut notes);
        if self.wish.only.is_empty() {
            health.fates().keep(&mut notes);
        }
        health.hush(self.wish.reader, &mut notes, self.tick.now());
        let caught_up = locked.catch_up(self.boot, reading)?;
        samples.extend(locked.commit()?.rows());
        Ok(Counted { samples, findings, caught_up })
    }

    /// The golden signals of what this run observed. Lines are for them alone.
    fn judge_signals(
        &self,
        locked: &Locked<'_>,
        samples: &mut Vec<Sample>,
        health: &Health,
    ) -> Result<Vec<Finding>, LedgerError> {
        let scene = signals::Scene { now: self.tick.now(), samples, fates: &health.standings() };
        // One look into the ledger for all of them, instead of one for each signal's note.
        let mut notes = Notes::new(locked.notes(SIGNALS).scan(""));
        let work = planned_work(self.config, self.tick.now());
        let outcome = signals::judge(&scene, work.as_deref(), &mut notes);
        locked.keep_notes(SIGNALS, notes);
        samples.retain(|sample| sample.measurement != HIDDEN);
        samples.extend(outcome.samples);
        locked.keep_findings(&outcome.changes)?;
        locked.keep_findings(&outcome.findings)?;
        Ok(outcome.changes)
    }

    /// The sources whose cursors live in the ledger, one after the other; each fails alone.
    fn read_files(
        &self,
        locked: &mut Locked<'_>,
        changes: &mut Vec<Finding>,
        providers: &mut Providers,
        around: Surroundings,
        health: &mut Health,
    ) -> Result<(Vec<Sample>, Reading), LedgerError> {
        let recollection = Recollection::new(
            locked.shelf(),
            (locked.notes(RUN), locked.notes(CLASSIFY)),
            self.config,
            around,
            self.tick,
        );
        let mut answers = locked.notes(CLASSIFY);
        let sources = self.sources(locked, health);
        let mut pipeline = Pipeline {
            classifier: Classifier::new(providers, self.setup.rules.clone()),
            providers,
            unread: Some(locked.notes(CLASSIFY)),
            recollection,
            sightings: signals::Sightings::recall(&locked.notes(SIGNALS)),
            tick: self.tick,
            stop: &self.setup.stop,
            samples: Vec::new(),
            changes: std::mem::take(changes),
            tally: locked.tally(),
            reading: Reading { whole: self.wish.includes(RECORDS), lost: false },
        };
        for (source, mut notes) in sources {
            self.read(source, &mut notes, &mut pipeline, health)?;
        }
        let Pipeline { samples, mut classifier, recollection, sightings, changes: told, reading, .. } =
            pipeline;
        *changes = told;
        if classifier.has_read_rules() {
            // The other rules go on; whoever wrote these must hear of it.
            health.troubles.extend(classifier.problems().iter().map(ToString::to_string));
        }
        if let Some(learned) = classifier.remembered() {
            answers.put(ANSWERS, &learned);
        }
        // What the rules were compiled to makes room for what is to be written.
        drop(classifier);
        let standing = recollection.save()?.unwrap_or_default();
        let mut samples = samples;
        samples.extend(standing.gauges);
        samples.extend(sightings.conclude(self.tick.now(), &mut locked.notes(SIGNALS)));
        // First each change as it happened, then how things stand: the last word wins.
        locked.keep_findings(changes)?;
        locked.keep_findings(&standing.findings)?;
        Ok((samples.into_iter().filter_map(|sample| health.absorb(sample)).collect(), reading))
    }

    fn sources<'l>(
        &self,
        locked: &Locked<'l>,
        health: &mut Health,
    ) -> Vec<(&'static dyn Source, SourceNotes<'l>)> {
        let sources: Vec<_> = SOURCES
            .iter()
            .filter(|source| source.place() == Place::Locked && self.wish.includes(source.name()))
            .map(|source| (*source, locked.notes(source.name())))
            .collect();
        let followed = |(_, notes): &&(_, SourceNotes<'_>)| !notes.scan("").is_empty();
        if self.wish.from_start {
            let known: Vec<&str> = sources.iter().filter(followed).map(|(source, _)| source.name()).collect();
            health.started_before(&known);
        }
        sources
    }

    /// A source that fails keeps what it had handed over, cursors and counts alike. One that
    /// panics may have handed over records without their cursor: then nothing is committed.
    fn read(
        &self,
        source: &dyn Source,
        notes: &mut dyn Memory,
        pipeline: &mut Pipeline<'_, '_>,
        health: &mut Health,
    ) -> Result<(), LedgerError> {
        let begun = Instant::now();
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let from_start = self.wish.from_start;
            let brought = self.gauges;
            let mut ask = Ask { config: self.config, tick: self.tick, memory: notes, from_start, brought };
            source.collect(&mut ask, pipeline)
        }));
        let panicked = caught.is_err();
        let result = caught.unwrap_or_else(|_| Err(broken(source.name())));
        health.source(source.name(), &result, begun.elapsed());
        if panicked {
            return Err(LedgerError::Abandoned { why: format!("source {} broke off", source.name()) });
        }
        Ok(())
    }
}

/// Maintenance that is under way, by the clock of PowerMTA's host.
fn planned_work(config: &Config, now: Seconds) -> Option<String> {
    if config.suppress.is_empty() {
        return None;
    }
    let offset = jiff::Timestamp::from_second(now).map(|time| config.pmta.zone().to_offset(time).seconds());
    let minutes = i16::try_from(offset.unwrap_or(0) / 60).unwrap_or(0);
    judge::maintenance(&config.suppress, now, minutes)
}

/// Waiting recipients as the pages of this run show them.
fn surroundings(gauges: &[Sample], complete: bool) -> Surroundings {
    let recipients = |sample: &Sample| match sample.field("recipients") {
        Some(Value::Int(waiting)) => *waiting,
        _ => 0,
    };
    let mut around = Surroundings { complete, ..Surroundings::default() };
    for sample in gauges {
        match sample.measurement {
            "pmta_queues" if tag(&sample.tags, "kind") == "smtp" => around.backlog = Some(recipients(sample)),
            "pmta_queue" => {
                let provider = tag(&sample.tags, "provider").to_owned();
                *around.providers.entry(provider).or_default() += recipients(sample);
            }
            _ => {}
        }
    }
    around
}
