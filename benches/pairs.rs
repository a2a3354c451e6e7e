//! Whole processes timed in turn, A B C A B C ..., so that a machine that speeds up or slows down
//! does so for all of them. Ratios of medians are what counts; nothing here asserts a time.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub struct Contender {
    pub name: String,
    pub command: Box<dyn Fn() -> Command>,
}

impl Contender {
    pub fn new(name: &str, command: impl Fn() -> Command + 'static) -> Contender {
        Contender { name: name.to_owned(), command: Box::new(command) }
    }
}

/// Runs all of them `rounds` times in turn after one warm-up each, and prints a table whose
/// ratios are over the first one.
pub fn race(title: &str, rounds: usize, contenders: &[Contender]) {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); contenders.len()];
    for round in 0..=rounds {
        for (contender, times) in contenders.iter().zip(&mut times) {
            let took = once(contender);
            if round > 0 {
                times.push(took);
            }
        }
    }
    println!("\n{title} ({rounds} rounds in turn)");
    println!("{:<44} {:>10} {:>10} {:>10} {:>7}", "", "min ms", "median ms", "max ms", "ratio");
    let base = median(&mut times[0].clone());
    for (contender, times) in contenders.iter().zip(&mut times) {
        let middle = median(times);
        let ratio = middle.as_secs_f64() / base.as_secs_f64();
        let (low, high) = (times[0], times[times.len() - 1]);
        println!(
            "{:<44} {:>10.3} {:>10.3} {:>10.3} {ratio:>7.2}",
            contender.name,
            ms(low),
            ms(middle),
            ms(high)
        );
    }
}

fn once(contender: &Contender) -> Duration {
    let mut command = (contender.command)();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status().unwrap_or_else(|error| panic!("{}: {error}", contender.name));
    let took = begun.elapsed();
    assert!(status.success(), "{}: {status}", contender.name);
    took
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The fastest folder for state: tmpfs where there is one, as the budget says.
pub fn fast_folder() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    let made = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    made.unwrap()
}
