//! How well the product judges labelled months: `cargo bench --profile quick --bench score -- SEEDS`
//! (`6-15`, or `1,2,3`; default 1001). It drives the built binary, so that the classifier, the
//! reader and the judge are the product's own, and writes each month to a temporary folder, or to
//! `PMTA_VITALS_MONTHS`, where they stay. `SEEDS again` judges what an earlier run left there.
//!
//! An incident is found when a finding that pages (warning or worse, not suppressed) about its
//! provider begins to fire between its start and a quarter of an hour after its end; a finding about
//! the host, or one about a provider in a trouble of the host, must also name the cause. A finding is
//! false when it pages and belongs to nothing that was planned. The clock of an incident starts at
//! the fiftieth attempt that the simulator itself harmed; incidents that harmed fewer in all stand
//! apart and are not in the sum, because nobody can be asked to see them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement may stop at the first surprise"
)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const BINARY: &str = env!("CARGO_BIN_EXE_pmta-vitals");
/// How long after its end an incident may still be told.
const GRACE: i64 = 900;
const WEEK: f64 = 7.0 * 86_400.0;
const SMALL: &str = "(fewer than 50 harmed)";

struct Incident {
    start: i64,
    end: i64,
    provider: String,
    domains: Vec<String>,
    reason: String,
    kind: String,
    pages: bool,
    /// When the fiftieth attempt was harmed; `None` if so many never were.
    known: Option<i64>,
}

#[derive(Default, Clone)]
struct Score {
    incidents: u64,
    found: u64,
    cause: u64,
    delays: Vec<i64>,
}

#[derive(Default)]
struct Result {
    kinds: BTreeMap<String, Score>,
    false_ones: BTreeMap<String, u64>,
    provider_weeks: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let seeds = seeds(arguments.first().map_or("1001", String::as_str));
    let again = arguments.get(1).is_some_and(|word| word == "again");
    let keep = std::env::var_os("PMTA_VITALS_MONTHS").map(PathBuf::from);
    let methods = ["reasons", "mean-stddev"];
    let mut results: Vec<Result> = methods.iter().map(|_| Result::default()).collect();
    for seed in &seeds {
        let temporary = tempfile::tempdir().unwrap();
        let folder = keep.as_deref().unwrap_or(temporary.path()).join(format!("month-{seed}"));
        if !folder.join("done").exists() && !again {
            run(&["simulate", "--month", "--seed", &seed.to_string(), "--out", folder.to_str().unwrap()]);
            std::fs::write(folder.join("done"), "").unwrap();
        }
        let incidents = incidents(&folder);
        let weeks = provider_weeks(&folder);
        for (method, result) in methods.iter().zip(&mut results) {
            let told = if again { told(&folder, method) } else { replay(&folder, method) };
            result.provider_weeks += weeks;
            judge(*seed, method, &incidents, &told, result);
        }
    }
    for (method, result) in methods.iter().zip(&results) {
        print(method, &seeds, result);
    }
}

fn seeds(text: &str) -> Vec<u64> {
    match text.split_once('-') {
        Some((from, to)) => (from.parse().unwrap()..=to.parse().unwrap()).collect(),
        None => text.split(',').map(|seed| seed.parse().unwrap()).collect(),
    }
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new(BINARY).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let log = std::fs::read_dir(folder.join("log")).unwrap();
    let mut files: Vec<PathBuf> = log.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("acct"));
    files.sort();
    files
}

fn replay(folder: &Path, method: &str) -> Vec<Value> {
    let (state, status) = (folder.join("state"), folder.join("status.jsonl"));
    let mut arguments = vec!["--state", state.to_str().unwrap(), "replay", "--method", method, "--status"];
    arguments.push(status.to_str().unwrap());
    let files = files(folder);
    arguments.extend(files.iter().map(|path| path.to_str().unwrap()));
    std::fs::write(told_path(folder, method), run(&arguments)).unwrap();
    told(folder, method)
}

fn told_path(folder: &Path, method: &str) -> PathBuf {
    folder.join(format!("told-{method}.jsonl"))
}

