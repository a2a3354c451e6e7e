//! No Vector can be had from a package registry, so its codec stands here as a grammar: the shipped
//! source's own command over a simulated hour, each line of it decoded, and the truth at the end.

use crate::grammar::vector::{Line, numbers, read};
use crate::stage::Stage;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// The `exec` source as we ship it.
fn source() -> serde_json::Value {
    let text = include_str!("../../vector/pmta-vitals.yaml");
    let file: serde_json::Value = serde_yaml_ng::from_str(text).unwrap();
    file["sources"]["pmta_vitals"].clone()
}

/// Its command with our program in the place of the installed one.
fn command(stage: &Stage) -> Command {
    let words: Vec<String> = serde_json::from_value(source()["command"].clone()).unwrap();
    assert_eq!(words[0], "/usr/bin/pmta-vitals");
    let mut command = Command::new(stage.program());
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

/// What Vector keeps: the newest value of each series, and every event with how often it came.
#[derive(Default)]
struct Kept {
    last: BTreeMap<(String, BTreeMap<String, String>), f64>,
    events: BTreeMap<String, usize>,
    lines: usize,
}

impl Kept {
    fn take(&mut self, text: &str) {
        let longest = source()["framing"]["newline_delimited"]["max_length"].as_u64().unwrap();
        let fits = |line: &str| u64::try_from(line.len()).unwrap() < longest;
        assert!(text.ends_with('\n') && text.lines().all(fits), "Vector drops longer frames: {text}");
        let lines = read(text).unwrap_or_else(|why| panic!("Vector refuses a line: {why}"));
        self.lines += lines.len();
        for (series, value) in numbers(&lines) {
            let before = self.last.insert(series.clone(), value);
            let counts = series.0.ends_with("_total");
            assert!(!counts || before.is_none_or(|before| value >= before), "{series:?} fell: {before:?}");
        }
        for line in &lines {
            if let Line::Log(log) = line {
                *self.events.entry(log["event_id"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
    }

    fn sum(&self, name: &str) -> f64 {
        self.last.iter().filter(|((found, _), _)| found == name).map(|(_, value)| value).sum()
    }
}

#[test]
fn vector_decodes_every_line_of_an_hour() {
    let stage = Stage::hour();
    let mut kept = Kept::default();
    let mut told = BTreeSet::new();
    stage.live_an_hour(|influx| {
        let output = command(&stage).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        kept.take(std::str::from_utf8(&output.stdout).unwrap());
        for line in influx.lines().filter(|line| line.starts_with("pmta_event,")) {
            let (_, id) = line.split_once("event_id=\"").unwrap();
            told.insert(id.split('"').next().unwrap().to_owned());
        }
    });
    assert!(kept.lines > 50_000, "an hour has more to say than {} lines", kept.lines);
    for (field, truth) in stage.truths() {
        assert_eq!(kept.sum(&format!("pmta_totals_{field}")), truth as f64, "{field}");
        assert_eq!(kept.sum(&format!("pmta_recipients_{field}")), truth as f64, "{field} of all series");
    }
    assert!(told.len() >= 3, "an hour with incidents has events: {told:?}");
    assert_eq!(kept.events.keys().cloned().collect::<BTreeSet<_>>(), told, "another consumer's events");
    assert!(kept.events.values().all(|times| *times <= 3), "{:?}", kept.events);
    println!("Vector: {} lines, {} events", kept.lines, told.len());
}

/// Streaming: Vector reads to the end of file after its SIGTERM.
#[test]
fn vector_decodes_a_stream_that_it_ends() {
    let stage = Stage::hour();
    stage.pass(60);
    let mut streaming = command(&stage);
    let mut child = streaming.args(["--stream", "200ms"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let beats = |text: &str| text.matches(r#""name":"collector_last_success_seconds""#).count();
    while beats(&text) < 3 {
        assert!(output.read_line(&mut text).unwrap() > 0, "it ended: {text}");
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    std::io::Read::read_to_string(&mut output, &mut text).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(text.ends_with('\n'), "no half a line");
    let lines = read(&text).unwrap();
    assert!(lines.len() > 100, "{} lines", lines.len());
}
