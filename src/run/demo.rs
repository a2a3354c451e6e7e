//! An hour at a simulated PowerMTA host in a few seconds: quiet, then an incident, collected all
//! along as a host agent would.

use super::clock::Clock;
use super::passage::{self, Passage, Wish};
use super::setup::{Setup, host_name};
use super::stop::Stop;
use super::{RunError, print, simulate};
use crate::cli;
use crate::config::Loaded;
use crate::emit;
use crate::ledger::Place;
use crate::record::State;
use pmta_sim::{Host, Options};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Simulated seconds of quiet before the incident, and of incident at most.
const QUIET: u64 = 2_700;
const INCIDENT: u64 = 1_200;
/// How often the demo collects; a real host does so every 10 s.
const QUIET_STEP: u64 = 300;
const INCIDENT_STEP: u64 = 60;
/// Simulated seconds after the first word of it.
const AFTERMATH: u64 = 120;
const RATE: f64 = 60.0;
const SHOWN_LINES: usize = 12;

pub fn run(args: &cli::Demo) -> Result<(), RunError> {
    let folder = tempfile::tempdir().map_err(|source| RunError::Temporary { source })?;
    let now = Clock::Wall.read().div_euclid(1_000_000_000);
    let host = Host::start(Options {
        dir: folder.path().join("host"),
        seed: args.seed,
        rate: RATE,
        scenario: timed(&args.scenario),
        start: now - i64::try_from(QUIET + INCIDENT).unwrap_or(0),
        url_max_items: true,
        ..Options::default()
    })?;
    simulate::configure(&host, folder.path())?;
    let mut show = Show { host, folder: folder.path(), text: args.format == cli::Format::Text };
    show.say(&intro(args, &show.host))?;
    let last = show.play()?;
    let format = emit::format(args.format.name());
    let bytes = format.map(|format| (format.print)(&last.document)).unwrap_or_default();
    show.say("\nWhat `pmta-vitals collect --format text` shows now:\n\n")?;
    print(&bytes)?;
    show.say(&outro(&last))
}

/// Names without a time begin when the quiet ends.
fn timed(scenario: &str) -> String {
    let timed = |name: &str| match name.contains('@') || name == "quiet" || name == "random" {
        true => name.to_owned(),
        false => format!("{name}@{QUIET}+{INCIDENT}"),
    };
    scenario.split(',').map(|name| timed(name.trim())).collect::<Vec<_>>().join(",")
}

fn intro(args: &cli::Demo, host: &Host) -> String {
    format!(
        "A simulated PowerMTA host answers on {} and writes its accounting files: {RATE} recipients a second.\n\
         {} minutes of ordinary weather, then: {}. pmta-vitals collects all along.\n\n",
        host.http_url(),
        QUIET / 60,
        args.scenario
    )
}

struct Show<'a> {
    host: Host,
    folder: &'a std::path::Path,
    text: bool,
}

impl Show<'_> {
    /// Only people want the story; another format is for a program.
    fn say(&self, text: &str) -> Result<(), RunError> {
        if self.text { print(text.as_bytes()) } else { Ok(()) }
    }

    fn play(&mut self) -> Result<Passage, RunError> {
        let mut last = self.collect()?;
        let mut told = Vec::new();
        let mut left = None;
        for (whole, step) in [(QUIET, QUIET_STEP), (INCIDENT, INCIDENT_STEP)] {
            for _ in 0..whole / step {
                self.host.advance(step)?;
                self.host.flush()?;
                last = self.collect()?;
                self.narrate(&last, &mut told)?;
                left = match left {
                    None if told.is_empty() => None,
                    None => Some(AFTERMATH),
                    Some(left) if left <= step => return Ok(last),
                    Some(left) => Some(left - step),
                };
            }
        }
        Ok(last)
    }

    fn collect(&self) -> Result<Passage, RunError> {
        let config = self.folder.join("pmta-vitals.toml");
        let setup = Setup {
            loaded: Loaded::read(&config, true)?,
            place: Place { folder: self.folder.join("state"), shared: true },
            clock: Clock::Pretended(self.host.now() * 1_000_000_000),
            stop: Stop::on_signals(),
            host: host_name(),
            rules: Vec::new(),
            unread_rules: Vec::new(),
        };
        let wish =
            Wish { only: &[], consumer: Some("demo"), reader: None, from_start: false, dry_run: false };
        let tick = setup.clock.tick(Instant::now(), Duration::from_secs(30));
        let mut passage = passage::collect(&setup, &wish, tick)?;
        passage.printed(Instant::now() + Duration::from_secs(1));
        Ok(passage)
    }

    /// One line a collection, and the sentence of each finding that is new.
    fn narrate(&self, passage: &Passage, told: &mut Vec<String>) -> Result<(), RunError> {
        let at = emit::rfc3339(self.host.now() * 1_000_000_000);
        let clock = at.get(11..16).unwrap_or_default();
        let counts = self.host.totals();
        let mut text = format!("{clock}  {} records so far", counts.records());
        let open: Vec<_> = passage.document.findings().iter().filter(|f| f.state == State::Firing).collect();
        if open.is_empty() {
            text.push_str(", all quiet\n");
        } else {
            let _ = writeln!(text, ", {} open", if open.len() == 1 { "one finding" } else { "findings" });
        }
        for finding in open {
            if !told.contains(&finding.id) {
                told.push(finding.id.clone());
                let _ =
                    writeln!(text, "       {}: {}", finding.severity.name().to_uppercase(), finding.message);
                let _ = writeln!(text, "       what to do: {}", finding.action);
            }
        }
        self.say(&text)
    }
}

/// What a host agent is handed, and where to go from here.
fn outro(last: &Passage) -> String {
    let influx = emit::format("influx").map(|format| (format.print)(&last.document)).unwrap_or_default();
    let lines = String::from_utf8_lossy(&influx).into_owned();
    let total = lines.lines().count();
    let mut text = format!("\nAnd what Telegraf gets ({total} lines of line protocol), for example:\n\n");
    let first = |name: &'static str| lines.lines().filter(move |line| line.starts_with(name)).take(3);
    let chosen = ["pmta,", "pmta_totals", "pmta_finding", "pmta_event", "pmta_recipients", "pmta_collector"];
    for line in chosen.into_iter().flat_map(first).take(SHOWN_LINES) {
        let _ = writeln!(text, "  {line}");
    }
    text.push_str(
        "\nOn your PowerMTA host: `pmta-vitals doctor` says what is missing, `pmta-vitals config telegraf`\n\
         prints the file to drop into /etc/telegraf/telegraf.d. To keep a simulated host running and try\n\
         it yourself: `pmta-vitals simulate`.\n",
    );
    text
}
