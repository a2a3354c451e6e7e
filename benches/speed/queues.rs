//! A `/queues` page of many rows, streamed: what a collection of the web monitor costs over a bare
//! program that reads the same page row by row into a struct and keeps nothing.

use crate::race::{Contender, Runs, race};
use crate::stage::Stage;
use crate::table::{Row, Table};
use crate::tick::{Ticks, empty};
use crate::web::{answer, ask, serve};
use pmta_sim::WebFault;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::rc::Rc;

pub const ROWS: usize = 100_000;
const ROUNDS: usize = 15;

pub fn run(stage: &Stage, table: &mut Table) {
    let long = Page::of(stage, ROWS);
    assert_eq!(long.bare_rows(), format!("{ROWS}\n"));
    let runs = race(
        &format!("a /queues page of {ROWS} rows, {} bytes", long.bytes),
        stage.rounds(ROUNDS),
        &[
            Contender::new("a bare typed streamed pass", long.bare()),
            Contender::new("collect --only web", long.collect()),
            empty(stage),
        ],
    );
    let what = format!("a `/queues` page of {ROWS} rows ({} MB)", long.bytes / 1_000_000);
    table.add(
        Row::over(&what, &runs[1], &runs[0], "a bare typed streamed pass")
            .memory(&runs[1])
            .budget("1.5; 32 MiB"),
    );
}

/// The growth with the rows of a page.
pub fn growth(stage: &Stage, rows: &[usize], rounds: usize) -> Vec<Runs> {
    let pages: Vec<Page> = rows.iter().map(|rows| Page::of(stage, *rows)).collect();
    let contenders =
        pages.iter().zip(rows).map(|(page, rows)| Contender::new(&format!("{rows} queues"), page.collect()));
    race("a page of so many queues", rounds, &contenders.collect::<Vec<_>>())
}

/// A web monitor that shows so many queues.
struct Page {
    url: String,
    bytes: usize,
    ticks: Ticks,
}

impl Page {
    fn of(stage: &Stage, rows: usize) -> Page {
        let folder = stage.state().join(format!("queues-{rows}"));
        std::fs::create_dir(&folder).unwrap();
        let host = pmta_sim::Host::start(pmta_sim::Options {
            dir: folder.join("host"),
            ..pmta_sim::Options::default()
        })
        .expect("the simulated host starts");
        host.advance(10).unwrap();
        host.break_web(&[WebFault::ManyQueues(rows)]).unwrap();
        let pages = ["/status", "/queues", "/vmtas"]
            .map(|name| (name, ask(&host.http_url(), &format!("{name}?format=json"))));
        let bytes = pages[1].1.len();
        let url = serve(pages.map(|(name, body)| (name, answer(&body, true))).into(), true);
        let ticks = Ticks {
            product: stage.product.clone(),
            config: folder.join("pmta-vitals.toml"),
            state: folder.join("state"),
            clock: Rc::new(Cell::new(host.now())),
            lines: 0,
        };
        std::fs::write(&ticks.config, format!("[pmta]\nconfig = \"/nonexistent\"\nurl = {url:?}\n")).unwrap();
        let page = Page { url, bytes, ticks };
        let first = page.collect()().output().unwrap();
        let shown = String::from_utf8_lossy(&first.stdout).matches("\npmta_queue,").count();
        assert_eq!(shown, rows.min(100), "{}", String::from_utf8_lossy(&first.stderr));
        page
    }

    fn collect(&self) -> impl Fn() -> Command + 'static {
        self.ticks.collect(&["--only", "web", "--deadline", "60s"])
    }

    fn bare(&self) -> impl Fn() -> Command + 'static {
        let url = self.url.clone();
        move || {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.arg(BARE).arg(&url);
            command
        }
    }

    fn bare_rows(&self) -> String {
        String::from_utf8(self.bare()().output().unwrap().stdout).unwrap()
    }
}

/// The first argument by which this program knows that it is to be the bare pass.
pub const BARE: &str = "bare-pass";

#[derive(Deserialize)]
#[allow(dead_code, reason = "it is the reading of the fields that is measured")]
struct Queue {
    name: String,
    rcp: i64,
    kb: f64,
    conn: i64,
    paused: bool,
    mode: String,
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(deserialize_with = "count_rows")]
    queues: u64,
}

/// Reads each row into its struct and lets it go.
fn count_rows<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    struct Rows;
    impl<'de> Visitor<'de> for Rows {
        type Value = u64;

        fn expecting(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
            out.write_str("a list of queues")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<u64, A::Error> {
            let mut count = 0;
            while let Some(row) = rows.next_element::<Queue>()? {
                count += u64::from(row.rcp >= 0);
            }
            Ok(count)
        }
    }
    from.deserialize_seq(Rows)
}

/// One GET and one pass; prints how many rows there were.
pub fn bare_pass(url: &str) {
    let host = url.strip_prefix("http://").unwrap();
    let mut door = TcpStream::connect(host).unwrap();
    write!(door, "GET /queues HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = BufReader::with_capacity(1 << 16, door);
    let mut line = String::new();
    while answer.read_line(&mut line).unwrap() > 2 {
        line.clear();
    }
    let mut rows = serde_json::Deserializer::from_reader(answer);
    let page = Answer::deserialize(&mut rows).unwrap();
    println!("{}", page.data.queues);
}
