//! The power is cut: whatever of the unconfirmed writes is on the disk afterwards, the next run
//! finds a ledger that is whole, and shows no total that is less than one it had shown. Needs
//! strace; `.ci/run` installs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    dead_code,
    reason = "tests may stop at the first surprise; not every test needs all of the rig"
)]

mod dice;
#[path = "power/disk.rs"]
mod disk;
mod rig;
#[path = "power/trace.rs"]
mod trace;

use dice::Dice;
use disk::{Change, Luck, cut_power};
use rig::{Metrics, Rig, Shown, Value, equal, never_fell};
use std::fs;
use trace::Recorder;

/// Instants at which the power is cut in one history; at each, every kind of luck is tried.
const CUTS: usize = 24;
/// What may be lost at most: a bucket.
const BUCKET: i64 = 300;

/// What some runs did, and what they had shown at each moment.
#[derive(Default)]
struct Story {
    history: Vec<Change>,
    /// Number of changes before it was printed, the clock, and what was printed.
    told: Vec<(usize, i64, Metrics)>,
}

impl Story {
    /// One more run, recorded.
    fn run(&mut self, rig: &Rig, recorder: &mut Recorder) {
        let mut command = rig.command();
        command.args(["collect", "--consumer", "rig", "--deadline", "10m"]);
        let recording = recorder.run(&command);
        self.history.extend(recording.before);
        self.told.push((self.history.len(), rig.host.now(), Metrics::read(&recording.printed)));
        self.history.extend(recording.after);
    }

    /// What was shown before the power was cut after so many changes.
    fn shown(&self, changes: usize) -> impl DoubleEndedIterator<Item = &(usize, i64, Metrics)> {
        self.told.iter().filter(move |(at, ..)| *at <= changes)
    }
}

fn quiet_rig() -> Rig {
    let rig = Rig::with(|options| {
        options.rate = 5.0;
        options.small_domains = 5;
        options.command_line = false;
    });
    boot(&rig, "first");
    rig
}

fn boot(rig: &Rig, id: &str) {
    let folder = rig.folder.path().join("proc/sys/kernel/random");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("boot_id"), id).unwrap();
}

fn health(metrics: &Metrics, field: &str) -> Option<i64> {
    match metrics.get("pmta_collector", &[], field) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    }
}

fn born(metrics: &Metrics) -> Option<&Value> {
    metrics.get("pmta_collector", &[], "born_seconds")
}

/// Only what is made of files: what PowerMTA counted in its memory is gone with its power.
fn of_files(mut metrics: Metrics) -> Metrics {
    metrics.values.retain(|(measurement, ..), _| measurement != "pmta_traffic");
    metrics
}

/// The disk as it may be after the cut, and the runs that find it. Says whether the ledger was set
/// back behind what had been shown.
fn one_cut(rig: &Rig, story: &Story, changes: usize, luck: Luck, dice: &mut Dice) -> bool {
    let _ = fs::remove_dir_all(rig.state());
    fs::create_dir(rig.state()).unwrap();
    cut_power(&story.history[..changes], luck, dice, &rig.state());
    let set_back = is_set_back(rig, story, changes);
    boot(rig, "second");
    let last = story.shown(changes).next_back();
    let mut shown = Shown::default();
    for (_, _, metrics) in story.shown(changes) {
        shown.see(of_files(metrics.clone()));
    }
    let mut refused = 0;
    for _ in 0..2 {
        // However busy the machine is.
        let metrics = of_files(rig.collect(&["--deadline", "10m"]));
        if health(&metrics, "ledger_up") != Some(1) {
            refused += 1;
        } else if let Some((_, _, before)) = last {
            assert_eq!(health(&metrics, "catching_up"), Some(0), "one run suffices: {}", metrics.text);
            assert_eq!(born(&metrics), born(before), "totals went on");
            equal(&metrics, &rig.host.totals());
        }
        shown.see(metrics);
        if refused == 0 {
            break;
        }
    }
    assert!(refused <= 1, "a crash loop");
    set_back
}

/// As if the host had gone on, a look without reading shows what is in the ledger: whatever was
/// shown a bucket ago is there.
fn is_set_back(rig: &Rig, story: &Story, changes: usize) -> bool {
    let Some((_, now, last)) = story.shown(changes).next_back() else { return false };
    boot(rig, "first");
    let mut look = rig.command_at(*now);
    let output = look.args(["collect", "--dry-run", "--deadline", "1ms"]).output().unwrap();
    let kept = of_files(Metrics::read(std::str::from_utf8(&output.stdout).unwrap()));
    // A ledger that must be mended first shows nothing.
    if kept.totals().is_empty() {
        return true;
    }
    if let Some((_, _, before)) = story.shown(changes).rfind(|(_, at, _)| *at <= now - BUCKET) {
        never_fell(&of_files(before.clone()), &kept);
    }
    let delivered = |metrics: &Metrics| metrics.int("pmta_totals", &[], "delivered_total");
    delivered(&kept) < delivered(last)
}

fn cut_everywhere(rig: &Rig, story: &Story, seed: u64) {
    let mut dice = Dice::new(seed);
    println!("{} changes, {} runs, seed {seed}", story.history.len(), story.told.len());
    let mut set_back = 0;
    for cut in 0..CUTS {
        // Spread over the whole history; the place within a stretch is thrown.
        let changes = 1 + (cut * story.history.len() + dice.below(story.history.len())) / CUTS;
        for luck in Luck::ALL {
            let last = format!("{:?}", story.history[changes - 1]);
            println!("power cut after {changes} changes, {luck:?}; the last: {last:.60}");
            set_back += usize::from(one_cut(rig, story, changes, luck, &mut dice));
        }
    }
    println!("{set_back} of {} ledgers were set back", CUTS * Luck::ALL.len());
    assert!(set_back > CUTS / 2, "the cuts took hardly anything away");
}

/// From the very first run on, through checkpoints, the hourly copy and rotations.
#[test]
fn ordinary_runs() {
    let rig = quiet_rig();
    let mut recorder = Recorder::new(rig.state(), rig.folder.path().to_owned());
    let mut story = Story::default();
    fs::create_dir(rig.state()).unwrap();
    for seconds in [10, 100, 10, 200, 10, 3_300, 10, 10] {
        story.run(&rig, &mut recorder);
        rig.pass(seconds);
        if seconds == 200 {
            rig.host.rotate_accounting().unwrap();
        }
    }
    cut_everywhere(&rig, &story, 11);
}

/// A damaged ledger is set aside and the copy takes its place.
#[test]
fn runs_that_mend_the_ledger() {
    let rig = quiet_rig();
    let mut recorder = Recorder::new(rig.state(), rig.folder.path().to_owned());
    let mut story = Story::default();
    fs::create_dir(rig.state()).unwrap();
    for _ in 0..3 {
        story.run(&rig, &mut recorder);
        rig.pass(10);
    }
    let garbage = b"garbage".repeat(9_000);
    for (name, bytes) in [("ledger.db", garbage.as_slice()), ("ledger.db-wal", b"")] {
        fs::write(rig.state().join(name), bytes).unwrap();
        story.history.push(Change::Cut(name.to_owned(), 0));
        story.history.push(Change::Write(name.to_owned(), 0, bytes.to_owned()));
        story.history.push(Change::Sync(name.to_owned()));
    }
    for _ in 0..3 {
        story.run(&rig, &mut recorder);
        rig.pass(10);
    }
    cut_everywhere(&rig, &story, 12);
}
