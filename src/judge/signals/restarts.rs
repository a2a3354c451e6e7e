//! Restarts of PowerMTA's processes: one is worth knowing, several in an hour are a crash loop
//! that pmtawatch hides.

use super::{Level, Report, Scene, Signal, Symptom, number, recall, write_down};
use crate::record::{Memory, Severity, Unit, tag};

pub const SIGNAL: Signal = Signal {
    name: "restarts",
    about: "PowerMTA's processes start again",
    source: "process",
    beneath_down: false,
    look,
};

const HOUR: i64 = 3_600;
/// An operator may restart twice; a third time within the hour is nobody's plan.
const LOOP: usize = 3;
const CALM: i64 = 600;
const MOST: usize = 20;

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    for row in scene.rows("pmta_memory") {
        let process = tag(&row.tags, "process");
        let Some(total) = number(row, "restarts_total").filter(|_| !process.is_empty()) else { continue };
        let key = format!("restarts/{process}");
        // The total at the last look, then the times of restarts.
        let mut kept = recall(memory, &key);
        let known = if kept.is_empty() { None } else { Some(kept.remove(0)) };
        let total = total as i64;
        let new = known.map_or(0, |known| (total - known).max(0));
        kept.retain(|at| (0..HOUR).contains(&(scene.now - at)));
        kept.extend((0..new).map(|_| scene.now).take(MOST));
        let times = kept.len();
        let level = match times {
            0 => Level::Fine,
            1 if new > 0 => Level::Bad(Severity::Info),
            2 if new > 0 => Level::Bad(Severity::Warning),
            _ if times >= LOOP => Level::Bad(Severity::Critical),
            _ => Level::Fine,
        };
        kept.insert(0, total);
        write_down(memory, &key, &kept);
        let message = match times {
            1 => format!("{process} was started again"),
            _ => format!("{process} was started again {times} times within an hour"),
        };
        let symptom = Symptom::new(process, level, 0, CALM).measured(Unit::Count, Some(0.0), times as f64);
        report.symptoms.push(Symptom { n: times as i64, ..symptom }.told(
            message,
            "If nobody did it: look for a segfault or an OOM kill in the kernel's log, for a core under /opt/pmta, and at the end of PowerMTA's log before each start.",
        ));
    }
}
