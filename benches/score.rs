//! How well the product judges labelled months: `cargo bench --profile quick --bench score -- SEEDS`
//! (`6-15`, or `1,2,3`; default 1001). It drives the built binary, so that the classifier, the
//! reader and the judge are the product's own, and writes each month to a temporary folder.
//!
//! An incident is found when a finding that pages (warning or worse, not suppressed) about its
//! provider, or about the whole host, begins to fire between its start and a quarter of an hour
//! after its end. A finding is false when it pages and belongs to nothing that was planned.
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
/// Before that many attempts were harmed nobody could know.
const AFFECTED: u64 = 50;
const DAY: i64 = 86_400;
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
    let keep = std::env::var_os("PMTA_VITALS_MONTHS").map(PathBuf::from);
    let methods = ["reasons", "mean-stddev"];
    let mut results: Vec<Result> = methods.iter().map(|_| Result::default()).collect();
    for seed in &seeds {
        let temporary = tempfile::tempdir().unwrap();
        let folder = keep.as_deref().unwrap_or(temporary.path()).join(format!("month-{seed}"));
        if !folder.join("done").exists() {
            run(&["simulate", "--month", "--seed", &seed.to_string(), "--out", folder.to_str().unwrap()]);
            std::fs::write(folder.join("done"), "").unwrap();
        }
        let incidents = incidents(&folder);
        for (method, result) in methods.iter().zip(&mut results) {
            let told = replay(&folder, method);
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
    let told = run(&arguments);
    std::fs::write(folder.join(format!("told-{method}.jsonl")), &told).unwrap();
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn incidents(folder: &Path) -> Vec<Incident> {
    let text = std::fs::read_to_string(folder.join("truth.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut incidents: Vec<Incident> = lines
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
            known: None,
        })
        .collect();
    count_affected(folder, &mut incidents);
    incidents
}

/// The time of the fiftieth refusal at the incident's provider since it began, by the records.
fn count_affected(folder: &Path, incidents: &mut [Incident]) {
    let mut counts = vec![0; incidents.len()];
    for file in files(folder) {
        let text = std::fs::read_to_string(file).unwrap();
        for line in text.lines() {
            let kind = line.split(',').next().unwrap_or_default();
            let Some(time) = line.split(',').nth(1).and_then(seconds) else { continue };
            for (incident, count) in incidents.iter_mut().zip(&mut counts) {
                let harmed = match incident.reason.as_str() {
                    "slow" => kind == "d",
                    "throughput" => true,
                    _ => matches!(kind, "t" | "tq" | "b"),
                };
                let within = (incident.start..incident.end).contains(&time);
                if incident.pages && incident.known.is_none() && harmed && within {
                    *count += u64::from(concerns(incident, line));
                    if *count == AFFECTED {
                        incident.known = Some(time);
                    }
                }
            }
        }
    }
}

/// By the queue, the last column; a host-wide incident concerns every record.
fn concerns(incident: &Incident, line: &str) -> bool {
    let queue = line.rsplit(',').next().unwrap_or_default().split('/').next().unwrap_or_default();
    incident.provider.is_empty()
        || domains_of(&incident.provider).contains(&queue)
        || incident.domains.iter().any(|domain| domain == queue)
}

/// The queues of the simulated providers.
fn domains_of(provider: &str) -> &'static [&'static str] {
    match provider {
        "Gmail" => &["gmail.com", "gmail.rollup"],
        "Microsoft" => &["outlook.com", "outlook.rollup", "hotmail.com"],
        "Yahoo" => &["yahoo.com", "yahoo.co.uk", "yahoo.rollup"],
        "Apple" => &["icloud.com"],
        "Comcast" => &["comcast.net"],
        "ATT.NET" => &["att.net"],
        "GMX" => &["gmx.de"],
        "WEB.DE" => &["web.de"],
        "Orange" => &["orange.fr"],
        "T-Online" => &["t-online.de"],
        "QQ" => &["qq.com"],
        "Mail.ru" => &["mail.ru"],
        "La Poste" => &["laposte.net"],
        "Proofpoint" => &["granite-law.example", "northgate-health.example"],
        _ => &[],
    }
}

fn seconds(text: &str) -> Option<i64> {
    let (local, offset) = text.split_at_checked(19)?;
    let time: jiff::civil::DateTime = local.replacen(' ', "T", 1).parse().ok()?;
    let minutes: i64 = offset.get(1..3)?.parse::<i64>().ok()? * 60 + offset.get(3..5)?.parse::<i64>().ok()?;
    let utc = jiff::tz::Offset::UTC.to_timestamp(time).ok()?.as_second();
    Some(if offset.starts_with('-') { utc + minutes * 60 } else { utc - minutes * 60 })
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
    let about = provider == name_of(&incident.provider)
        || provider.is_empty()
        || incident.provider.is_empty()
        || incident.domains.iter().any(|domain| domain == provider);
    about && (incident.start..incident.end + GRACE).contains(&time)
}

fn judge(seed: u64, method: &str, incidents: &[Incident], told: &[Value], result: &mut Result) {
    let paging =
        |line: &&Value| line["state"] == "firing" && line["severity"] != "info" && line["routing"] != "log";
    let pages: Vec<(i64, &Value)> = told.iter().filter(paging).map(|line| (time_of(line), line)).collect();
    for incident in incidents.iter().filter(|incident| incident.pages) {
        // With fewer than fifty harmed attempts there is no fiftieth to count from.
        let kind = if incident.known.is_some() { incident.kind.as_str() } else { SMALL };
        let score = result.kinds.entry(kind.to_owned()).or_default();
        score.incidents += 1;
        let hits: Vec<&(i64, &Value)> =
            pages.iter().filter(|(time, line)| belongs(incident, line, *time)).collect();
        let right = |line: &Value| {
            line["reason"].as_str().unwrap_or(line["event"].as_str().unwrap()) == incident.reason
                || incident.reason == "slow" && line["event"] == "slow-provider"
                || incident.reason == "throughput"
                    && line["event"].as_str().unwrap().starts_with("throughput")
        };
        // A host-wide incident may be told by what it does to one provider, too; what names its
        // reason counts first.
        let best = hits.iter().find(|(_, line)| right(line)).or(hits.first());
        let Some((_, line)) = best else {
            println!(
                "missed: seed {seed} {method} {} at {} +{} s",
                incident.kind,
                incident.start,
                incident.end - incident.start
            );
            continue;
        };
        let first = hits.first().map_or(0, |(time, _)| *time);
        score.found += 1;
        score.delays.push((first - incident.known.unwrap_or(incident.end)).max(0));
        let top = hits.first().is_some_and(|(_, line)| right(line));
        score.cause += u64::from(top);
        if !top && method == "reasons" {
            println!(
                "wrong cause: seed {seed} {} told {} {}",
                incident.kind, line["event"], hits[0].1["message"]
            );
        }
    }
    count_false_ones(seed, method, incidents, &pages, result);
    // From the end of the quiet week on three weeks are judged; false ones count from the start.
    result.provider_weeks += 22.0 * 4.0;
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
        let id = line["event_id"].as_str().unwrap().rsplitn(3, '-').last().unwrap_or_default();
        if explained {
            right_ones.insert(id.to_owned());
        } else if !right_ones.contains(id) && wrong.insert(id.to_owned()) {
            let about = incidents.iter().find(|incident| {
                !incident.pages && belongs(incident, line, *time) && incident.end - incident.start < 3 * DAY
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
