//! Random histories of a host, its files and our runs, through the built binary: after each, every
//! total equals what the host really wrote, and nothing that was ever printed has fallen.
//! `PMTA_VITALS_HISTORIES=long` tries more of them, `PMTA_VITALS_HISTORIES=seed:N` one alone.

use crate::dice::Dice;
use crate::rig::{COUNTERS, Metrics, Rig, never_fell};
use pmta_sim::Counts;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// How a run may end that is no whole one.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// SIGKILL once so many bytes of its output were read.
    Killed { after: usize },
    /// Its end at a random write: no file may grow beyond so many blocks, and that is deadly.
    CutOff { blocks: usize },
    /// The same as an error that it must live with: a disk that is full.
    Full { blocks: usize },
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Pass { seconds: u64 },
    PartialRecord { keep: usize },
    Rotate,
    RotateLog,
    Restart,
    ResetCounters,
    ChangeColumns { to: usize },
    CopyTruncate,
    Pack,
    DeleteRead,
    Run,
    DryRun,
    Bad(Fate),
}

const COLUMNS: [&[&str]; 3] = [
    &["type", "timeLogged", "vmta", "queue", "dsnStatus", "dsnDiag", "rcpt"],
    &["type", "rcpt", "dsnMta", "dsnDiag", "dsnStatus", "timeLogged", "timeQueued", "vmta"],
    &[
        "type",
        "timeLogged",
        "timeQueued",
        "orig",
        "rcpt",
        "dsnStatus",
        "dsnDiag",
        "dsnMta",
        "dlvSize",
        "vmta",
        "queue",
    ],
];

fn act(dice: &mut Dice) -> Act {
    match dice.below(24) {
        0..=5 => Act::Pass { seconds: 1 + dice.throw() % 20 },
        6 => Act::PartialRecord { keep: dice.below(500) },
        7 | 8 => Act::Rotate,
        9 => Act::RotateLog,
        10 => Act::Restart,
        11 => Act::ResetCounters,
        12 => Act::ChangeColumns { to: dice.below(COLUMNS.len()) },
        13 => Act::CopyTruncate,
        14 | 15 => Act::Pack,
        16 => Act::DeleteRead,
        17..=19 => Act::Run,
        20 => Act::DryRun,
        // Sometimes before it has begun to print, which is before it has committed.
        21 => Act::Bad(Fate::Killed { after: dice.below(2) * dice.below(4_000) }),
        22 => Act::Bad(Fate::CutOff { blocks: dice.below(200) }),
        _ => Act::Bad(Fate::Full { blocks: dice.below(300) }),
    }
}

struct History {
    rig: Rig,
    dice: Dice,
    /// The last that was printed, by whatever run.
    printed: Metrics,
    /// The record whose end is still missing is none yet.
    partial: bool,
    /// A live file has lost its header: what it holds can be read only while it is the newest.
    headless: bool,
    /// Finished files that a whole run has read to the end.
    read: Vec<PathBuf>,
    copies: usize,
    stamped: BTreeMap<PathBuf, (u64, SystemTime)>,
}

impl History {
    fn begin(seed: u64) -> History {
        let mut dice = Dice::new(seed);
        let rig = Rig::with(|options| {
            options.seed = seed;
            options.rate = 15.0;
            options.move_to = dice.below(2) == 0;
            options.separate_diag = dice.below(2) == 0;
            options.receipts = dice.below(2) == 0;
            options.crlf = dice.below(4) == 0;
            options.epoch_times = dice.below(4) == 0;
            options.small_domains = 5;
            // Some lives see a midnight.
            options.start = 1_795_478_400 - if dice.below(2) == 0 { 60 } else { 40_000 };
        });
        let mut history = History {
            rig,
            dice,
            printed: Metrics::default(),
            partial: false,
            headless: false,
            read: Vec::new(),
            copies: 0,
            stamped: BTreeMap::new(),
        };
        history.whole_run(&[]);
        history
    }

