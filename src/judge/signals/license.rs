//! The days that are left of the licence: when it ends PowerMTA stops, on a date that was known
//! all along.

use super::{Level, Report, Scene, Signal, Symptom, number, recall, write_down};
use crate::record::{HIDDEN, Memory, Sample, Seconds, Severity, Unit};

pub const SIGNAL: Signal = Signal {
    name: "license",
    about: "the licence ends within weeks",
    source: "queues",
    beneath_down: false,
    look,
};

/// An order takes weeks where many must sign it.
const SOON: i64 = 30;
const NOW: i64 = 7;
const DAY: Seconds = 86_400;
/// When it ends; 0 is never.
const NOTE: &str = "license/ends";

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    let told = scene.row(HIDDEN, "class", "license");
    let ends = match told {
        Some(row) => {
            let ends = number(row, "expires").unwrap_or(0.0) as i64;
            write_down(memory, NOTE, &[ends]);
            ends
        }
        // It is asked for a few times a day, and shown all the time.
        None => match recall(memory, NOTE).first() {
            Some(ends) => *ends,
            None => {
                report.cannot_see("PowerMTA has not been asked for its licence: that takes the pmta command (root or group pmta), an API key or an operator line in http-access");
                return;
            }
        },
    };
    if ends == 0 {
        return;
    }
    // By the calendar: what ends tomorrow has one day left, at whatever hour.
    let days = (ends - scene.now + DAY - 1).div_euclid(DAY);
    report.samples.push(Sample::new("pmta_license").int("days_left", days));
    let level = match days {
        ..NOW => Level::Bad(Severity::Critical),
        NOW..SOON => Level::Bad(Severity::Warning),
        _ => Level::Fine,
    };
    let left = if days < 0 { "has ended".to_owned() } else { format!("ends in {days} days") };
    let symptom = Symptom::new("", level, 0, 0).measured(Unit::Count, None, days as f64);
    report.symptoms.push(symptom.told(
        format!("PowerMTA's licence {left}"),
        "Order the renewal and put the new file to /etc/pmta/license (`pmta show license` shows serial and date), then `pmta reload`.",
    ));
}
