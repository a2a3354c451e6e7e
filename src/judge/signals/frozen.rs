//! A status page that stands still: the web monitor answers, and shows the same second again and
//! again, because pmtad no longer answers it.

use super::{Level, Report, Scene, Signal, Symptom, number, recall, write_down};
use crate::record::{Memory, Seconds, Severity, Unit};

pub const SIGNAL: Signal = Signal {
    name: "frozen",
    about: "the status page shows the same second again and again: pmtad hangs",
    source: "web",
    beneath_down: true,
    look,
};

/// A page that is kept for some seconds is no sign.
const HOLD: Seconds = 60;
/// What the page's clock is ahead of ours, and while that looks wrong since when and at which
/// second. A clock that runs changes nothing here, so a quiet run writes nothing.
const NOTE: &str = "frozen/clock";
/// Whole seconds and two runs within one.
const SLACK: i64 = 2;

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    let Some(uptime) = scene.rows("pmta").find_map(|row| number(row, "uptime_seconds")) else { return };
    let uptime = uptime as i64;
    let ahead = uptime - scene.now;
    let kept = recall(memory, NOTE);
    let runs = |before: i64| (ahead - before).abs() <= SLACK;
    let (note, still) = match kept.as_slice() {
        [before, ..] if runs(*before) => (vec![*before], 0),
        [before, since, at] if *at == uptime && *since <= scene.now => {
            (vec![*before, *since, *at], scene.now - since)
        }
        // It was restarted, or a clock was set: the page goes on.
        [_, _, _] | [] => (vec![ahead], 0),
        [before, ..] => (vec![*before, scene.now, uptime], 0),
    };
    if note != kept {
        write_down(memory, NOTE, &note);
    }
    let level = if still > SLACK { Level::Bad(Severity::Critical) } else { Level::Fine };
    let symptom = Symptom::new("", level, HOLD, 0).measured(Unit::Seconds, Some(0.0), still as f64);
    report.symptoms.push(symptom.told(
        format!("The web monitor answers, but its page has shown the same second for {still} s: pmtad hangs, and every counter is old"),
        "Look whether pmtad still works (`pmta show status`, its log, `ps -o stat,wchan -C pmtad`): D is a disk or network file system that does not answer. If only the monitor hangs, restart pmtahttp.",
    ));
}
