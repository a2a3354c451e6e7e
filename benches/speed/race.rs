//! Whole processes run in turn, A B C A B C ..., so that a machine that speeds up or slows down
//! does so for all of them. Ratios within a round are what counts; nothing here asserts a time.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

pub struct Contender {
    pub name: String,
    command: Box<dyn Fn() -> Command>,
}

impl Contender {
    pub fn new(name: &str, command: impl Fn() -> Command + 'static) -> Contender {
        Contender { name: name.to_owned(), command: Box::new(command) }
    }
}

/// What one run of one program took.
#[derive(Debug, Clone, Copy)]
struct Usage {
    wall: Duration,
    /// User and system time of all its threads.
    processor: Duration,
    bytes: u64,
}

/// All rounds of one contender.
pub struct Runs {
    pub name: String,
    usages: Vec<Usage>,
}

/// The median of the rounds' ratios, and the quarters around it.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    pub low: f64,
    pub middle: f64,
    pub high: f64,
}

impl Runs {
    pub fn wall(&self) -> Duration {
        median(self.usages.iter().map(|usage| usage.wall))
    }

    pub fn processor(&self) -> Duration {
        median(self.usages.iter().map(|usage| usage.processor))
    }

    /// The most that any round took.
    pub fn memory(&self) -> u64 {
        self.usages.iter().map(|usage| usage.bytes).max().unwrap()
    }

    pub fn wall_over(&self, base: &Runs) -> Ratio {
        self.over(base, |usage| usage.wall)
    }

    pub fn processor_over(&self, base: &Runs) -> Ratio {
        self.over(base, |usage| usage.processor)
    }

    fn over(&self, base: &Runs, what: fn(&Usage) -> Duration) -> Ratio {
        let rounds = self.usages.iter().zip(&base.usages);
        let mut ratios: Vec<f64> =
            rounds.map(|(ours, base)| what(ours).as_secs_f64() / what(base).as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        let at = |quarter: usize| ratios[(ratios.len() - 1) * quarter / 4];
        Ratio { low: at(1), middle: at(2), high: at(3) }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.middle < 20.0 { 1 } else { 0 };
        write!(out, "{:.digits$} ({:.digits$}-{:.digits$})", self.middle, self.low, self.high)
    }
}

/// Runs all of them `rounds` times in turn after one warm-up each; what it saw goes to standard
/// error, with ratios over the first one.
pub fn race(title: &str, rounds: usize, contenders: &[Contender]) -> Vec<Runs> {
    let mut all: Vec<Runs> =
        contenders.iter().map(|one| Runs { name: one.name.clone(), usages: Vec::new() }).collect();
    for round in 0..=rounds {
        for (contender, runs) in contenders.iter().zip(&mut all) {
            let usage = once(contender);
            if round > 0 {
                runs.usages.push(usage);
            }
        }
    }
    report(title, rounds, &all);
    all
}

fn report(title: &str, rounds: usize, all: &[Runs]) {
    eprintln!("\n{title} ({rounds} rounds in turn; medians, quarters of the ratios)");
    eprintln!("{:<44} {:>10} {:>10} {:>8}  time over the first", "", "wall ms", "cpu ms", "MiB");
    for runs in all {
        eprintln!(
            "{:<44} {:>10.2} {:>10.2} {:>8.1}  {} wall, {} cpu",
            runs.name,
            ms(runs.wall()),
            ms(runs.processor()),
            mib(runs.memory()),
            runs.wall_over(&all[0]),
            runs.processor_over(&all[0]),
        );
    }
}

fn once(contender: &Contender) -> Usage {
    let command = (contender.command)();
    // A child begins with the high-water mark of who starts it: ours is that of a bench that made
    // its data, a fresh copy's is next to nothing.
    let mut meter = Command::new(std::env::current_exe().unwrap());
    meter.arg(METER).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        meter.env(name, value.unwrap_or_default());
    }
    let answer = meter.stdin(Stdio::null()).stderr(Stdio::inherit()).output().unwrap();
    assert!(answer.status.success(), "{} failed", contender.name);
    let text = String::from_utf8(answer.stdout).unwrap();
    let mut numbers = text.split_whitespace().map(|number| number.parse::<u64>().unwrap());
    let mut next = || numbers.next().unwrap();
    Usage { wall: Duration::from_nanos(next()), processor: Duration::from_micros(next()), bytes: next() }
}

/// The first argument by which a bench knows that it is to be the meter of one program.
pub const METER: &str = "measure";

/// Runs the program that the arguments name and prints what it took.
pub fn measure(mut arguments: impl Iterator<Item = std::ffi::OsString>) {
    let program = arguments.next().unwrap();
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let used = child.wait4().unwrap();
    let wall = begun.elapsed();
    assert!(used.status.success(), "{}: {}", program.display(), used.status);
    let processor = used.rusage.utime + used.rusage.stime;
    let line = format!("{} {} {}\n", wall.as_nanos(), processor.as_micros(), used.rusage.maxrss);
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times[times.len() / 2]
}

pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The fastest folder for state: tmpfs where there is one, as the budget says.
pub fn fast_folder() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    let made = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    made.unwrap()
}
