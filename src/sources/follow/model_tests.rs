//! Random histories of what can happen to files: after each, what was counted is the truth. It tests no known failure by name.

use super::files::Files;
use super::trial::{Ground, HEADER, Heard, Simulated, Trial, gunzip};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::collections::BTreeSet;
use std::rc::Rc;

const LIVE: &str = "acct.csv";

#[derive(Debug, Clone)]
enum Step {
    Append(u32),
    /// Half a record, finished by the next append.
    Partial,
    RotateNumbered,
    RotateDated,
    /// The successor is there before the old file is moved away.
    SuccessorFirst,
    MoveAway,
    CopyTruncate,
    Truncate,
    GzipOldest,
    GzipNewest,
    DeleteOldest,
    DeleteLive,
    HeaderOnly,
    LateAppend(u32),
    Run,
    Runs(usize),
    /// The process dies before the commit: what it did is forgotten.
    RunKilled,
    /// The deadline comes early.
    RunShort(usize),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (1..40_u32).prop_map(Step::Append),
        3 => Just(Step::Partial),
        3 => Just(Step::RotateNumbered),
        3 => Just(Step::RotateDated),
        2 => Just(Step::SuccessorFirst),
        3 => Just(Step::MoveAway),
        2 => Just(Step::CopyTruncate),
        1 => Just(Step::Truncate),
        2 => Just(Step::GzipOldest),
        2 => Just(Step::GzipNewest),
        1 => Just(Step::DeleteOldest),
        1 => Just(Step::DeleteLive),
        2 => Just(Step::HeaderOnly),
        2 => (1..10_u32).prop_map(Step::LateAppend),
        8 => Just(Step::Run),
        2 => (2..20_usize).prop_map(Step::Runs),
        3 => Just(Step::RunKilled),
        3 => (0..3_usize).prop_map(Step::RunShort),
        2 => (1..2_000_i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..40)
}

struct Model {
    trial: Trial,
    ground: Rc<Simulated>,
    counted: Vec<u32>,
    /// Records of which no copy is left and that had not been counted when the last one went.
    gone: BTreeSet<u32>,
    /// Files that a run has met. What is born and deleted between two runs nobody can know of.
    met: BTreeSet<u64>,
    /// Files that spoke again long after they were finished: they are looked at every five minutes.
    revived: BTreeSet<u64>,
    turns: u32,
    /// The rest of a record that was half written, and into which file.
    half: Option<(String, String)>,
}

impl Model {
    fn new(reuse: bool) -> Model {
        let ground = Rc::new(Simulated::default());
        let mut trial = Trial::new(Rc::clone(&ground) as Rc<dyn Ground>);
        trial.write(LIVE, 2);
        if reuse {
            ground.reuse_inodes();
        }
        let mut model = Model {
            trial,
            ground,
            counted: vec![1, 2],
            gone: BTreeSet::new(),
            met: BTreeSet::new(),
            revived: BTreeSet::new(),
            turns: 0,
            half: None,
        };
        model.run();
        model
    }

    fn run(&mut self) {
        let heard = self.trial.tick();
        self.counted.extend(heard.records);
        // An empty file that is written and emptied again looks as it did.
        let names = self.ground.names().into_iter().filter(|name| !self.ground.content(name).is_empty());
        self.met = names.map(|name| self.ino(&name)).filter(|ino| !self.revived.contains(ino)).collect();
    }

    fn ino(&self, name: &str) -> u64 {
        self.ground.stat(&self.ground.root().join(name)).unwrap().ino
    }

    fn short_run(&mut self, pieces: usize) {
        self.trial.now += 10;
        let mut heard = Heard { enough_after: Some(pieces), ..Heard::default() };
        self.trial.run(&mut heard).unwrap();
        self.counted.extend(heard.records);
        // An empty file that is written and emptied again looks as it did.
        let names = self.ground.names().into_iter().filter(|name| !self.ground.content(name).is_empty());
        self.met = names.map(|name| self.ino(&name)).filter(|ino| !self.revived.contains(ino)).collect();
    }

