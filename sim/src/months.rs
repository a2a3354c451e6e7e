//! Labelled months: accounting files with incidents whose start, end, provider and cause are known.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::books::Books;
use crate::calendar::Calendar;
use crate::dice::Dice;
use crate::flow::Flow;
use crate::incidents::{self, Change, Incident, Plot};
use crate::network::Network;
use crate::options::{Columns, Options, SimError};
use crate::truth::Truth;

/// What kind of month.
#[derive(Clone, Debug)]
pub struct Month {
    pub seed: u64,
    /// `log/acct-*.csv`, `status.jsonl` and `truth.jsonl` appear in it.
    pub out: PathBuf,
    pub days: u32,
    /// Days without a page at the beginning, to learn from.
    pub quiet_days: u32,
    /// Incidents that must page, besides the standing phenomena and bursts that must not.
    pub incidents: usize,
    /// Volume: 1 is about 260,000 recipients a day.
    pub scale: f64,
    /// Only the columns that a judge needs: half the bytes.
    pub compact: bool,
    pub start: i64,
}

impl Default for Month {
    fn default() -> Self {
        Self {
            seed: 1,
            out: PathBuf::from("month"),
            days: 28,
            quiet_days: 7,
            incidents: 40,
            scale: 1.0,
            compact: true,
            // Monday, 2026-10-26 00:00 at +01:00
            start: 1_792_969_200,
        }
    }
}

/// Recipient domains and their recipients on a working day.
const DOMAINS: &[(&str, u64)] = &[
    ("gmail.com", 100_000),
    ("outlook.com", 60_000),
    ("yahoo.com", 30_000),
    ("yahoo.co.uk", 6_000),
    ("icloud.com", 22_000),
    ("comcast.net", 14_000),
    ("att.net", 9_000),
    ("gmx.de", 6_000),
    ("web.de", 4_000),
    ("orange.fr", 3_000),
    ("t-online.de", 2_000),
    ("qq.com", 1_500),
    ("mail.ru", 1_000),
    ("laposte.net", 700),
    ("granite-law.example", 400),
    ("stadtwerke-nord.example", 300),
    ("northgate-health.example", 250),
    ("bücher.de", 80),
    ("kiln-ceramics.example", 40),
    ("tidemark-books.example", 20),
    ("noisy-lane.example", 10),
];

const COMPACT: &[&str] = &[
    "type",
    "timeLogged",
    "timeQueued",
    "rcpt",
    "dsnStatus",
    "dsnDiag",
    "dsnMta",
    "bounceCat",
    "dlvSourceIp",
    "dlvDestinationIp",
    "dlvSize",
    "vmta",
    "queue",
];

const OFFSET_MINUTES: i32 = 60;
const VMTAS: usize = 4;
const DAY: i64 = 86_400;

/// Writes the month; returns everything it counted.
pub fn write_month(month: &Month) -> Result<Truth, SimError> {
    let options = options(month);
    let log = options.log_folder();
    fs::create_dir_all(&log).map_err(SimError::file(&log))?;
    let mut flow = Flow::with(&options, Network::of(VMTAS, DOMAINS), plan(month));
    let mut books = Books::open(&options, month.start)?;
    let path = month.out.join("status.jsonl");
    let mut status = BufWriter::new(File::create(&path).map_err(SimError::file(&path))?);
    let calendar = Calendar::new(OFFSET_MINUTES);
    for second in 1..=i64::from(month.days) * DAY {
        let now = month.start + second;
        books.pass(now);
        flow.tick(now, &mut books);
        if second % 300 == 0 {
            write_status(&flow, &calendar.stamp_with_offset(now), &mut status)
                .map_err(SimError::file(&path))?;
        }
    }
    status.flush().map_err(SimError::file(&path))?;
    books.flush()?;
    write_truth(month, &flow)?;
    Ok(books.truth)
}

fn options(month: &Month) -> Options {
    let per_day: u64 = DOMAINS.iter().map(|(_, volume)| volume).sum();
    let columns = if month.compact {
        Columns::RecordFields(COMPACT.iter().map(|name| (*name).to_owned()).collect())
    } else {
        Columns::Default23
    };
    Options {
        dir: month.out.clone(),
        seed: month.seed,
        rate: per_day as f64 / DAY as f64 * month.scale,
        start: month.start,
        utc_offset_minutes: OFFSET_MINUTES,
        vmtas: VMTAS,
        daily_curve: true,
        reports: false,
        columns,
        command_line: false,
        ..Options::default()
    }
}

