//! Old files through the built binary: the same findings as live, the same bytes every time, and
//! what is learned from them.

use crate::rig::Rig;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The binary with a state folder of its own and no configuration.
fn replay(state: &Path, arguments: &[&str], files: &[PathBuf]) -> Output {
    let mut command = Command::new(crate::rig::binary());
    command.arg("--state").arg(state).arg("replay").args(arguments).args(files).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every accounting file of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_str().unwrap().contains("acct"));
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

/// A host with an hour of quiet and half an hour of trouble at Comcast.
fn troubled() -> Rig {
    Rig::with(|options| {
        options.rate = 30.0;
        options.scenario = "comcast-450@1800+1200".to_owned();
    })
}

/// Without the number of the event, which counts everything that a ledger tells.
fn comparable(line: &Value) -> Value {
    let mut line = line.clone();
    let id = line["event_id"].as_str().unwrap().rsplit_once('-').unwrap().0.to_owned();
    line["event_id"] = id.into();
    line
}

#[test]
fn live_and_replay_give_the_same_findings() {
    let rig = troubled();
    let mut live = Vec::new();
    rig.collect(&["--only", "accounting"]);
    for round in 0..65 {
        rig.pass(59);
        if round == 20 {
            rig.host.rotate_accounting().unwrap();
        }
        let output = rig.run(&["collect", "--only", "accounting", "--consumer", "live", "--format", "json"]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        live.extend(document["events"].as_array().unwrap().iter().map(comparable));
    }
    // An event is repeated in the consumer's next two runs.
    let mut seen = std::collections::BTreeSet::new();
    live.retain(|line| seen.insert(line.to_string()));
    live.retain(|line| !line["provider"].is_null());
    let state = rig.folder.path().join("elsewhere");
    let output = replay(&state, &[], &files(&rig.folder.path().join("host/log")));
    let mut old: Vec<Value> = lines(&output).iter().map(comparable).collect();
    for told in [&mut live, &mut old] {
        told.sort_by_key(|line| (line["time"].to_string(), line["event_id"].to_string()));
    }
    assert!(live.iter().any(|line| line["provider"] == "Comcast" && line["state"] == "firing"), "{live:?}");
    assert_eq!(live, old);
    let summary = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(summary.contains("63 minutes, 1 findings, ") && summary.contains(" 0 reminders"), "{summary}");
    assert!(!state.exists(), "replay leaves no trace");
}

#[test]
fn the_same_bytes_whatever_the_order_and_the_packing() {
    let rig = troubled();
    for _ in 0..8 {
        rig.pass(330);
        rig.host.rotate_accounting().unwrap();
    }
    rig.host.flush().unwrap();
    let state = rig.folder.path().join("elsewhere");
    let mut files = files(&rig.folder.path().join("host/log"));
    assert!(files.len() >= 8);
    let plain = replay(&state, &[], &files);
    assert!(!plain.stdout.is_empty());
    let packed = rig.folder.path().join("packed");
    std::fs::create_dir(&packed).unwrap();
    for (place, path) in files.iter_mut().enumerate() {
        if place % 2 == 0 {
            let target = packed.join(format!("{}.gz", path.file_name().unwrap().to_str().unwrap()));
            let mut gz = flate2::write::GzEncoder::new(
                std::fs::File::create(&target).unwrap(),
                flate2::Compression::fast(),
            );
            gz.write_all(&std::fs::read(&*path).unwrap()).unwrap();
            gz.finish().unwrap();
            *path = target;
        }
    }
    files.reverse();
    let mixed = replay(&state, &[], &files);
    assert_eq!(String::from_utf8_lossy(&plain.stdout), String::from_utf8_lossy(&mixed.stdout));
    assert_eq!(plain.stderr, mixed.stderr);
    let strict = replay(&state, &["--what-if", "judge.smallest_excess=1000000"], &files);
    assert!(lines(&strict).iter().all(|line| line["reason"] != "temp-unspecified"), "a setting is tried out");
    let damaged = packed.join("acct-cut.csv.gz");
    let whole = std::fs::read(files.iter().find(|path| path.starts_with(&packed)).unwrap()).unwrap();
    std::fs::write(&damaged, &whole[..whole.len() / 2]).unwrap();
    let told = replay(&state, &[], &[damaged]);
    assert!(String::from_utf8_lossy(&told.stderr).contains("acct-cut.csv.gz"), "damage is told");
}

/// Every row of what is usual, as it stands on the disk.
fn usual(state: &Path) -> Vec<(i64, i64, Vec<u8>)> {
    let db = rusqlite::Connection::open(state.join("ledger.db")).unwrap();
    let mut query = db.prepare("SELECT provider, signal, state FROM baseline_series ORDER BY 1, 2").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn learning_twice_is_learning_once_and_live_records_stay() {
    let rig = Rig::with(|options| options.rate = 8.0);
    rig.pass(2 * 3_600);
    rig.host.rotate_accounting().unwrap();
    rig.host.flush().unwrap();
    let old = files(&rig.folder.path().join("host/log"));
    let learn = || {
        let output = rig.command().args(["replay", "--learn"]).args(&old).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        usual(&rig.state())
    };
    let once = learn();
    assert!(once.len() > 10, "{}", once.len());
    assert_eq!(once, learn());
    rig.collect(&["--only", "accounting"]);
    for _ in 0..4 {
        rig.pass(60);
        rig.collect(&["--only", "accounting"]);
    }
    // Now the bucket of the first live record is left out, and that once.
    let under_live = learn();
    assert_eq!(under_live, learn(), "what came live is untouched");
}

#[test]
fn anomalies_of_any_series_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("series.csv");
    let mut text = "timestamp,value,label\n".to_owned();
    for bucket in 0..3_000i64 {
        let hour = (bucket % 288) as f64 / 288.0 * std::f64::consts::TAU;
        let odd = (2_500..2_506).contains(&bucket);
        let value = 100.0
            + 30.0 * hour.sin()
            + f64::from((bucket * 7_919 % 11) as i32)
            + if odd { 400.0 } else { 0.0 };
        text.push_str(&format!("{},{value},{}\n", 1_790_000_100 + bucket * 300, u8::from(odd)));
    }
    std::fs::write(&path, text).unwrap();
    let output = replay(folder.path(), &["--series", path.to_str().unwrap()], &[]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.lines().skip(1).any(|line| line.ends_with(",1")), "{told}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 of 1 labelled stretches met"));
}