    fn apply(&mut self, step: &Step) {
        // A rotation a second, so that file times differ as they do on a busy host.
        self.trial.now += 1;
        let now = self.trial.now;
        match step {
            Step::Append(count) => self.append(*count),
            Step::Partial => self.partial(),
            Step::RotateNumbered => self.rotate(|turn| format!("acct.csv.{turn}")),
            Step::RotateDated => self.rotate(|turn| format!("acct-2026-11-23-{turn:04}.csv")),
            Step::SuccessorFirst => self.successor_first(),
            Step::MoveAway => self.rotate(|turn| format!("moved/acct-2026-11-23-{turn:04}.csv")),
            Step::CopyTruncate if self.trial.exists(LIVE) => {
                self.turns += 1;
                self.ground.copy(LIVE, &format!("acct.csv.{}", self.turns), now);
                self.ground.truncate(LIVE, now);
                self.met.remove(&self.ino(LIVE));
                self.half = None;
            }
            Step::Truncate if self.trial.exists(LIVE) => {
                self.lose(LIVE, |ground, path| ground.truncate(path, now));
            }
            Step::DeleteLive if self.trial.exists(LIVE) => {
                self.lose(LIVE, |ground, path| ground.remove(path, now));
            }
            Step::DeleteOldest => {
                if let Some(old) = self.rotated().first() {
                    self.lose(old, |ground, path| ground.remove(path, now));
                }
            }
            Step::GzipOldest => self.pack(self.rotated().first().cloned()),
            Step::GzipNewest => self.pack(self.rotated().last().cloned()),
            Step::HeaderOnly if !self.trial.exists(LIVE) => self.trial.write(LIVE, 0),
            Step::LateAppend(count) => self.late(*count),
            Step::Run => self.run(),
            Step::Runs(count) => (0..*count).for_each(|_| self.run()),
            Step::RunKilled => {
                let notes = self.trial.notes.clone();
                self.trial.tick();
                self.trial.notes = notes;
            }
            Step::RunShort(pieces) => self.short_run(*pieces),
            Step::Wait(seconds) => self.trial.now += seconds,
            _ => {}
        }
    }

    fn append(&mut self, count: u32) {
        self.finish_half();
        self.trial.write(LIVE, count);
    }

    fn partial(&mut self) {
        self.finish_half();
        if !self.trial.exists(LIVE) {
            self.trial.write(LIVE, 0);
        }
        let record = self.trial.record();
        let (begin, rest) = record.split_at(record.len() / 2);
        self.ground.append(LIVE, begin.as_bytes(), self.trial.now);
        self.half = Some((LIVE.to_owned(), rest.to_owned()));
    }

    /// A writer finishes its record wherever the file was renamed to.
    fn finish_half(&mut self) {
        if let Some((path, rest)) = self.half.take()
            && self.trial.exists(&path)
        {
            self.ground.append(&path, rest.as_bytes(), self.trial.now);
        }
    }

    fn rotate(&mut self, name: impl Fn(u32) -> String) {
        self.finish_half();
        if self.trial.exists(LIVE) {
            self.turns += 1;
            self.ground.rename(LIVE, &name(self.turns), self.trial.now);
        }
    }

    fn successor_first(&mut self) {
        self.finish_half();
        let name = format!("acct-2026-11-23-{:04}.csv", self.turns + 1);
        self.rotate(|_| name.clone());
        self.trial.write(LIVE, 1);
        if self.trial.exists(&name) {
            self.trial.write(&name, 2);
        }
    }

    /// A rotated file gets a few more records, as when a writer closes it late.
    fn late(&mut self, count: u32) {
        let whole = |name: &String| self.ground.content(name).last().is_none_or(|byte| *byte == b'\n');
        if let Some(newest) = self.rotated().pop().filter(whole) {
            // A finished file that speaks once more and is deleted before the next run takes its
            // secret along: it cannot be told from a finished file that is deleted.
            self.met.remove(&self.ino(&newest));
            let stat = self.ground.stat(&self.ground.root().join(&newest)).unwrap();
            if self.trial.now - stat.mtime_ns / 1_000_000_000 >= 590 {
                self.revived.insert(stat.ino);
            }
            self.trial.write(&newest, count);
        }
    }

    fn pack(&mut self, path: Option<String>) {
        if let Some(path) = path {
            self.finish_half();
            self.met.remove(&self.ino(&path));
            self.ground.gzip(&path, self.trial.now);
        }
    }