    fn act(&mut self, act: Act) {
        if !matches!(act, Act::Run | Act::DryRun | Act::Bad(_)) {
            self.rig.host.finish_partial_record().unwrap();
            self.partial = false;
        }
        let host = &self.rig.host;
        match act {
            Act::Pass { seconds } => self.rig.pass(seconds),
            Act::PartialRecord { keep } => {
                host.write_partial_record(keep).unwrap();
                self.partial = true;
            }
            Act::Rotate => host.rotate_accounting().unwrap(),
            Act::RotateLog => host.rotate_log().unwrap(),
            Act::Restart => host.restart().unwrap(),
            Act::ResetCounters => host.reset_counters(),
            Act::ChangeColumns { to } => {
                if self.headless {
                    self.whole_run(&[]);
                }
                self.rig.host.change_columns(COLUMNS[to]).unwrap();
                self.headless = false;
            }
            Act::CopyTruncate => self.copy_truncate(),
            Act::Pack => self.pack(),
            Act::DeleteRead => {
                if !self.read.is_empty() {
                    let path = self.read.swap_remove(self.dice.below(self.read.len()));
                    // It may have been packed or moved since.
                    let _ = fs::remove_file(path);
                }
            }
            Act::Run => self.whole_run(&[]),
            Act::DryRun => self.whole_run(&["--dry-run"]),
            Act::Bad(fate) => self.bad_run(fate),
        }
        if matches!(act, Act::Rotate | Act::Restart) {
            self.headless = false;
        }
    }

    /// As logrotate's copytruncate does it, while the host writes nothing.
    fn copy_truncate(&mut self) {
        // What is left without a header is read by the one that a run has seen before.
        self.whole_run(&[]);
        self.rig.pass(1 + self.dice.throw() % 5);
        let live = self.rig.host.live_files();
        let path = &live[self.dice.below(live.len())];
        self.copies += 1;
        fs::copy(path, format!("{}.{}", path.display(), self.copies)).unwrap();
        File::options().write(true).open(path).unwrap().set_len(0).unwrap();
        self.headless = true;
    }

    /// Packs a finished file.
    fn pack(&mut self) {
        let finished = self.finished();
        let Some(path) = finished.get(self.dice.below(finished.len().max(1))) else { return };
        let packed = PathBuf::from(format!("{}.gz", path.display()));
        let mut writer =
            flate2::write::GzEncoder::new(File::create(&packed).unwrap(), flate2::Compression::fast());
        writer.write_all(&fs::read(path).unwrap()).unwrap();
        writer.finish().unwrap();
        fs::remove_file(path).unwrap();
        if let Some(read) = self.read.iter_mut().find(|read| *read == path) {
            *read = packed;
        }
    }

    /// Accounting files that nobody writes to any more, not packed, by name.
    fn finished(&self) -> Vec<PathBuf> {
        let live = self.rig.host.live_files();
        let mut found = self.accounting();
        found.retain(|path| !live.contains(path) && path.extension().is_some_and(|ending| ending == "csv"));
        found
    }

