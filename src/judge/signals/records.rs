//! Are deliveries written down: what the web monitor says was sent, held against the accounting
//! records that were read. Without records every ratio is silent, and silence looks like health.

use super::{Fate, Level, Report, Scene, Signal, Symptom, number, recall, write_down};
use crate::record::{HIDDEN, Memory, Seconds, Severity, Unit};

pub const SIGNAL: Signal = Signal {
    name: "records",
    about: "PowerMTA delivers, and the accounting files do not grow",
    source: "accounting",
    beneath_down: true,
    look,
};

/// PowerMTA may hold records back for a while (`sync no`).
const WINDOW: Seconds = 600;
/// Fewer may all have gone to a pipe or to a domain with disable-acct-records.
const ENOUGH: i64 = 200;
/// When it began, and what was sent by then.
const NOTE: &str = "records/since";

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    let out = scene.row("pmta_traffic", "direction", "out");
    let (Some(sent), Some(read)) = (
        out.and_then(|row| number(row, "recipients_total")),
        scene.row(HIDDEN, "class", "records").and_then(|row| number(row, "n")),
    ) else {
        report.cannot_see("how many recipients PowerMTA has sent to is shown by the web monitor alone");
        return;
    };
    // Files that cannot be read are our trouble and are told as such.
    if scene.fate("accounting") != Fate::Up {
        return;
    }
    let sent = sent as i64;
    let kept = recall(memory, NOTE);
    let (since, sent_then) = match kept.as_slice() {
        [since, sent_then] if read == 0.0 && *since <= scene.now && *sent_then <= sent => {
            (*since, *sent_then)
        }
        _ => (scene.now, sent),
    };
    write_down(memory, NOTE, &[since, sent_then]);
    let (waited, missing) = (scene.now - since, sent - sent_then);
    let level = if read > 0.0 {
        Level::Fine
    } else if waited >= WINDOW && missing >= ENOUGH {
        Level::Bad(Severity::Warning)
    } else {
        Level::Between
    };
    let symptom = Symptom::new("", level, 0, 0).measured(Unit::Recipients, Some(0.0), missing as f64).told(
        format!("PowerMTA sent to {missing} recipients in {} minutes, and the accounting files have not grown", waited / 60),
        "Look at <acct-file> in /etc/pmta/config (path, move-to, a full or read-only disk) and at PowerMTA's log; `pmta-vitals doctor` shows which files are followed. Until then deferrals and bounces are invisible.",
    );
    report.symptoms.push(Symptom { n: missing, ..symptom });
}