    /// Files that were rotated and are not packed, oldest first.
    fn rotated(&self) -> Vec<String> {
        let turn = |name: &String| {
            name.trim_end_matches(".csv").rsplit(['-', '.']).next().unwrap().parse::<u32>().unwrap()
        };
        let names = self.ground.names().into_iter();
        let mut names: Vec<String> = names.filter(|name| name != LIVE && !name.ends_with(".gz")).collect();
        names.sort_by_key(turn);
        names
    }

    fn lose(&mut self, path: &str, how: impl Fn(&Simulated, &str)) {
        let met = self.met.remove(&self.ino(path));
        let held = records_in(&self.ground.content(path));
        how(&self.ground, path);
        if self.half.as_ref().is_some_and(|(half, _)| half == path) {
            self.half = None;
        }
        if !met {
            return;
        }
        let left = self.left();
        let counted: BTreeSet<u32> = self.counted.iter().copied().collect();
        self.gone.extend(held.into_iter().filter(|n| !left.contains(n) && !counted.contains(n)));
    }

    /// Every whole record that some file holds.
    fn left(&self) -> BTreeSet<u32> {
        let mut left = BTreeSet::new();
        for name in self.ground.names() {
            let mut content = self.ground.content(&name);
            if name.ends_with(".gz") {
                content = gunzip(&content).unwrap();
            }
            left.extend(records_in(&content));
        }
        left
    }

    fn check(mut self) -> Result<(), String> {
        // Long enough for every doubt to be settled.
        (0..3).for_each(|_| self.run());
        self.trial.now += 400;
        (0..12).for_each(|_| self.run());
        let counters = self.trial.tick().counters;
        let unique: BTreeSet<u32> = self.counted.iter().copied().collect();
        if unique.len() != self.counted.len() {
            let mut twice = self.counted.clone();
            twice.sort_unstable();
            let twice: BTreeSet<u32> =
                twice.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect();
            return Err(format!("counted twice: {twice:?}"));
        }
        let left = self.left();
        let unread: Vec<u32> = left.difference(&unique).copied().collect();
        if !unread.is_empty() {
            return Err(format!("in a file, and not counted: {unread:?}"));
        }
        let missing: Vec<&u32> = self.gone.iter().filter(|number| !unique.contains(number)).collect();
        if !missing.is_empty() && counters["lost_incidents_total"] == 0 {
            return Err(format!("lost and not told: {missing:?}"));
        }
        Ok(())
    }
}

/// The numbers of the whole records.
fn records_in(content: &[u8]) -> Vec<u32> {
    let whole = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let text = String::from_utf8_lossy(&content[..whole]);
    let number = |line: &str| line.split("user@r").nth(1)?.split('.').next()?.parse().ok();
    text.lines().filter_map(number).collect()
}

#[test]
fn whatever_happens_to_files_the_count_is_the_truth() {
    let cases = std::env::var("PMTA_VITALS_HISTORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let seed = std::env::var("PMTA_VITALS_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&(any::<bool>(), steps()), |(reuse, steps)| {
        let mut model = Model::new(reuse);
        for step in &steps {
            model.apply(step);
        }
        model.check().map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("seed {seed}: {error}");
    }
}

#[test]
fn any_cut_of_the_same_files_into_runs_gives_the_same_records() {
    let config =
        Config { cases: 60, failure_persistence: None, rng_seed: RngSeed::Fixed(2), ..Config::default() };
    let strategy = (prop::collection::vec(1..60_usize, 1..25), prop::collection::vec(0..3_usize, 0..25));
    let outcome = TestRunner::new(config).run(&strategy, |(sizes, runs)| {
        let ground = Rc::new(Simulated::default());
        let mut trial = Trial::new(ground);
        trial.tick();
        let mut text = HEADER.to_owned();
        for _ in 0..200 {
            text += &trial.record();
        }
        let mut read = Vec::new();
        let mut rest = text.as_bytes();
        for (index, size) in sizes.iter().cycle().enumerate() {
            let (piece, after) = rest.split_at((*size * 7).min(rest.len()));
            trial.ground.append(LIVE, piece, trial.now);
            rest = after;
            read.extend(trial.ticks(runs.get(index).copied().unwrap_or(1)));
            if rest.is_empty() {
                break;
            }
        }
        read.extend(trial.ticks(2));
        prop_assert_eq!(read, (1..=200).collect::<Vec<u32>>());
        Ok(())
    });
    outcome.unwrap();
}
