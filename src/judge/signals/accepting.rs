//! Does mail still come in while feeders try: what PowerMTA has received, held against the
//! connections that feeders keep open. It asks nobody.

use super::{Level, Report, Scene, Signal, Symptom, number, recall, write_down};
use crate::record::{Memory, Seconds, Severity, Unit};

pub const SIGNAL: Signal = Signal {
    name: "accepting",
    about: "feeders are connected and no mail is accepted any more",
    source: "web",
    beneath_down: true,
    look,
};

/// A feeder that pauses between two campaigns keeps a few connections.
const FEEDERS: f64 = 5.0;
/// Those that are not served pile up.
const PILE: f64 = 1.5;
const HOLD: Seconds = 300;
/// Mail was accepted within so long, or nobody has stopped anything.
const RECENT: Seconds = 3_600;
/// Received in all, when that last grew, and the usual connections in hundredths then.
const NOTE: &str = "accepting/in";

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    let field =
        |measurement, field| scene.row(measurement, "direction", "in").and_then(|row| number(row, field));
    let (Some(total), Some(current)) =
        (field("pmta_traffic", "recipients_total"), field("pmta_connections", "current"))
    else {
        return;
    };
    let kept = recall(memory, NOTE);
    let (before, grew, usual) = match kept.as_slice() {
        [before, grew, usual] => (*before, *grew, *usual as f64 / 100.0),
        _ => (-1, 0, current),
    };
    let total = total as i64;
    let grows = total != before;
    let usual = if grows { usual + 0.1 * (current - usual) } else { usual };
    let grew = match grows {
        // What was received before the first look says nothing about when.
        true if before >= 0 => scene.now,
        _ => grew,
    };
    write_down(memory, NOTE, &[total, grew, (usual * 100.0).round() as i64]);
    let silent = scene.now - grew;
    let level = if grows || current < FEEDERS {
        Level::Fine
    } else if grew != 0 && silent <= RECENT + HOLD && current >= PILE * usual {
        Level::Bad(Severity::Critical)
    } else {
        Level::Between
    };
    let symptom = Symptom::new("", level, HOLD, 60).measured(Unit::Count, Some(usual), current).told(
        format!(
            "No recipient was accepted for {} minutes, while {current:.0} feeders are connected (usually {usual:.0})",
            silent / 60
        ),
        "Offer it a message by hand (smtp.mail_from and smtp.rcpt_to let the probe do so): 452 is memory, spool or disk; no answer at all a hung pmtad (finding frozen) or a disk that does not answer (`iostat -x`).",
    );
    report.symptoms.push(Symptom { n: current as i64, ..symptom });
}