fn told(folder: &Path, method: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(told_path(folder, method)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every provider that the simulator names, over the whole month.
fn provider_weeks(folder: &Path) -> f64 {
    let text = std::fs::read_to_string(folder.join("status.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let providers: BTreeSet<&str> = lines.iter().map(|line| line["provider"].as_str().unwrap()).collect();
    let span = time_of(lines.last().unwrap()) - time_of(lines.first().unwrap());
    providers.len() as f64 * span as f64 / WEEK
}

fn incidents(folder: &Path) -> Vec<Incident> {
    let text = std::fs::read_to_string(folder.join("truth.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| Incident {
            start: line["start_seconds"].as_i64().unwrap(),
            end: line["end_seconds"].as_i64().unwrap(),
            provider: line["provider"].as_str().unwrap().to_owned(),
            domains: line["domains"]
                .as_array()
                .map(|names| names.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect())
                .unwrap_or_default(),
            reason: line["reason"].as_str().unwrap().to_owned(),
            kind: line["kind"].as_str().unwrap().to_owned(),
            pages: line["pages"].as_bool().unwrap(),
            known: line["fiftieth_seconds"].as_i64(),
        })
        .collect()
}

fn time_of(line: &Value) -> i64 {
    line["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second()
}

/// What the product calls a simulated provider.
fn name_of(provider: &str) -> &str {
    match provider {
        "La Poste" => "Laposte",
        // One operator, one finding.
        "WEB.DE" => "GMX",
        other => other,
    }
}

fn belongs(incident: &Incident, line: &Value, time: i64) -> bool {
    let provider = line["provider"].as_str().unwrap_or_default();
    let about = if provider.is_empty() || incident.provider.is_empty() {
        names_cause(incident, line)
    } else {
        provider == name_of(&incident.provider) || incident.domains.iter().any(|domain| domain == provider)
    };
    about && (incident.start..incident.end + GRACE).contains(&time)
}

fn names_cause(incident: &Incident, line: &Value) -> bool {
    let event = line["event"].as_str().unwrap();
    match incident.reason.as_str() {
        "slow" => event == "slow-provider",
        "throughput" => event == "throughput-drop",
        reason => line["reason"] == reason,
    }
}

fn judge(seed: u64, method: &str, incidents: &[Incident], told: &[Value], result: &mut Result) {
    let pages = pages(told);
    for incident in incidents.iter().filter(|incident| incident.pages) {
        // With fewer than fifty harmed attempts there is no fiftieth to count from.
        let kind = if incident.known.is_some() { incident.kind.as_str() } else { SMALL };
        let score = result.kinds.entry(kind.to_owned()).or_default();
        score.incidents += 1;
        let hits: Vec<&(i64, &Value)> =
            pages.iter().filter(|(time, line)| belongs(incident, line, *time)).collect();
        let Some((first, line)) = hits.first() else {
            println!(
                "missed: seed {seed} {method} {} at {} +{} s",
                incident.kind,
                incident.start,
                incident.end - incident.start
            );
            continue;
        };
        score.found += 1;
        score.delays.push((first - incident.known.unwrap_or(incident.end)).max(0));
        let right = names_cause(incident, line);
        score.cause += u64::from(right);
        if !right && method == "reasons" {
            println!("wrong cause: seed {seed} {} told {} {}", incident.kind, line["event"], line["message"]);
        }
    }
    count_false_ones(seed, method, incidents, &pages, result);
}

/// What somebody is told of the first time: a reminder finds nothing.
fn pages(told: &[Value]) -> Vec<(i64, &Value)> {
    let mut before: BTreeMap<&str, (&Value, &Value)> = BTreeMap::new();
    let mut pages = Vec::new();
    for line in told {
        let now = (&line["state"], &line["severity"]);
        let again = before.insert(id(line), now) == Some(now);
        let pages_somebody =
            line["state"] == "firing" && line["severity"] != "info" && line["routing"] != "log";
        if pages_somebody && !again {
            pages.push((time_of(line), line));
        }
    }
    pages
}

/// The finding that an event is about.
fn id(line: &Value) -> &str {
    line["event_id"].as_str().unwrap().rsplitn(3, '-').last().unwrap_or_default()
}

/// Pages that no incident explains, each finding once.
fn count_false_ones(
    seed: u64,
    method: &str,
    incidents: &[Incident],
    pages: &[(i64, &Value)],
    result: &mut Result,
) {
    // Standing phenomena that must not page explain nothing; an incident does, and whatever is told
    // of the same finding later belongs to it.
    let mut wrong = BTreeSet::new();
    let mut right_ones = BTreeSet::new();
    for (time, line) in pages {
        let explained =
            incidents.iter().filter(|incident| incident.pages).any(|incident| belongs(incident, line, *time));
        let id = id(line);
        if explained {
            right_ones.insert(id.to_owned());
        } else if !right_ones.contains(id) && wrong.insert(id.to_owned()) {
            let about = incidents.iter().find(|incident| {
                let volume = incident.reason == "volume" && line["provider"].is_null();
                let within = (incident.start..incident.end + GRACE).contains(time);
                !incident.pages && within && (volume || belongs(incident, line, *time))
            });
            let what = about.map_or("nothing", |incident| incident.kind.as_str());
            *result.false_ones.entry(what.to_owned()).or_default() += 1;
            if method == "reasons" {
                println!("false: seed {seed} at {time}: {} ({what})", line["message"]);
            }
        }
    }
}

fn print(method: &str, seeds: &[u64], result: &Result) {
    println!("\n{method}, seeds {seeds:?}\n");
    println!("| kind | incidents | recall | cause right | mean s | p95 s |\n|---|---|---|---|---|---|");
    let mut all = Score::default();
    for (kind, score) in &result.kinds {
        row(kind, score);
        if kind == SMALL {
            continue;
        }
        all.incidents += score.incidents;
        all.found += score.found;
        all.cause += score.cause;
        all.delays.extend(&score.delays);
    }
    row("**all**", &all);
    let wrong: u64 = result.false_ones.values().sum();
    println!(
        "\n{wrong} false findings, {:.4} per provider-week: {:?}",
        wrong as f64 / result.provider_weeks,
        result.false_ones
    );
}

fn row(name: &str, score: &Score) {
    let mut delays = score.delays.clone();
    delays.sort_unstable();
    let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let mean = if delays.is_empty() { 0 } else { delays.iter().sum::<i64>() / delays.len() as i64 };
    let p95 = delays.get((delays.len() * 95 / 100).min(delays.len().saturating_sub(1))).copied().unwrap_or(0);
    println!(
        "| {name} | {} | {:.3} | {:.3} | {mean} | {p95} |",
        score.incidents,
        share(score.found, score.incidents),
        share(score.cause, score.found)
    );
}
