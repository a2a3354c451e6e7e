//! A server that does whatever can happen to its files, and the follower that reads them. It draws no histories.

use super::simulated::Simulated;
use super::trial::{Ground, Heard, Trial, gunzip, gzip};
use std::collections::BTreeSet;
use std::rc::Rc;

const LIVE: &str = "acct.csv";

#[derive(Debug, Clone)]
pub enum Step {
    Append(u32),
    /// Half a record, finished by the next append.
    Partial,
    RotateNumbered,
    RotateDated,
    /// The successor is there before the old file is moved away.
    SuccessorFirst,
    MoveAway,
    CopyTruncate,
    /// A run comes when half of the copy is written.
    SlowCopyTruncate,
    Truncate,
    GzipOldest,
    GzipNewest,
    /// A run comes when half of the packed file is written.
    SlowGzip,
    DeleteOldest,
    DeleteLive,
    HeaderOnly,
    LateAppend(u32),
    Run,
    Runs(usize),
    /// The process dies before the commit: what it did is forgotten.
    RunKilled,
    /// The caller has enough after so many pieces.
    RunShort(usize),
    /// The deadline was over before the files' turn came.
    RunLate,
    Wait(i64),
}

pub struct Model {
    trial: Trial,
    ground: Rc<Simulated>,
    counted: Vec<u32>,
    /// Records in files that a run had open. What is born and deleted between two runs nobody
    /// can know of (design section 4: a loss is of bytes that were known).
    known: BTreeSet<u32>,
    /// Known records of which no copy was left and that had not been counted.
    gone: BTreeSet<u32>,
    /// Something was deleted or truncated without a copy.
    lossy: bool,
    turns: u32,
    /// The rest of a record that was half written, and into which file.
    half: Option<(String, String)>,
    /// What a run left unread without saying so.
    unsaid: Vec<u32>,
    /// Written to files that may have been finished long ago: those are looked at now and then.
    late: BTreeSet<u32>,
}

impl Model {
    pub fn new(reuse: bool) -> Model {
        let ground = Rc::new(Simulated::default());
        let mut trial = Trial::new(Rc::clone(&ground) as Rc<dyn Ground>);
        trial.write(LIVE, 2);
        if reuse {
            ground.reuse_inodes();
        }
        let (known, gone, lossy, turns, half, unsaid, late) = Default::default();
        let mut model =
            Model { trial, ground, counted: vec![1, 2], known, gone, lossy, turns, half, unsaid, late };
        model.run();
        model
    }

    /// What came of a history; an error says what was wrong.
    pub fn live_through(reuse: bool, steps: &[Step]) -> Result<(), String> {
        let mut model = Model::new(reuse);
        steps.iter().for_each(|step| model.apply(step));
        model.check()
    }

    fn run(&mut self) {
        self.run_until(None, false);
    }

    fn run_until(&mut self, enough_after: Option<usize>, late: bool) {
        self.trial.now += 10;
        self.trial.late = late;
        self.ground.forget_calls();
        let mut heard = Heard { enough_after, ..Heard::default() };
        self.trial.run(&mut heard).unwrap();
        self.trial.late = false;
        self.counted.extend(heard.records);
        if !heard.behind {
            let counted: BTreeSet<u32> = self.counted.iter().copied().collect();
            let unsaid = self.left().into_iter().filter(|n| !counted.contains(n) && !self.late.contains(n));
            self.unsaid.extend(unsaid);
        }
        for name in self.ground.names() {
            if self.ground.calls().opened.contains(&name) && !name.ends_with(".gz") {
                self.known.extend(records_in(&self.ground.content(&name)));
            }
        }
    }

