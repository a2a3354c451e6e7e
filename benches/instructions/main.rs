//! How many instructions the product executes, counted by callgrind: the same on a busy machine and
//! on an idle one. `cargo bench --profile dev --bench instructions` holds them to what is kept in
//! `benches/instructions.toml`: 5 % more fails, another toolchain only warns. `-- update` keeps what
//! is counted now, `-- spread` counts five times and tells how far the counts lie apart.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark may stop at the first surprise"
)]

mod kept;
#[path = "../speed/product.rs"]
mod product;
mod scenes;
#[path = "../speed/web.rs"]
mod web;

use kept::Kept;
use scenes::Scenes;
use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

/// Growth that is no accident any more.
const MOST_GROWTH: f64 = 0.05;
const SPREAD: usize = 5;
const PATIENCE: usize = 40;

fn main() -> ExitCode {
    let wish: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let kept = Kept::read();
    let here = kept::toolchain();
    match wish.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => compare(&kept, &here),
        ["update"] => {
            let now = Kept { toolchain: here, instructions: Scenes::set().count() };
            now.print_beside(&kept);
            now.write();
            ExitCode::SUCCESS
        }
        ["spread"] => spread(),
        _ => {
            println!("either nothing, `update` or `spread`");
            ExitCode::FAILURE
        }
    }
}

fn compare(kept: &Kept, here: &str) -> ExitCode {
    let now = Kept { toolchain: here.to_owned(), instructions: Scenes::set().count() };
    now.print_beside(kept);
    let worse: Vec<String> = now
        .growth(kept)
        .filter(|(_, growth)| growth.is_none_or(|growth| growth > MOST_GROWTH))
        .map(|(name, _)| name)
        .collect();
    if worse.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("more than {:.0} % above what is kept: {}", MOST_GROWTH * 100.0, worse.join(", "));
    if kept.toolchain != here {
        println!("WARNING: not held against it, for that was counted with {}", kept.toolchain);
        println!("WARNING: and this is {here}");
        return ExitCode::SUCCESS;
    }
    println!("make it cheaper, or keep it with `cargo bench --profile dev --bench instructions -- update`");
    ExitCode::FAILURE
}

/// What chance does to the counts, each time from the very beginning.
fn spread() -> ExitCode {
    let mut counts: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for _ in 0..SPREAD {
        for (name, count) in Scenes::set().count() {
            counts.entry(name).or_default().push(count);
        }
    }
    for (name, counts) in counts {
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        let apart = 100.0 * (most - least) as f64 / *least as f64;
        println!("{name:<8} {least:>12} to {most:>12}, {apart:.3} % apart in {SPREAD} counts");
    }
    ExitCode::SUCCESS
}

/// The instructions that a command executes in user space, in all of its threads. Where a busy
/// machine let a page come too late for valgrind's slow motion, another run is counted.
fn instructions(command: &dyn Fn() -> Command) -> u64 {
    for _ in 0..PATIENCE {
        let command = command();
        let mut counted = Command::new("valgrind");
        counted.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(command.get_program());
        counted.args(command.get_args()).env_clear();
        let told = counted.output().expect("valgrind is needed: apt install valgrind");
        let text = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{}: {text}", told.status);
        if String::from_utf8_lossy(&told.stdout).contains(",up=0i") {
            println!("a page came too late: counted again");
            continue;
        }
        let line = text.lines().find_map(|line| line.split_once("Collected :"));
        return line
            .and_then(|(_, count)| count.trim().parse().ok())
            .unwrap_or_else(|| panic!("no count in {text}"));
    }
    panic!("this machine is too busy: in {PATIENCE} runs a page came too late");
}
