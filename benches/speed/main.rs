//! What the product costs, whole processes in turn with their floors and with what people would use
//! instead, as one table: `cargo bench --profile quick --bench speed`. `-- --help` tells the rest.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark may stop at the first surprise"
)]

mod delta;
mod growth;
mod history;
mod peers;
mod plot;
mod product;
mod queues;
mod race;
mod records;
mod stage;
mod table;
mod tick;
mod web;

use race::{Contender, race};
use stage::{Stage, USAGE, Wish};
use std::path::Path;
use std::process::{Command, ExitCode};
use table::{Row, Table, circumstances, write_between};

const ROUNDS: usize = 200;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).peekable();
    match words.peek().and_then(|word| word.to_str()) {
        Some(race::METER) => race::measure(words.skip(1)),
        Some("--help") => println!("{USAGE}"),
        Some(queues::BARE) => queues::bare_pass(words.nth(1).unwrap().to_str().unwrap()),
        _ => match Wish::read(words.map(|word| word.into_string().unwrap())) {
            Ok(wish) => compare(&wish),
            Err(why) => {
                eprintln!("{why}\n{USAGE}");
                return ExitCode::FAILURE;
            }
        },
    }
    ExitCode::SUCCESS
}

fn compare(wish: &Wish) {
    let stage = Stage::set(wish);
    let mut table = Table::default();
    if wish.has("tick") {
        tick::run(&stage, &mut table);
    }
    if wish.has("start") {
        start(&stage, &mut table);
    }
    let remembers = wish.has("history") || wish.has("growth");
    let lived = if remembers { history::live(&stage, &history::ages(wish.days)) } else { Vec::new() };
    if wish.has("history") {
        history::run(&stage, &mut table, &lived);
    }
    if wish.has("delta") {
        delta::run(&stage, &mut table);
    }
    if wish.has("queues") {
        queues::run(&stage, &mut table);
    }
    let circumstances = circumstances(&wish.words());
    if wish.has_table() {
        table.add(Row::size(
            "the binary, stripped",
            std::fs::metadata(&stage.product).unwrap().len(),
            "8 MiB",
        ));
        let text = format!("{circumstances}\n\n{}", table.markdown());
        println!("{text}");
        if wish.write {
            write_between(&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"), "speed", &text);
        }
    }
    if wish.has("growth") {
        let files = growth::run(&stage, &lived, &circumstances);
        println!("{}", files[0].1);
        if wish.write {
            growth::write(&files);
        }
    }
}

/// What is paid before anything is done.
fn start(stage: &Stage, table: &mut Table) {
    let of = |argument: &'static str| {
        let product = stage.product.clone();
        move || {
            let mut command = Command::new(&product);
            command.arg(argument);
            command
        }
    };
    let runs = race(
        "start-up",
        stage.rounds(ROUNDS),
        &[
            tick::empty(stage),
            Contender::new("--version", of("--version")),
            Contender::new("config", of("config")),
        ],
    );
    for runs_of in &runs[1..] {
        let what = format!("start-up: `pmta-vitals {}`", runs_of.name);
        table.add(Row::over(&what, runs_of, &runs[0], tick::FLOOR).memory(runs_of));
    }
}