/// Twelve hours of one message a second to each of two providers from midnight (+01:00) on, with
/// an hour's first ten minutes greylisted at one and eight minutes of refusals at three at the other.
fn half_a_day(folder: &Path) -> PathBuf {
    let mut text = "type,timeLogged,timeQueued,rcpt,dsnStatus,dsnDiag,dsnMta,vmta,queue\n".to_owned();
    for second in 0..12 * 3_600 {
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        let time = format!("2026-11-24 {hour:02}:{minute:02}:{:02}+0100", second % 60);
        let mut put = |domain: &str, refusal: Option<(&str, &str)>| {
            let (kind, status, diag) = match refusal {
                Some((status, diag)) => ("t", status, diag),
                None => ("d", "2.0.0 (success)", "smtp;250 2.0.0 OK"),
            };
            text.push_str(&format!(
                "{kind},{time},{time},someone@{domain},{status},{diag},mx.{domain} (192.0.2.7),vmta1,{domain}/vmta1\n"
            ));
        };
        let lot = second * 7_919 % 100;
        let grey = minute < 10 && lot < 85;
        put(
            "outlook.com",
            grey.then_some(("4.7.1", "smtp;451 4.7.1 Greylisted for ten minutes please come back")),
        );
        let phantom = hour == 3 && minute < 8 && lot < 70;
        put("icloud.com", phantom.then_some(("4.3.2", "smtp;451 4.3.2 Service is resting")));
    }
    let path = folder.join("acct.csv");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn the_phantom_and_the_greylisting_page_nobody_and_a_backlog_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = half_a_day(folder.path());
    let told = lines(&replay(folder.path(), &[], std::slice::from_ref(&file)));
    let paged =
        |told: &[Value]| told.iter().filter(|line| line["routing"] == "page").cloned().collect::<Vec<_>>();
    assert_eq!(paged(&told), Vec::<Value>::new());
    let grey = |line: &&Value| line["provider"] == "Microsoft" && line["state"] == "suppressed";
    let silence = told.iter().find(grey).expect("the greylisting is told, in silence");
    assert!(silence["suppressed_by"].as_str().unwrap().contains("greylisting window"), "{silence}");
    let status = folder.path().join("status.jsonl");
    let waiting = |recipients| {
        let text = format!(
            "{{\"time\":\"2026-11-24T00:00:00+01:00\",\"provider\":\"Microsoft\",\"recipients\":{recipients}}}\n"
        );
        std::fs::write(&status, text).unwrap();
        let told =
            replay(folder.path(), &["--status", status.to_str().unwrap()], std::slice::from_ref(&file));
        paged(&lines(&told))
    };
    assert_eq!(waiting(50_000).len(), 0, "fifty thousand is still usual");
    let pages = waiting(50_001);
    assert!(!pages.is_empty() && pages.iter().all(|page| page["provider"] == "Microsoft"), "{pages:?}");
    assert!(
        pages.iter().any(|page| page["severity"] == "critical" && page["reason"] == "greylisted"),
        "{pages:?}"
    );
}

/// A quarter of an hour of peace at a busy host, then trouble: the first message that fires about a
/// provider, live and in a replay of what was written.
fn first_sentences(scenario: &str, seconds: u64, provider: &str) -> [String; 2] {
    let rig = Rig::with(|options| {
        options.rate = 100.0;
        options.seed = 2;
        options.scenario = format!("{scenario}@900+900");
    });
    rig.pass(seconds);
    let live = ["collect", "--only", "accounting", "--from-start", "--consumer", "live", "--format", "json"];
    let output = rig.run(&[&live[..], &["--deadline", "10m"]].concat());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let live = document["events"].as_array().unwrap().clone();
    let files = files(&rig.folder.path().join("host/log"));
    let old = lines(&replay(&rig.folder.path().join("elsewhere"), &[], &files));
    [live, old].map(|told| {
        let fires = told.iter().find(|line| line["provider"] == provider && line["state"] == "firing");
        fires.unwrap_or_else(|| panic!("{told:#?}"))["message"].as_str().unwrap().to_owned()
    })
}

#[test]
fn the_two_sentences_come_from_simulated_traffic_word_for_word() {
    let yahoo = "[Yahoo] Deferral spike: 12% → 38% due to 421 handshake (not throttling)";
    assert_eq!(first_sentences("yahoo-handshake", 1_620, "Yahoo"), [yahoo, yahoo]);
    let att = "[ATT.NET] TLS fingerprint mismatch → deferral rate 22%. Action: rotate cert or temp-disable TLS for this domain.";
    assert_eq!(first_sentences("att-tls", 1_020, "ATT.NET"), [att, att]);
}
