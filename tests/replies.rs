//! A changed ISP: replies that a provider never gave before, or suddenly gives far more often, are
//! told once, live and in a replay alike, and what comes back every day is not.

use crate::grammar::perfdata;
use crate::rig::{binary, rfc3339};
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const START: i64 = 1_780_272_000;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// An accounting file that grows, and a ledger beside it.
struct Stage {
    folder: TempDir,
    file: PathBuf,
}

impl Stage {
    fn new() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("acct-2026-06-01-0000.csv");
        std::fs::write(&file, "type,timeLogged,timeQueued,rcpt,dsnStatus,dsnDiag,dsnMta,vmta,queue\n")
            .unwrap();
        let config = format!(
            "[pmta]\nconfig = {0:?}\n[accounting]\nfiles = [{1:?}]\n[host]\nproc = {0:?}\n[logs]\nkernel = {0:?}\n",
            folder.path().join("none"),
            folder.path().join("acct-*.csv")
        );
        std::fs::write(folder.path().join("pmta-vitals.toml"), config).unwrap();
        Stage { folder, file }
    }

    /// Replies of Comcast, each with its time.
    fn write(&self, replies: &[(i64, &str)]) {
        let mut text = Vec::new();
        for (number, (time, reply)) in replies.iter().enumerate() {
            let kind = if reply.starts_with('4') { "t" } else { "b" };
            let status = format!("{}.0.0 (undefined status)", &reply[..1]);
            writeln!(
                text,
                "{kind},{time},{},jane{number}@comcast.net,{status},\"smtp;{reply}\",mx1.comcast.net (192.0.2.1),v1,comcast.net/v1",
                time - 1
            )
            .unwrap();
        }
        std::fs::OpenOptions::new().append(true).open(&self.file).unwrap().write_all(&text).unwrap();
    }

    fn command(&self, now: i64) -> Command {
        let mut command = Command::new(binary());
        command.arg("--config").arg(self.folder.path().join("pmta-vitals.toml"));
        command.arg("--state").arg(self.folder.path().join("state"));
        command.args(["--now", &rfc3339(now)]).stdin(Stdio::null());
        command
    }

    fn collect(&self, now: i64) -> Vec<Value> {
        let mut command = self.command(now);
        command.args([
            "collect",
            "--only",
            "accounting",
            "--from-start",
            "--consumer",
            "test",
            "--format",
            "json",
        ]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        document["events"].as_array().unwrap().clone()
    }

    fn replay(&self) -> Vec<Value> {
        let output = self.command(START).arg("replay").arg(&self.file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// What was said about replies, in order: state and sentence, each event once.
fn said(events: &[Value]) -> Vec<(String, String)> {
    let mut words: Vec<(String, String)> = Vec::new();
    for event in events.iter().filter(|event| event["event"] == "new-reply") {
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        let word = (text("state"), text("message"));
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

const USUAL: &str = "550 5.1.1 Not our customer";
const OLD: &str = "450 try later frumious bandersnatch";

/// As a CSV cell holds it: quotes doubled, and longer than Nagios reads.
fn hostile() -> String {
    let nasty = "451 snark | bad=9;1;2 \u{1b}[31m\u{7}\t 'x' `id` $(id) \\ \"\"q\"\" \u{9f} hunted";
    format!("{nasty} {}", "lengthy ".repeat(1_500))
}

/// A reply a minute, and `OLD` once an hour.
fn ordinary(from: i64, to: i64) -> Vec<(i64, &'static str)> {
    let minutes = (from..to).step_by(60);
    minutes.map(|time| (time, if (time - START) % HOUR == 0 { OLD } else { USUAL })).collect()
}

/// Lives through the records of ten minutes at a time, and comes back with everything told.
fn live(stage: &Stage, records: &[(i64, &str)]) -> Vec<Value> {
    let mut events = Vec::new();
    let last = records.last().unwrap().0;
    let mut from = records[0].0;
    while from <= last {
        let part: Vec<_> =
            records.iter().filter(|(time, _)| (from..from + 600).contains(time)).copied().collect();
        stage.write(&part);
        from += 600;
        events.extend(stage.collect(from));
    }
    events
}

#[test]
fn an_old_reply_that_jumps_in_share_is_told_once_live_and_in_replay() {
    let stage = Stage::new();
    let flood = START + 2 * DAY;
    stage.write(&ordinary(START, flood));
    assert_eq!(said(&stage.collect(flood)), [], "two ordinary days");
    let mut records = ordinary(flood, flood + 3 * HOUR);
    records.extend((0..400).map(|nth| (flood + 700 + nth * 5, OLD)));
    records.sort_unstable();
    let told = said(&live(&stage, &records));
    let [(firing, jump), (resolved, same)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((firing.as_str(), resolved.as_str()), ("firing", "resolved"));
    assert!(jump.starts_with("[Comcast] Reply grew from "), "{jump}");
    assert!(
        jump.ends_with(" of all refusals: 450 try later frumious bandersnatch (temp-unspecified)"),
        "{jump}"
    );
    assert_eq!(jump, same);
    assert_eq!(said(&stage.replay()), told);
    let text = std::fs::read(stage.folder.path().join("state/ledger.db")).unwrap_or_default();
    assert!(!text.windows(4).any(|bytes| bytes == b"jane"), "no local part is kept");
}

#[test]
fn a_new_reply_is_told_however_slowly_it_begins_and_a_check_shows_it() {
    let stage = Stage::new();
    let begin = START + 2 * DAY;
    stage.write(&ordinary(START, begin));
    stage.collect(begin);
    let mut records = ordinary(begin, begin + HOUR);
    // Two a minute: no single run sees many of them.
    records.extend((0..60).map(|nth| (begin + 15 + nth * 30, "451 snark hunted today")));
    records.sort_unstable();
    let told = said(&live(&stage, &records));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.contains("New reply, ") && told[0].1.contains("451 snark hunted today"), "{told:?}");
    assert_eq!(said(&stage.replay()), told);
    // A check needs to know how the sources fared, which only a whole collection says.
    let whole = stage.command(begin + HOUR).args(["collect", "--consumer", "test"]).output().unwrap();
    assert!(whole.status.success());
    let mut check = stage.command(begin + HOUR);
    let output = check.args(["check", "new-reply", "--provider", "Comcast"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "a note wakes nobody: {text}");
    assert!(text.contains("snark hunted"), "{text}");
}

/// Nothing that a remote server says gets out of its place where a check quotes it.
#[test]
fn a_hostile_reply_stays_text_in_a_check() {
    let stage = Stage::new();
    let begin = START + 2 * DAY;
    stage.write(&ordinary(START, begin));
    stage.collect(begin);
    let reply = hostile();
    let mut records = ordinary(begin, begin + HOUR);
    records.extend((0..60).map(|nth| (begin + 15 + nth * 30, reply.as_str())));
    records.sort_unstable();
    assert_eq!(said(&live(&stage, &records)).len(), 1);
    let whole = stage.command(begin + HOUR).args(["collect", "--consumer", "test"]).output().unwrap();
    assert!(whole.status.success());
    for (name, cap) in
        [("new-reply", 8_192), ("new-reply", 1_024), ("new-reply", 80), ("all", 8_192), ("all", 1_024)]
    {
        let mut check = stage.command(begin + HOUR);
        let output = check.args(["check", name, "-vv", "--max-output", &cap.to_string()]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let figures = perfdata::read(&text, cap).unwrap_or_else(|why| panic!("{why}: {text}"));
        assert!(!figures.contains_key("bad"), "{text}");
        let bad = |c: char| matches!(c, '`' | '"' | '$') || (c.is_control() && c != '\n');
        assert!(!text.contains(bad), "{text}");
        assert!(name == "all" || cap < 1_000 || text.contains("451 snark "), "it is quoted: {text}");
    }
}

#[test]
fn what_comes_back_every_hour_and_the_first_day_are_no_news() {
    let stage = Stage::new();
    let mut records = ordinary(START, START + 4 * DAY);
    // Forty greylistings at the beginning of every hour.
    let hours = (START..START + 4 * DAY).step_by(3_600);
    records.extend(
        hours.flat_map(|hour| (0..40).map(move |nth| (hour + nth, "451 4.7.1 Greylisted, come back"))),
    );
    records.sort_unstable();
    stage.write(&records);
    let told = said(&stage.replay());
    let days = told.iter().filter(|(state, _)| state == "firing").count();
    assert!(days <= 1, "{told:?}");
    assert!(told.iter().all(|(_, text)| text.contains("Reply grew")), "{told:?}");
}
