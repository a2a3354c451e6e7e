//! What a tick costs when the ledger remembers an hour, a week or a month: nothing more, if all is
//! well. The past is lived day by day, each day's file counted and removed before the next.

use crate::race::{Contender, Runs, mib, race};
use crate::records::Printed;
use crate::stage::Stage;
use crate::table::{Row, Table};
use crate::tick::{FLOOR, Ticks, busy_host, empty, monitor};
use pmta_sim::{Bulk, write_bulk};
use std::cell::Cell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

const ROUNDS: usize = 100;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// Monday, 2026-10-26 00:00 UTC.
const START: i64 = 1_792_972_800;
/// Records a second of event time: three million in a week.
const RATE: u64 = 5;
/// Mail goes to so many domains; nearly all of them are nobody's.
const DOMAINS: usize = 1_000;
/// Bytes of a record, a little less than on average: a day's file must not end after its day.
const RECORD: u64 = 465;

/// The table speaks of the first hour and the first week.
pub fn run(stage: &Stage, table: &mut Table, lived: &[Past]) {
    let runs = tick_each(stage, lived, stage.rounds(ROUNDS));
    for (past, runs_of) in
        lived.iter().zip(&runs[1..]).filter(|(past, _)| [HOUR, 7 * DAY].contains(&past.seconds))
    {
        let what = format!("idle tick, ledger of {} ({:.1} MiB on disk)", past.name(), mib(past.size));
        table.add(Row::over(&what, runs_of, &runs[0], FLOOR).memory(runs_of));
    }
}

/// Ages up to so many days.
pub fn ages(days: u32) -> Vec<i64> {
    let all = [HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY];
    all.into_iter().filter(|age| *age <= i64::from(days) * DAY).collect()
}

/// A ledger that has lived so long.
pub struct Past {
    pub seconds: i64,
    /// Bytes of its folder.
    pub size: u64,
    ticks: Ticks,
}

impl Past {
    pub fn name(&self) -> String {
        let hours = self.seconds / HOUR;
        if hours < 24 { format!("{hours} h") } else { format!("{} d", hours / 24) }
    }

    /// So many host agents have asked for events.
    fn consumers(&self, stage: &Stage, count: usize) -> Ticks {
        let ticks = self.ticks.copy(&stage.state().join(format!("consumers-{count}")));
        for other in 1..count {
            let name = format!("agent{other}");
            let done = ticks.collect(&["--consumer", &name])().output().unwrap();
            assert!(done.status.success());
        }
        ticks
    }
}

/// The empty program, then a tick of each.
pub fn tick_each(stage: &Stage, lived: &[Past], rounds: usize) -> Vec<Runs> {
    let mut contenders = vec![empty(stage)];
    contenders.extend(lived.iter().map(|past| {
        Contender::new(&format!("a tick after {}", past.name()), past.ticks.collect(&["--consumer", "bench"]))
    }));
    race("idle ticks by the length of the past", rounds, &contenders)
}

/// A tick of one of so many consumers, after the shortest past.
pub fn consumers(stage: &Stage, lived: &[Past], counts: &[usize], rounds: usize) -> Vec<Runs> {
    let contenders = counts.iter().map(|count| {
        let ticks = lived[0].consumers(stage, *count);
        Contender::new(&format!("a tick of one of {count}"), ticks.collect(&["--consumer", "bench"]))
    });
    race("idle ticks by the number of consumers", rounds, &contenders.collect::<Vec<_>>())
}

/// One life, copied at each of these ages.
pub fn live(stage: &Stage, ages: &[i64]) -> Vec<Past> {
    let folder = stage.state().join("history");
    std::fs::create_dir_all(&folder).unwrap();
    let host = busy_host(&folder);
    let url = monitor(&host, true);
    let records = stage.data().join("history");
    std::fs::create_dir_all(&records).unwrap();
    let config = folder.join("pmta-vitals.toml");
    let text = format!(
        "[pmta]\nconfig = {:?}\nurl = {url:?}\n[accounting]\nfiles = [{:?}]\n",
        host.config_path(),
        records.join("acct-*.csv")
    );
    std::fs::write(&config, text).unwrap();
    let life = Life { product: stage.product.clone(), config, records, state: folder.join("life") };
    let (mut lived, mut age, mut written) = (Vec::new(), 0, 0);
    for wanted in ages {
        while age < *wanted {
            let piece = (DAY - age % DAY).min(wanted - age);
            written += life.write(age, piece);
            life.count(age + piece, written);
            age += piece;
        }
        let ticks = Ticks {
            product: life.product.clone(),
            config: life.config.clone(),
            state: life.state.clone(),
            clock: Rc::new(Cell::new(START + age)),
            lines: 0,
        };
        let ticks = ticks.copy(&folder.join(format!("after-{age}")));
        let size = folder_size(&ticks.state);
        eprintln!("a ledger of {age} s: {:.1} MiB", mib(size));
        lived.push(Past { seconds: age, size, ticks });
    }
    lived
}

struct Life {
    product: PathBuf,
    config: PathBuf,
    records: PathBuf,
    state: PathBuf,
}

impl Life {
    /// Mail of so many seconds: so many records.
    fn write(&self, age: i64, seconds: i64) -> u64 {
        let (begin, end) = (START + age, START + age + seconds);
        let path = self.records.join(format!("acct-{begin}.csv"));
        let wanted = u64::try_from(seconds).unwrap() * RATE;
        let bulk = Bulk {
            path: path.clone(),
            bytes: wanted * RECORD,
            seed: u64::try_from(begin).unwrap(),
            domains: DOMAINS,
            vmtas: 40,
            rate: RATE,
            start: begin,
            ..Bulk::default()
        };
        let written = write_bulk(&bulk).unwrap().records();
        assert!((wanted * 9 / 10..=wanted).contains(&written), "{written} records instead of {wanted}");
        // A file that is older than our first sight of its folder would not be read.
        let time = UNIX_EPOCH + Duration::from_secs(u64::try_from(end).unwrap());
        File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        written
    }

    /// One collection of what was written, which goes when it is counted.
    fn count(&self, age: i64, written: u64) {
        let now = jiff::Timestamp::from_second(START + age).unwrap().to_string();
        let mut command = Command::new(&self.product);
        command.arg("--config").arg(&self.config).arg("--state").arg(&self.state).args(["--now", &now]);
        command.args([
            "collect",
            "--only",
            "accounting",
            "--from-start",
            "--deadline",
            "10m",
            "--consumer",
            "bench",
        ]);
        let done = command.output().unwrap();
        let counted: u64 = Printed::read(&String::from_utf8(done.stdout).unwrap()).all.iter().sum();
        assert_eq!(counted, written, "{}", String::from_utf8_lossy(&done.stderr));
        for entry in std::fs::read_dir(&self.records).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
}

impl Ticks {
    /// The same ledger once more, in a folder of its own.
    fn copy(&self, state: &Path) -> Ticks {
        std::fs::create_dir_all(state).unwrap();
        for entry in std::fs::read_dir(&self.state).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), state.join(entry.file_name())).unwrap();
        }
        Ticks {
            product: self.product.clone(),
            config: self.config.clone(),
            state: state.to_owned(),
            clock: Rc::new(Cell::new(self.clock.get())),
            lines: 0,
        }
    }
}

fn folder_size(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}