    fn accounting(&self) -> Vec<PathBuf> {
        let log = self.rig.host.log_folder();
        let folders = [log.clone(), log.join("archive")];
        let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| path.is_file() && path.to_string_lossy().contains(".csv"));
        found.sort();
        found
    }

    /// Files bear the time of the simulated host, so that a history is the same on any day.
    fn stamp(&mut self) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(self.rig.host.now().unsigned_abs());
        for path in self.accounting() {
            let found = fs::metadata(&path).unwrap();
            if self.stamped.get(&path) != Some(&(found.len(), found.modified().unwrap())) {
                let _ = File::options().append(true).open(&path).unwrap().set_modified(now);
                self.stamped.insert(path, (found.len(), now));
            }
        }
    }

    fn whole_run(&mut self, arguments: &[&str]) {
        self.rig.host.flush().unwrap();
        self.stamp();
        let metrics = self.rig.collect(&[&["--deadline", "60s"], arguments].concat());
        equal(&metrics, self.rig.host.totals(), self.partial);
        never_fell(&self.printed, &metrics);
        for field in ["lost_bytes_total", "lost_incidents_total"] {
            assert_eq!(metrics.sum("pmta_collector", &[("source", "accounting")], field), 0, "{field}");
        }
        if arguments.is_empty() {
            self.printed = metrics;
            self.read = self.finished();
        }
    }

    /// What such a run prints must be true, and no later run may take it back.
    fn bad_run(&mut self, fate: Fate) {
        self.rig.host.flush().unwrap();
        self.stamp();
        let collect = self.rig.command();
        let (trap, blocks) = match fate {
            Fate::Killed { .. } => ("", None),
            Fate::CutOff { blocks } => ("", Some(blocks)),
            Fate::Full { blocks } => ("trap '' XFSZ; ", Some(blocks)),
        };
        let limit = blocks.map_or(String::new(), |blocks| format!("ulimit -c 0; ulimit -f {blocks}; "));
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{trap}{limit}exec \"$@\"")).arg("sh");
        shell.arg(collect.get_program()).args(collect.get_args());
        shell.args(["collect", "--consumer", "rig", "--deadline", "60s"]);
        let mut child =
            shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut said = Vec::new();
        let mut out = child.stdout.take().unwrap();
        if let Fate::Killed { after } = fate {
            out.by_ref().take(after as u64).read_to_end(&mut said).unwrap();
            child.kill().unwrap();
        }
        out.read_to_end(&mut said).unwrap();
        let status = child.wait().unwrap();
        assert!(
            !matches!(fate, Fate::Full { .. }) || status.success(),
            "a full disk ended the run: {status}"
        );
        let whole = said.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let metrics = Metrics::read(std::str::from_utf8(&said[..whole]).unwrap());
        never_fell(&self.printed, &metrics);
        let truth = counts(self.rig.host.totals(), self.partial);
        for ((_, field), truth) in COUNTERS.into_iter().zip(truth) {
            let told = metrics.sum("pmta_totals", &[], field);
            assert!(told <= truth, "{field}: {told} were told, {truth} are true");
        }
        for ((measurement, tags, field), value) in metrics.values {
            self.printed.values.insert((measurement, tags, field), value);
        }
    }
}

/// In the order of `COUNTERS`.
fn counts(truth: Counts, partial: bool) -> [i64; 8] {
    let kinds = [
        truth.delivered - u64::from(partial),
        truth.bounced,
        truth.deferred,
        truth.queue_deferred,
        truth.received,
        truth.remote_bounced,
        truth.remote_status,
        truth.complaints,
    ];
    kinds.map(|count| i64::try_from(count).unwrap())
}

fn equal(metrics: &Metrics, truth: Counts, partial: bool) {
    for ((kind, field), truth) in COUNTERS.into_iter().zip(counts(truth, partial)) {
        assert_eq!(metrics.int("pmta_totals", &[], field), truth, "{kind} records");
        assert_eq!(metrics.sum("pmta_recipients", &[], field), truth, "{kind} records by provider and VMTA");
    }
    assert_eq!(metrics.int("pmta_collector", &[("source", "accounting")], "rejected_total"), 0);
}

/// A history that fails says which one it was, and how far it had come.
fn live_through(seed: u64) {
    let mut done = Vec::new();
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| live(seed, &mut done))) {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let why = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
        panic!("PMTA_VITALS_HISTORIES=seed:{seed} failed after {done:?}: {why}");
    }
}

fn live(seed: u64, done: &mut Vec<Act>) {
    let mut history = History::begin(seed);
    for _ in 0..8 + history.dice.below(10) {
        let next = act(&mut history.dice);
        done.push(next);
        history.act(next);
    }
    history.act(Act::Pass { seconds: 1 });
    history.whole_run(&[]);
}

/// 135: an old file that was read late brought its header back over the one in force.
const ONCE_FAILED: [u64; 1] = [135];

/// Two tests, so that two processors are used.
fn some(which: u64) {
    let wish = std::env::var("PMTA_VITALS_HISTORIES").unwrap_or_default();
    if let Some(seed) = wish.strip_prefix("seed:") {
        let seed: u64 = seed.parse().unwrap();
        if seed % 2 == which {
            live_through(seed);
        }
        return;
    }
    let many = if wish == "long" { 200 } else { 40 };
    (0..many).chain(ONCE_FAILED).filter(|seed| seed % 2 == which).for_each(live_through);
}

#[test]
fn even_histories_leave_the_totals_true() {
    some(0);
}

#[test]
fn odd_histories_leave_the_totals_true() {
    some(1);
}
