//! The same files, read in any cut into runs: byte-identical counters while every measurement has
//! room for its series, and identical grand totals and sums beyond.

use crate::dice::Dice;
use crate::rig::{Metrics, Rig};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// One accounting stream: its files in the order in which they were written.
type Stream = Vec<(String, Vec<u8>)>;

struct Material {
    streams: [Stream; 2],
    /// When everything is written.
    now: i64,
}

/// What a host with two streams wrote, a rotation, torn records and other columns included.
fn material() -> Material {
    let rig = Rig::with(|options| {
        options.rate = 40.0;
        options.separate_diag = true;
        options.receipts = true;
        options.small_domains = 5;
    });
    rig.pass(15);
    rig.host.write_raw(b"d,2026-11-23 11:30:09+0000,torn in the \"middle\nd,and again\n").unwrap();
    rig.pass(10);
    rig.host.rotate_accounting().unwrap();
    rig.pass(10);
    rig.host.write_raw(b"b,2026-11-23 11:30:39+0000,x,\"a quote that is never closed,y\n").unwrap();
    rig.pass(5);
    rig.host
        .change_columns(&["type", "timeLogged", "dsnDiag", "rcpt", "dsnMta", "vmta", "timeQueued"])
        .unwrap();
    rig.pass(10);
    let stream = |base: &str| {
        let mut files: Stream = fs::read_dir(rig.host.log_folder())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path))
            .filter(|(name, _)| name.starts_with(base))
            .map(|(name, path)| (name, fs::read(path).unwrap()))
            .collect();
        files.sort();
        assert_eq!(files.len(), 3, "{base}");
        files
    };
    Material { streams: [stream("acct"), stream("diag")], now: rig.host.now() }
}

/// A folder in which the material appears byte by byte, and a state that follows it.
struct Stage<'a> {
    folder: TempDir,
    material: &'a Material,
    /// Bytes of each stream that are there.
    shown: [usize; 2],
}

impl<'a> Stage<'a> {
    /// The first files with their headers, seen by a first run.
    fn set(material: &'a Material, limits: &str) -> Stage<'a> {
        let mut stage = Stage { folder: tempfile::tempdir().unwrap(), material, shown: [0, 0] };
        fs::create_dir(stage.path("log")).unwrap();
        let globs =
            ["acct", "diag"].map(|base| format!("{:?}", stage.path("log").join(format!("{base}*.csv"))));
        let text =
            format!("[pmta]\nconfig = \"/nowhere\"\n[accounting]\nfiles = [{}]\n{limits}", globs.join(", "));
        fs::write(stage.path("vitals.toml"), text).unwrap();
        for which in 0..2 {
            let first = &material.streams[which][0].1;
            let header = first.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            stage.show(which, header);
        }
        let first = stage.run();
        assert_eq!(first.int("pmta_collector", &[("source", "accounting")], "records_total"), 0);
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn length(&self, which: usize) -> usize {
        self.material.streams[which].iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Lets a stream grow until so many of its bytes are there.
    fn show(&mut self, which: usize, until: usize) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(self.material.now.unsigned_abs());
        let mut begin = 0;
        for (name, bytes) in &self.material.streams[which] {
            let from = self.shown[which].saturating_sub(begin).min(bytes.len());
            let to = until.saturating_sub(begin).min(bytes.len());
            if from < to {
                let path = self.folder.path().join("log").join(name);
                let mut file = File::options().create(true).append(true).open(path).unwrap();
                file.write_all(&bytes[from..to]).unwrap();
                file.set_modified(time).unwrap();
            }
            begin += bytes.len();
        }
        self.shown[which] = until;
    }

    fn run(&self) -> Metrics {
        let output = Command::new(env!("CARGO_BIN_EXE_pmta-vitals"))
            .arg("--config")
            .arg(self.path("vitals.toml"))
            .arg("--state")
            .arg(self.path("state"))
            .arg("--now")
            .arg(crate::rig::rfc3339(self.material.now))
            .args(["collect", "--only", "accounting", "--deadline", "60s"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Metrics::read(&String::from_utf8(output.stdout).unwrap())
    }

    /// Shows everything in so many steps of any size, with a run after each.
    fn play(mut self, steps: usize, dice: &mut Dice) -> BTreeMap<String, i64> {
        for _ in 1..steps {
            for which in 0..2 {
                let left = self.length(which) - self.shown[which];
                let step = match dice.below(3) {
                    0 => 0,
                    1 => dice.below(400).min(left),
                    _ => dice.below(left + 1),
                };
                self.show(which, self.shown[which] + step);
            }
            self.run();
        }
        for which in 0..2 {
            self.show(which, self.length(which));
        }
        let metrics = self.run();
        assert_eq!(metrics.int("pmta_collector", &[("source", "accounting")], "lag_bytes"), 0);
        metrics.totals()
    }
}

fn cuts(material: &Material, limits: &str, view: impl Fn(BTreeMap<String, i64>) -> BTreeMap<String, i64>) {
    let whole = view(Stage::set(material, limits).play(1, &mut Dice::new(0)));
    assert!(whole.values().sum::<i64>() > 1_000, "{whole:?}");
    for seed in 1..=10 {
        let mut dice = Dice::new(seed);
        let steps = 2 + dice.below(5);
        let cut = view(Stage::set(material, limits).play(steps, &mut dice));
        assert_eq!(cut, whole, "cut {seed} into {steps} runs");
    }
}

#[test]
fn any_cut_into_runs_gives_the_same_counters() {
    let material = material();
    cuts(&material, "", |totals| {
        assert!(totals.keys().filter(|series| series.starts_with("pmta_recipients")).count() > 100);
        totals
    });
}

#[test]
fn beyond_the_limits_any_cut_gives_the_same_grand_totals_and_sums() {
    let material = material();
    // The series' names end where their tags begin and go on behind them.
    let sums = |totals: BTreeMap<String, i64>| {
        let mut sums = BTreeMap::new();
        for (series, value) in totals {
            let (name, rest) = series.split_once('{').unwrap();
            let field = rest.rsplit('}').next().unwrap();
            *sums.entry(format!("{name} {field}")).or_insert(0) += value;
        }
        sums
    };
    cuts(&material, "[limits]\nproviders = 4\npairs = 6\nvmtas = 2\n", sums);
    assert!(Path::new("/nowhere").metadata().is_err());
}
