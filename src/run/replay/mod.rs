//! `replay`: old accounting files through the whole pipeline, as if they were being written now.
//! Nothing of it touches the ledger, unless `--learn` asks for what is usual to be kept.

mod backlog;
mod batch;
mod files;
mod learn;
mod series;
mod told;

use super::RunError;
use super::judgement::Judgement;
use super::pipeline::{answer, text};
use super::setup::Setup;
use super::stop::Stop;
use crate::classify::{Classifier, Providers};
use crate::cli;
use crate::judge::Bench;
use crate::ledger::baseline::BUCKET_SECONDS;
use crate::ledger::{Baselines, LedgerError, Repertoire, Windows};
use crate::record::{Delivery, Finding, Notes, Seconds};
use backlog::Backlogs;
use files::OldFiles;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use told::Told;

/// Event time between two looks for what can be forgotten.
const TIDY: Seconds = 3_600;
/// How late a bucket becomes part of what is usual, and the length of one.
const LAST_HOUR: Seconds = 3_600 + BUCKET_SECONDS;
/// Learning may wait so long for the ledger.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn run(mut setup: Setup, args: &cli::Replay, started: Instant) -> Result<(), RunError> {
    if let Some(path) = &args.series {
        return series::run(path);
    }
    if let Some(method) = &args.method {
        setup.loaded.set("judge.method", method, "--method")?;
    }
    for wish in &args.what_if {
        let (key, value) = wish.split_once('=').ok_or_else(|| RunError::WhatIf(wish.clone()))?;
        setup.loaded.set(key.trim(), value.trim(), "--what-if")?;
    }
    let tick = setup.clock.tick(started, started.elapsed() + PATIENCE);
    // Only buckets that end before the first live record are learned.
    let first_live = if args.learn { learn::first_live(&setup, tick)? } else { None };
    let until = first_live.map(|first| first.div_euclid(BUCKET_SECONDS) * BUCKET_SECONDS);
    let mut replay = Replay::new(&setup, args.status.as_deref(), until)?;
    let mut files = OldFiles::new(&args.files)?;
    let stop = setup.stop.clone();
    replay.read(&mut files, &stop)?;
    replay.told.summarise(&files.tally)?;
    let mut judgement = replay.judgement;
    if args.learn {
        // Buckets enter an hour late; what happens after the last record is told to nobody.
        judgement.until(judgement.judged() + LAST_HOUR, &mut Vec::new());
    }
    if args.learn && !stop.asked() {
        let tick = setup.clock.tick(Instant::now(), PATIENCE);
        learn::keep(&setup, tick, &judgement, first_live)?;
    }
    Ok(())
}

/// Everything that a record passes through.
struct Replay {
    providers: Providers,
    classifier: Classifier,
    judgement: Judgement<'static>,
    backlogs: Option<Backlogs>,
    told: Told,
    changes: Vec<Finding>,
    tidied: Seconds,
    /// Records from here on are left out.
    until: Option<Seconds>,
}

impl Replay {
    fn new(
        setup: &Setup,
        status: Option<&std::path::Path>,
        until: Option<Seconds>,
    ) -> Result<Replay, RunError> {
        let config = &setup.loaded.config;
        let providers = Providers::new(&config.providers);
        let baselines = Baselines::new();
        let bench = Bench::new(config, &baselines)?;
        Ok(Replay {
            classifier: Classifier::new(&providers, setup.rules.clone()),
            providers,
            judgement: Judgement::new(
                Windows::new(),
                baselines,
                Repertoire::new(Box::new(Notes::default()), 0),
                bench,
                0,
            ),
            backlogs: status.map(Backlogs::open).transpose()?,
            told: Told::default(),
            changes: Vec::new(),
            tidied: 0,
            until,
        })
    }

    fn read(&mut self, files: &mut OldFiles, stop: &Stop) -> Result<(), RunError> {
        let mut failed = None;
        files.read(&mut |time, record, believed| {
            if self.until.is_some_and(|until| time >= until) || stop.asked() {
                return false;
            }
            if believed && let Err(error) = self.take(time, record) {
                failed = Some(error);
                return false;
            }
            true
        })?;
        match failed {
            Some(error) => Err(error),
            None => self.told.flush(),
        }
    }

    /// First what is over by now is judged, then the record is counted.
    fn take(&mut self, time: Seconds, record: &Delivery<'_>) -> Result<(), RunError> {
        self.pass(time)?;
        self.told.saw(time);
        let receiver = self.providers.receiver(record.domain(), record.mta);
        let answer = answer(&mut self.classifier, receiver.provider, record);
        let said = (answer.as_ref(), text(&self.classifier, answer.as_ref()));
        self.judgement.record(receiver.name, receiver.is_named(), record, said, &mut self.changes);
        Ok(())
    }

    /// Lets event time pass.
    fn pass(&mut self, time: Seconds) -> Result<(), RunError> {
        if let Some(backlogs) = &mut self.backlogs {
            while let Some((at, around)) = backlogs.next_before(time)? {
                if self.judgement.judged() > 0 {
                    self.judgement.until(at - 1, &mut self.changes);
                }
                self.judgement.see(around);
            }
        }
        if self.judgement.judged() > 0 {
            self.judgement.until(time, &mut self.changes);
        }
        if !self.changes.is_empty() {
            self.told.tell(&mut self.changes)?;
        }
        if time - self.tidied >= TIDY {
            self.judgement.windows.tidy();
            self.tidied = time;
        }
        Ok(())
    }
}

/// What `learn` and the rest need to say about a ledger that cannot be had.
fn ledger_of(setup: &Setup, tick: crate::record::Tick) -> Result<crate::ledger::Ledger, LedgerError> {
    let limits = &setup.loaded.config.limits;
    let limits = crate::ledger::Limits { providers: limits.providers, pairs: limits.pairs };
    crate::ledger::Ledger::open(&setup.place, limits, &tick)
}

/// A file that could not be read.
fn unreadable(path: &std::path::Path, source: std::io::Error) -> RunError {
    RunError::Read { path: PathBuf::from(path), source }
}