/// Every incident of the month, what must page and what must not.
fn plan(month: &Month) -> Vec<Incident> {
    let mut dice = Dice::new(month.seed).branch(0x0707);
    let end = month.start + i64::from(month.days) * DAY;
    let mut found = Vec::new();
    let put = |name: &str, at: i64, strength: f64, found: &mut Vec<Incident>, dice: &mut Dice| {
        if let Some(plot) = incidents::plot(name) {
            found.push(incidents::at(plot, at, plot.seconds, strength, VMTAS, dice));
        }
    };
    // Every hour a little greylisting, every night at three a phantom.
    if let Some(plot) = incidents::plot("greylist-hour") {
        found.push(incidents::at(plot, month.start, end - month.start, 1.0, VMTAS, &mut dice));
    }
    for day in 0..i64::from(month.days) {
        let midnight = month.start + day * DAY;
        put("phantom-3am", midnight + 3 * 3_600, 1.0, &mut found, &mut dice);
        if dice.chance(0.4) {
            let at = midnight + dice.between(9 * 3_600, 17 * 3_600);
            put("campaign", at, 0.5 + dice.unit(), &mut found, &mut dice);
        }
        for name in ["burst-gmail", "burst-orange"] {
            if dice.chance(0.5) {
                put(name, midnight + dice.between(0, DAY), 1.0, &mut found, &mut dice);
            }
        }
    }
    let late = |dice: &mut Dice| {
        month.start + dice.between(i64::from(month.days) / 2, i64::from(month.days) - 1) * DAY
    };
    let holiday = late(&mut dice);
    put("holiday", holiday, 1.0, &mut found, &mut dice);
    let drift = month.start + i64::from(month.quiet_days) * DAY + dice.between(0, DAY);
    put("gradual-drift", drift, 1.0, &mut found, &mut dice);
    let wave = late(&mut dice) + dice.between(0, DAY);
    put("mailbox-full-wave", wave, 1.0, &mut found, &mut dice);
    found.extend(pages(month, &mut dice));
    found.sort_by_key(|incident| (incident.start, incident.plot.name));
    found
}

/// The incidents that must page: spread over the days after the quiet ones, every kind in turn, and
/// never two at one provider at once.
fn pages(month: &Month, dice: &mut Dice) -> Vec<Incident> {
    let kinds: Vec<&'static Plot> =
        incidents::names().filter_map(incidents::plot).filter(|plot| plot.pages).collect();
    let first = month.start + i64::from(month.quiet_days) * DAY;
    let room = i64::from(month.days.saturating_sub(month.quiet_days)) * DAY;
    let slot = room / (month.incidents.max(1) as i64);
    let shift = dice.below(kinds.len() as u64) as usize;
    let mut found: Vec<Incident> = Vec::new();
    for i in 0..month.incidents {
        let start = first + slot * i as i64 + dice.between(0, slot / 2);
        let free = |plot: &&&'static Plot| {
            let busy = |earlier: &Incident| {
                let same = earlier.plot.provider == plot.provider || earlier.plot.provider.is_empty();
                same && earlier.end + 3_600 > start
            };
            !found.iter().any(busy)
        };
        // In turn, so that every kind occurs; the next one when its provider is ill already.
        let turn = kinds.iter().cycle().skip(i + shift).take(kinds.len()).find(free);
        if let Some(plot) = turn {
            let strength = 0.8 + 0.5 * dice.unit();
            let seconds = length(plot, month).min(first + room - start);
            found.push(incidents::at(plot, start, seconds, strength, VMTAS, dice));
        }
    }
    found
}

/// Long enough for about a hundred and fifty affected attempts, and at least as long as usual.
fn length(plot: &Plot, month: &Month) -> i64 {
    let Change::Answers { probability, .. } = plot.change else { return plot.seconds };
    let network = Network::of(VMTAS, DOMAINS);
    let hit = network
        .destinations
        .iter()
        .zip(DOMAINS)
        .filter(|(destination, _)| plot.provider.is_empty() || destination.label == plot.provider);
    let per_day: u64 = hit.map(|(_, (_, volume))| volume).sum();
    let share = if plot.one_vmta { 1.0 / VMTAS as f64 } else { 1.0 };
    let per_second = per_day as f64 * month.scale * probability * share / DAY as f64;
    let wanted = if per_second > 0.0 { (150.0 / per_second) as i64 } else { 0 };
    plot.seconds.max(wanted.min(2 * DAY))
}

