//! The runs whose instructions are counted. Seeds, clocks and pages are fixed, the machine's own
//! processes and logs are out of sight, and each begins with a ledger of its own.

use crate::instructions;
use crate::product::product;
use crate::web::{answer, ask, serve};
use pmta_sim::{Bulk, Host, Options, WebFault, write_bulk};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of new records.
const DELTA: u64 = 5_000_000;
const LONG_PAGE: usize = 1_000;
const ROWS: usize = 100;
/// How often a host agent runs us.
const INTERVAL: i64 = 10;

pub struct Scenes {
    product: PathBuf,
    folder: PathBuf,
    host: Host,
}

impl Scenes {
    /// In a folder whose name is the same each time: it is read, hashed and printed.
    pub fn set() -> Scenes {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("nothing")).unwrap();
        let host = Host::start(Options {
            dir: folder.join("host"),
            url_max_items: true,
            rate: 50.0,
            vmtas: 20,
            small_domains: 200,
            ..Options::default()
        })
        .unwrap();
        host.advance(120).unwrap();
        host.flush().unwrap();
        Scenes { product: product(), folder, host }
    }

    pub fn count(&self) -> BTreeMap<String, u64> {
        let start = || {
            let mut command = Command::new(&self.product);
            command.arg("--version");
            command
        };
        let idle = self.idle();
        let tick = || idle.run("tick", INTERVAL, &["collect", "--consumer", "bench", "--deadline", "120s"]);
        let check = || idle.run("check", INTERVAL, &["check", "deferral-ratio", "-t", "120s"]);
        let counts = [
            ("start", instructions(&start)),
            ("tick", instructions(&tick)),
            ("check", instructions(&check)),
            ("delta", self.delta()),
            ("page", self.page()),
        ];
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }

    /// A ledger that has seen everything there is, twice.
    fn idle(&self) -> Ledger<'_> {
        let url = self.monitor(ROWS);
        let idle =
            self.ledger("idle", &format!("[pmta]\nconfig = {:?}\nurl = {url:?}\n", self.host.config_path()));
        idle.live(0, &["collect", "--consumer", "bench", "--from-start"]);
        idle.live(INTERVAL, &["collect", "--consumer", "bench"]);
        Ledger { now: idle.now + INTERVAL, ..idle }
    }

    fn delta(&self) -> u64 {
        let path = self.folder.join("acct-2026-11-23-0000.csv");
        let bulk = Bulk { path: path.clone(), bytes: DELTA, domains: 50_000, vmtas: 40, ..Bulk::default() };
        let records = write_bulk(&bulk).unwrap().records();
        let end = bulk.start + i64::try_from(records / bulk.rate).unwrap() + 1;
        let text = format!("[pmta]\nconfig = \"/nonexistent\"\n[accounting]\nfiles = [{path:?}]\n");
        let ledger = Ledger { now: end, ..self.ledger("delta", &text) };
        let words =
            ["collect", "--only", "accounting", "--from-start", "--consumer", "bench", "--deadline", "120s"];
        instructions(&|| ledger.run("new", 0, &words))
    }

    fn page(&self) -> u64 {
        self.host.break_web(&[WebFault::ManyQueues(LONG_PAGE)]).unwrap();
        let url = self.monitor(LONG_PAGE);
        self.host.break_web(&[]).unwrap();
        let ledger = self.ledger("page", &format!("[pmta]\nconfig = \"/nonexistent\"\nurl = {url:?}\n"));
        let words = ["collect", "--only", "web", "--consumer", "bench"];
        ledger.live(0, &words);
        instructions(&|| ledger.run("again", INTERVAL, &[&words[..], &["--deadline", "120s"]].concat()))
    }

    /// A web monitor that answers from memory what the host shows now.
    fn monitor(&self, rows: usize) -> String {
        let pages = ["/status", "/queues", "/vmtas"].map(|name| {
            let body = ask(&self.host.http_url(), &format!("{name}?format=json&maxitems={ROWS}"));
            let shown = String::from_utf8_lossy(&body).matches("\"rcp\":").count();
            assert!(name != "/queues" || shown == rows, "{name} has {shown} rows");
            (name, answer(&body, true))
        });
        serve(pages.into(), true)
    }

    fn ledger(&self, name: &str, text: &str) -> Ledger<'_> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let nothing = self.folder.join("nothing");
        let apart = format!(
            "[host]\nproc = {nothing:?}\ncgroup = {nothing:?}\n[logs]\nkernel = {0:?}\njournal = {0:?}\nkernel_files = [{0:?}]\n",
            nothing.join("at-all")
        );
        std::fs::write(folder.join("pmta-vitals.toml"), format!("{text}{apart}")).unwrap();
        Ledger { product: &self.product, folder, now: self.host.now() }
    }
}

/// A ledger that grows by runs that are not counted, and copies of it for those that are.
struct Ledger<'a> {
    product: &'a Path,
    folder: PathBuf,
    now: i64,
}

impl Ledger<'_> {
    fn live(&self, later: i64, words: &[&str]) {
        let done = self.command("state", later, words).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// A command on a copy of its own.
    fn run(&self, copy: &str, later: i64, words: &[&str]) -> Command {
        let (state, copied) = (self.folder.join("state"), self.folder.join(copy));
        let _ = std::fs::remove_dir_all(&copied);
        if let Ok(files) = std::fs::read_dir(state) {
            std::fs::create_dir_all(&copied).unwrap();
            for file in files.map(Result::unwrap) {
                std::fs::copy(file.path(), copied.join(file.file_name())).unwrap();
            }
        }
        self.command(copy, later, words)
    }

    fn command(&self, state: &str, later: i64, words: &[&str]) -> Command {
        let now = jiff::Timestamp::from_second(self.now + later).unwrap().to_string();
        let mut command = Command::new(self.product);
        command.arg("--config").arg(self.folder.join("pmta-vitals.toml"));
        command.arg("--state").arg(self.folder.join(state)).args(["--now", &now]).args(words).env_clear();
        command
    }
}
