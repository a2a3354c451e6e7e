//! What an idle tick costs over an empty program: start, three pages of 100 rows over loopback,
//! ledger commit, print. Everything is on, the totals are a busy host's, the state is on tmpfs, and
//! there is nothing new in the files. The pages come from memory: PowerMTA's time is not ours. Each
//! tick is told that ten seconds have passed, so that the log of the ledger, the probes and the
//! minute's work are what they are on a host, and not what thousands of ticks a minute make of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark may stop at the first surprise"
)]

#[path = "pages.rs"]
mod pages;
#[path = "pairs.rs"]
mod pairs;

use pages::{answer, ask, serve};
use pairs::{Contender, fast_folder, race};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

const ROWS: usize = 100;
const SECONDS: u64 = 120;
/// How often a host agent runs us.
const INTERVAL: i64 = 10;
const ROUNDS: usize = 300;

fn main() {
    let rounds = std::env::var("PMTA_VITALS_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok());
    let folder = fast_folder();
    let host = busy_host(folder.path());
    let ticks = |name: &str, keep_alive| Ticks::new(&folder.path().join(name), &host, keep_alive);
    let (kept, closed) = (ticks("kept", true), ticks("closed", false));
    let (web, accounting) = (ticks("web", true), ticks("accounting", true));
    let empty = empty_program(folder.path());
    race(
        "idle tick",
        rounds.unwrap_or(ROUNDS),
        &[
            Contender::new("an empty Rust program", move || Command::new(&empty)),
            Contender::new("collect, everything", kept.collect(&["--consumer", "bench"])),
            Contender::new("the same, no connection is kept", closed.collect(&["--consumer", "bench"])),
            Contender::new("collect --only web", web.collect(&["--only", "web"])),
            Contender::new("collect --only accounting", accounting.collect(&["--only", "accounting"])),
        ],
    );
}

/// Two minutes of a host that has more than a page of queues and of virtual MTAs.
fn busy_host(folder: &Path) -> pmta_sim::Host {
    let host = pmta_sim::Host::start(pmta_sim::Options {
        dir: folder.join("host"),
        url_max_items: true,
        rate: 200.0,
        vmtas: ROWS,
        small_domains: 400,
        ..pmta_sim::Options::default()
    })
    .expect("the simulated host starts");
    host.advance(SECONDS).unwrap();
    host.flush().unwrap();
    host
}

/// Ticks on a ledger of their own, which has counted the host's records.
struct Ticks {
    config: PathBuf,
    state: PathBuf,
    clock: Rc<Cell<i64>>,
}

impl Ticks {
    fn new(folder: &Path, host: &pmta_sim::Host, keep_alive: bool) -> Ticks {
        let pages = ["/status", "/queues", "/vmtas"].map(|name| {
            let body = ask(&host.http_url(), &format!("{name}?format=json&maxitems={ROWS}"));
            let rows = String::from_utf8_lossy(&body).matches("\"rcp\":").count();
            assert!(name == "/status" || rows == ROWS, "{name} has {rows} rows");
            (name, answer(&body, keep_alive))
        });
        let url = serve(pages.into(), keep_alive);
        std::fs::create_dir(folder).unwrap();
        let ticks = Ticks {
            config: folder.join("pmta-vitals.toml"),
            state: folder.join("state"),
            clock: Rc::new(Cell::new(host.now())),
        };
        let text = format!("[pmta]\nconfig = {:?}\nurl = {url:?}\n", host.config_path());
        std::fs::write(&ticks.config, text).unwrap();
        let first = ticks.collect(&["--from-start"])().output().unwrap();
        let totals = String::from_utf8_lossy(&first.stdout).matches("\npmta_recipients,").count();
        assert!(totals > ROWS, "{totals} totals\n{}", String::from_utf8_lossy(&first.stderr));
        println!(
            "{} lines are printed, {totals} of them totals",
            first.stdout.split(|byte| *byte == b'\n').count() - 1
        );
        ticks
    }

    fn collect(&self, extra: &'static [&'static str]) -> impl Fn() -> Command + 'static {
        let (config, state, clock) = (self.config.clone(), self.state.clone(), Rc::clone(&self.clock));
        move || {
            let now = jiff::Timestamp::from_second(clock.get()).unwrap();
            clock.set(clock.get() + INTERVAL);
            let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_pmta-vitals")));
            command.arg("--config").arg(&config).arg("--state").arg(&state);
            command.args(["--now", &now.to_string(), "collect"]).args(extra);
            command
        }
    }
}

/// An empty Rust program, built like the product: the floor that no program gets below.
fn empty_program(folder: &Path) -> PathBuf {
    let source = folder.join("empty.rs");
    let program = folder.join("empty");
    std::fs::write(&source, "fn main() {}\n").unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let built = Command::new(rustc)
        .args(["--edition", "2024", "-C", "opt-level=3", "-C", "strip=symbols", "-o"])
        .args([&program, &source])
        .status()
        .unwrap();
    assert!(built.success());
    program
}