/// What happened, and what it harmed.
fn write_truth(month: &Month, flow: &Flow) -> Result<(), SimError> {
    let calendar = Calendar::new(OFFSET_MINUTES);
    let mut text = String::new();
    for (incident, toll) in flow.incidents.iter().zip(flow.harm.tolls()) {
        let vmta = incident.vmta.and_then(|at| flow.network.vmtas.get(at)).map(|vmta| vmta.name.as_str());
        let line = json!({
            "start": calendar.stamp_with_offset(incident.start),
            "end": calendar.stamp_with_offset(incident.end),
            "start_seconds": incident.start,
            "end_seconds": incident.end,
            "provider": incident.plot.provider,
            "domains": incident.plot.domains,
            "reason": incident.plot.reason,
            "kind": incident.plot.name,
            "vmta": vmta,
            "strength": incident.strength,
            "pages": incident.plot.pages,
            "harmed": toll.attempts.round() as u64,
            "fiftieth_seconds": toll.fiftieth,
        });
        text.push_str(&format!("{line}\n"));
    }
    let path = month.out.join("truth.jsonl");
    fs::write(&path, text).map_err(SimError::file(&path))
}

/// One line for each provider: how many recipients wait.
fn write_status(flow: &Flow, time: &str, out: &mut impl std::io::Write) -> std::io::Result<()> {
    let mut waiting: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for queue in &flow.queues {
        *waiting.entry(flow.network.label_of(queue.domain)).or_default() += queue.waiting.len() as u64;
    }
    for (provider, recipients) in waiting {
        writeln!(out, "{}", json!({ "time": time, "provider": provider, "recipients": recipients }))?;
    }
    Ok(())
}

impl Month {
    /// The month of this seed in this folder.
    pub fn new(seed: u64, out: &Path) -> Self {
        Self { seed, out: out.to_owned(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_plan_has_forty_pages_of_twelve_kinds_and_none_in_the_quiet_days() {
        for seed in 1..6 {
            let month = Month { seed, ..Month::default() };
            let plan = plan(&month);
            let pages: Vec<_> = plan.iter().filter(|incident| incident.plot.pages).collect();
            let kinds: BTreeSet<_> = pages.iter().map(|incident| incident.plot.name).collect();
            assert!(pages.len() >= 38 && kinds.len() >= 12, "{seed}: {} of {}", pages.len(), kinds.len());
            let first = month.start + 7 * DAY;
            assert!(pages.iter().all(|incident| incident.start >= first && incident.end > incident.start));
            for (i, one) in pages.iter().enumerate() {
                let clash = pages
                    .iter()
                    .skip(i + 1)
                    .find(|other| other.plot.provider == one.plot.provider && other.start < one.end);
                assert!(clash.is_none(), "{seed}: {one:?} and {clash:?}");
            }
        }
    }

    #[test]
    fn a_small_month_is_written_whole_and_its_incidents_are_in_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let month = Month { days: 2, quiet_days: 1, incidents: 3, scale: 0.1, ..Month::new(9, dir.path()) };
        let truth = write_month(&month).unwrap();
        let files: Vec<_> =
            fs::read_dir(dir.path().join("log")).unwrap().map(|e| e.unwrap().path()).collect();
        let csv = files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "csv"));
        let lines: usize = csv.map(|path| fs::read_to_string(path).unwrap().lines().count() - 1).sum();
        assert_eq!(lines as u64, truth.total.records());
        assert!(truth.total.records() > 30_000 && truth.reason("Microsoft", "greylisted") > 0);
        let status = fs::read_to_string(dir.path().join("status.jsonl")).unwrap();
        assert_eq!(status.lines().filter(|line| line.contains("\"Yahoo\"")).count(), 2 * 288);
        let plan = fs::read_to_string(dir.path().join("truth.jsonl")).unwrap();
        let told: Vec<serde_json::Value> =
            plan.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(told.iter().any(|line| line["pages"] == true && line["reason"].is_string()));
        let known = |line: &serde_json::Value| {
            let within = line["start_seconds"].as_i64()?..line["end_seconds"].as_i64()? + 900;
            Some(line["harmed"].as_u64()? >= 50 && within.contains(&line["fiftieth_seconds"].as_i64()?))
        };
        assert!(told.iter().any(|line| known(line) == Some(true)), "{plan}");
    }
}
