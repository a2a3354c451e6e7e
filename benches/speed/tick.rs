//! What an idle tick costs over an empty program: start, three pages of 100 rows over loopback,
//! ledger commit, print. Everything is on, the totals are a busy host's, the state is on tmpfs, and
//! there is nothing new in the files. The pages come from memory: PowerMTA's time is not ours. Each
//! tick is told that ten seconds have passed, so that the log of the ledger, the probes and the
//! minute's work are what they are on a host, and not what thousands of ticks a minute make of them.

use crate::race::{Contender, race};
use crate::stage::Stage;
use crate::table::{Row, Table};
use crate::web::{answer, ask, serve};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

pub const ROWS: usize = 100;
const SECONDS: u64 = 120;
/// How often a host agent runs us.
const INTERVAL: i64 = 10;
const ROUNDS: usize = 300;

pub fn run(stage: &Stage, table: &mut Table) {
    let folder = stage.state().join("tick");
    std::fs::create_dir(&folder).unwrap();
    let host = busy_host(&folder);
    let ticks = |name: &str, keep_alive| first_tick(stage, &folder.join(name), &host, keep_alive);
    let (kept, closed) = (ticks("kept", true), ticks("closed", false));
    let (web, accounting) = (ticks("web", true), ticks("accounting", true));
    let runs = race(
        "idle tick",
        stage.rounds(ROUNDS),
        &[
            empty(stage),
            Contender::new("collect, everything", kept.collect(&["--consumer", "bench"])),
            Contender::new("the same, no connection is kept", closed.collect(&["--consumer", "bench"])),
            Contender::new("collect --only web", web.collect(&["--only", "web"])),
            Contender::new("collect --only accounting", accounting.collect(&["--only", "accounting"])),
        ],
    );
    let what = format!(
        "idle tick: three pages of {ROWS} rows, a busy host's totals, commit, {} lines printed",
        kept.lines
    );
    table.add(Row::over(&what, &runs[1], &runs[0], FLOOR).memory(&runs[1]).budget("5; 12 MiB"));
    for runs_of in &runs[2..] {
        let what = format!("idle tick: {}", runs_of.name.trim_start_matches("collect "));
        table.add(Row::over(&what, runs_of, &runs[0], FLOOR).memory(runs_of));
    }
}

pub const FLOOR: &str = "an empty program";

/// What no program gets below.
pub fn empty(stage: &Stage) -> Contender {
    let empty = stage.empty.clone();
    Contender::new("an empty Rust program", move || Command::new(&empty))
}

/// Two minutes of a host that has more than a page of queues and of virtual MTAs.
pub fn busy_host(folder: &Path) -> pmta_sim::Host {
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

/// The address of a web monitor that shows what this host shows.
pub fn monitor(host: &pmta_sim::Host, keep_alive: bool) -> String {
    let pages = ["/status", "/queues", "/vmtas"].map(|name| {
        let body = ask(&host.http_url(), &format!("{name}?format=json&maxitems={ROWS}"));
        let rows = String::from_utf8_lossy(&body).matches("\"rcp\":").count();
        assert!(name == "/status" || rows == ROWS, "{name} has {rows} rows");
        (name, answer(&body, keep_alive))
    });
    serve(pages.into(), keep_alive)
}

/// Ticks on a ledger of their own, each ten seconds after the one before.
pub struct Ticks {
    pub product: PathBuf,
    pub config: PathBuf,
    pub state: PathBuf,
    pub clock: Rc<Cell<i64>>,
    /// Lines printed by the first.
    pub lines: usize,
}

/// Ticks that have counted the host's records.
fn first_tick(stage: &Stage, folder: &Path, host: &pmta_sim::Host, keep_alive: bool) -> Ticks {
    let url = monitor(host, keep_alive);
    std::fs::create_dir(folder).unwrap();
    let mut ticks = Ticks {
        product: stage.product.clone(),
        config: folder.join("pmta-vitals.toml"),
        state: folder.join("state"),
        clock: Rc::new(Cell::new(host.now())),
        lines: 0,
    };
    let text = format!("[pmta]\nconfig = {:?}\nurl = {url:?}\n", host.config_path());
    std::fs::write(&ticks.config, text).unwrap();
    let first = ticks.collect(&["--from-start"])().output().unwrap();
    let totals = String::from_utf8_lossy(&first.stdout).matches("\npmta_recipients,").count();
    assert!(totals > ROWS, "{totals} totals\n{}", String::from_utf8_lossy(&first.stderr));
    ticks.lines = first.stdout.iter().filter(|byte| **byte == b'\n').count();
    ticks
}

impl Ticks {
    pub fn collect(&self, extra: &[&str]) -> impl Fn() -> Command + 'static {
        let (product, config, state) = (self.product.clone(), self.config.clone(), self.state.clone());
        let clock = Rc::clone(&self.clock);
        let extra: Vec<String> = extra.iter().map(|word| (*word).to_owned()).collect();
        move || {
            let now = jiff::Timestamp::from_second(clock.get()).unwrap();
            clock.set(clock.get() + INTERVAL);
            let mut command = Command::new(&product);
            command.arg("--config").arg(&config).arg("--state").arg(&state);
            command.args(["--now", &now.to_string(), "collect"]).args(&extra);
            command
        }
    }
}