    fn apply(&mut self, step: &Step) {
        // A rotation a second, so that file times differ as they do on a busy host.
        self.trial.now += 1;
        match step {
            Step::Append(count) => self.append(*count),
            Step::Partial => self.partial(),
            Step::RotateNumbered => self.rotate(|turn| format!("acct.csv.{turn}")),
            Step::RotateDated => self.rotate(|turn| format!("acct-2026-11-23-{turn:04}.csv")),
            Step::SuccessorFirst => self.successor_first(),
            Step::MoveAway => self.rotate(|turn| format!("moved/acct-2026-11-23-{turn:04}.csv")),
            Step::CopyTruncate => self.copy_truncate(false),
            Step::SlowCopyTruncate => self.copy_truncate(true),
            Step::Truncate => self.lose(Some(LIVE.to_owned()), Ground::truncate),
            Step::DeleteLive => self.lose(Some(LIVE.to_owned()), Ground::remove),
            Step::DeleteOldest => self.lose(self.rotated().first().cloned(), Ground::remove),
            Step::GzipOldest => self.pack(self.rotated().first().cloned(), false),
            Step::GzipNewest => self.pack(self.rotated().last().cloned(), false),
            Step::SlowGzip => self.pack(self.rotated().last().cloned(), true),
            Step::HeaderOnly if !self.trial.exists(LIVE) => self.trial.write(LIVE, 0),
            Step::HeaderOnly => {}
            Step::LateAppend(count) => self.late(*count),
            Step::Run => self.run(),
            Step::Runs(count) => (0..*count).for_each(|_| self.run()),
            Step::RunKilled => {
                let notes = self.trial.notes.clone();
                self.trial.tick();
                self.trial.notes = notes;
            }
            Step::RunShort(pieces) => self.run_until(Some(*pieces), false),
            Step::RunLate => self.run_until(None, true),
            Step::Wait(seconds) => self.trial.now += seconds,
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

    fn copy_truncate(&mut self, slowly: bool) {
        if !self.trial.exists(LIVE) {
            return;
        }
        self.turns += 1;
        let copy = format!("acct.csv.{}", self.turns);
        let content = self.ground.content(LIVE);
        let (begin, rest) = content.split_at(if slowly { content.len() / 2 } else { 0 });
        self.ground.append(&copy, begin, self.trial.now);
        if slowly {
            self.run();
        }
        self.ground.append(&copy, rest, self.trial.now);
        self.ground.truncate(LIVE, self.trial.now);
        self.half = None;
    }

    /// A rotated file gets a few more records, as when a writer closes it late.
    fn late(&mut self, count: u32) {
        let whole = |name: &String| self.ground.content(name).last().is_none_or(|byte| *byte == b'\n');
        if let Some(newest) = self.rotated().pop().filter(whole) {
            let before = self.trial.written;
            self.trial.write(&newest, count);
            self.late.extend(before + 1..=self.trial.written);
        }
    }

    fn pack(&mut self, path: Option<String>, slowly: bool) {
        let Some(path) = path else { return };
        self.finish_half();
        let packed = gzip(&self.ground.content(&path));
        let (begin, rest) = packed.split_at(if slowly { packed.len() / 2 } else { 0 });
        self.ground.append(&format!("{path}.gz"), begin, self.trial.now);
        if slowly {
            self.run();
        }
        self.ground.append(&format!("{path}.gz"), rest, self.trial.now);
        self.ground.remove(&path, self.trial.now);
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

    fn lose(&mut self, path: Option<String>, how: impl Fn(&Simulated, &str, i64)) {
        let Some(path) = path.filter(|path| self.trial.exists(path)) else { return };
        how(&self.ground, &path, self.trial.now);
        self.lossy = true;
        if self.half.as_ref().is_some_and(|(half, _)| *half == path) {
            self.half = None;
        }
        let left = self.left();
        let counted: BTreeSet<u32> = self.counted.iter().copied().collect();
        self.gone.extend(self.known.iter().filter(|n| !left.contains(n) && !counted.contains(n)));
    }

    /// Every whole record that some file holds.
    fn left(&self) -> BTreeSet<u32> {
        let mut left = BTreeSet::new();
        for name in self.ground.names() {
            let mut content = self.ground.content(&name);
            if name.ends_with(".gz") {
                // Half of one holds nothing yet.
                content = gunzip(&content).unwrap_or_default();
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
        let incidents = self.trial.tick().counters["lost_incidents_total"];
        let unique: BTreeSet<u32> = self.counted.iter().copied().collect();
        if unique.len() != self.counted.len() {
            let mut twice = self.counted.clone();
            twice.sort_unstable();
            let twice: BTreeSet<u32> =
                twice.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect();
            return Err(format!("counted twice: {twice:?}"));
        }
        let unread: Vec<u32> = self.left().difference(&unique).copied().collect();
        if !unread.is_empty() {
            return Err(format!("in a file, and not counted: {unread:?}"));
        }
        if !self.unsaid.is_empty() {
            return Err(format!("left unread, and not said: {:?}", self.unsaid));
        }
        let missing: Vec<u32> = self.gone.difference(&unique).copied().collect();
        if !missing.is_empty() && incidents == 0 {
            return Err(format!("lost and not told: {missing:?}"));
        }
        if !self.lossy && incidents > 0 {
            return Err(format!("told {incidents} times, and nothing was lost"));
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
