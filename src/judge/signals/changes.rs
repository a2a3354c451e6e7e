//! What somebody or something changed on the host: PowerMTA's configuration, a reload, a restart.
//! Each is told for a quarter of an hour, and findings that begin then name it.

use super::{Fate, Level, Report, Scene, Signal, Symptom, number};
use crate::judge::surroundings::Change;
use crate::record::{HIDDEN, Memory, Sample, Seconds, Severity, Unit, Value, tag};
use serde::{Deserialize, Serialize};

pub const SIGNAL: Signal = Signal {
    name: "changes",
    about: "PowerMTA's configuration changed, or it was reloaded or started again",
    source: "accounting",
    beneath_down: false,
    look,
};

const CONFIGURATION: &str = "configuration changed";
const RELOAD: &str = "configuration reloaded";
const RESTART: &str = "PowerMTA restarted";

/// Kind (the finding's reason), what it is called, the whole sentence, what to do.
#[rustfmt::skip]
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("configuration", CONFIGURATION, "The files of PowerMTA's configuration have changed", "If nobody did it, find out who; it holds from the next reload on (`pmta test config` before that)."),
    ("reload", RELOAD, "PowerMTA reloaded its configuration", "None, if somebody meant it."),
    ("restart", RESTART, "PowerMTA was started again", "If nobody did it, look at finding restarts and at the kernel's log."),
];

/// For so long a change is shown, and may be the cause of what begins.
const SHOWN: Seconds = 900;
/// For so long it is known: open findings go on naming it.
const KEPT: Seconds = 86_400;
const MOST: usize = 20;
/// A start computed from an uptime wavers by seconds.
const WAVER: Seconds = 5;
/// Process and web monitor show one restart at different times.
const SAME: Seconds = 300;
const NOTE: &str = "changes";

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Known {
    /// Of the configuration's text; empty while nobody could read it.
    fingerprint: String,
    /// When PowerMTA started, by the web monitor.
    started: Option<Seconds>,
    /// How often its process was seen anew.
    restarts: Option<i64>,
    /// Lines of its log that tell of a reload.
    reloads: Option<i64>,
    changes: Vec<Change>,
}

impl Known {
    fn recall(memory: &dyn Memory) -> Known {
        memory.get(NOTE).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    fn write_down(&self, before: &Known, memory: &mut dyn Memory) {
        if self != before
            && let Ok(text) = serde_json::to_vec(self)
        {
            memory.put(NOTE, &text);
        }
    }

    fn add(&mut self, what: &str, at: Seconds) {
        self.changes.push(Change { at, what: what.to_owned() });
        let first = self.changes.len().saturating_sub(MOST);
        self.changes.drain(..first);
    }

    fn had(&self, what: &str, now: Seconds) -> bool {
        self.changes.iter().any(|change| change.what == what && now - change.at <= SAME)
    }
}

/// Takes in what this run's aside sources show, before any record is judged; gives all that is
/// known. `started` is when PowerMTA started, by its web monitor.
pub fn note(
    gauges: &[Sample],
    started: Option<Seconds>,
    now: Seconds,
    memory: &mut dyn Memory,
) -> Vec<Change> {
    let before = Known::recall(memory);
    let mut known = before.clone();
    known.changes.retain(|change| (0..=KEPT).contains(&(now - change.at)));
    let configuration = gauges.iter().find(|row| is_configuration(row));
    if let Some(row) = configuration
        && let Some(Value::Text(fingerprint)) = row.field("text")
        && *fingerprint != known.fingerprint
    {
        if !known.fingerprint.is_empty() {
            // Who runs seldom learns of it late; a file that was put back tells of long ago.
            let modified = number(row, "modified").map_or(now, |at| at as Seconds);
            known.add(CONFIGURATION, modified.clamp(now - SHOWN + 60, now));
        }
        known.fingerprint.clone_from(fingerprint);
    }
    let daemon = |row: &&Sample| row.measurement == "pmta_memory" && tag(&row.tags, "process") == "pmtad";
    let restarts = gauges.iter().find(daemon).and_then(|row| number(row, "restarts_total"));
    if let Some(restarts) = restarts.map(|number| number as i64) {
        if known.restarts.is_some_and(|before| restarts > before) && !known.had(RESTART, now) {
            known.add(RESTART, now);
        }
        known.restarts = Some(restarts);
    }
    if let Some(started) = started {
        let later = known.started.is_some_and(|before| started > before + WAVER);
        if later && !known.had(RESTART, now) {
            known.add(RESTART, started.clamp(now - SHOWN, now));
        }
        if later || known.started.is_none() {
            known.started = Some(started);
        }
    }
    known.write_down(&before, memory);
    known.changes
}

fn is_configuration(row: &Sample) -> bool {
    row.measurement == HIDDEN && tag(&row.tags, "class") == "configuration"
}

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    let before = Known::recall(memory);
    let mut known = before.clone();
    let reloads = scene.row("pmta_log", "class", "reload").and_then(|row| number(row, "total"));
    if let Some(reloads) = reloads.map(|number| number as i64) {
        if known.reloads.is_some_and(|before| reloads > before) {
            known.add(RELOAD, scene.now);
        }
        known.reloads = Some(reloads);
    }
    known.write_down(&before, memory);
    // Where the process can be seen, finding restarts tells of it.
    let seen = scene.fate("process") == Fate::Up;
    for (kind, what, sentence, action) in KINDS.iter().filter(|(kind, ..)| !seen || *kind != "restart") {
        let times =
            known.changes.iter().filter(|change| change.what == *what && scene.now - change.at < SHOWN);
        let times = times.count();
        let level = if times > 0 { Level::Bad(Severity::Info) } else { Level::Fine };
        let symptom = Symptom::new(kind, level, 0, 0).measured(Unit::Count, Some(0.0), times as f64);
        let often = if times > 1 { format!(" {times} times in a quarter of an hour") } else { String::new() };
        let symptom = Symptom { n: times as i64, ..symptom };
        report.symptoms.push(symptom.told(format!("{sentence}{often}"), *action));
    }
}

/// All that is known to have changed of late.
pub fn recall(memory: &dyn Memory) -> Vec<Change> {
    Known::recall(memory).changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Notes;

    #[test]
    fn a_change_is_noted_once_and_the_first_sight_is_none() {
        let mut notes = Notes::default();
        let mut seen = |text: &str, restarts: i64, started: Option<Seconds>, now: Seconds| {
            let gauges = [
                Sample::new(HIDDEN).tag("class", "configuration").text("text", text),
                Sample::new("pmta_memory").tag("process", "pmtad").growing("restarts_total", restarts),
            ];
            let told = note(&gauges, started, now, &mut notes);
            told.into_iter().map(|change| (change.at, change.what)).collect::<Vec<_>>()
        };
        let change = |at: Seconds, what: &str| (at, what.to_owned());
        assert!(seen("a", 3, Some(1_000), 2_000).is_empty());
        assert!(seen("a", 3, Some(1_004), 2_010).is_empty(), "an uptime wavers");
        assert_eq!(seen("b", 3, None, 2_020), [change(2_020, CONFIGURATION)]);
        let both = [change(2_020, CONFIGURATION), change(2_030, RESTART)];
        assert_eq!(seen("b", 4, Some(1_000), 2_030), both);
        assert_eq!(seen("b", 4, Some(2_025), 2_060), both, "the monitor tells of the same restart later");
        assert_eq!(seen("b", 4, Some(90_000), 90_010), [change(90_000, RESTART)], "old ones are forgotten");
    }
}
