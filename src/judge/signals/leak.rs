//! Memory of pmtad that does not come back when the queue drains: each hour's floor against the
//! floors before it, and against the queue at that time.

use super::{Level, Report, Scene, Signal, Symptom, bytes, number, recall, write_down};
use crate::record::{Memory, Severity, Unit};

pub const SIGNAL: Signal = Signal {
    name: "leak",
    about: "pmtad's memory grows from hour to hour while its queue does not",
    source: "process",
    beneath_down: true,
    look,
};

/// So many hours in a row must have risen: a campaign's memory is back within three.
const HOURS: usize = 6;
const RISE: f64 = 0.25;
const RISE_BYTES: f64 = 100e6;
/// A queue that grew explains memory that grew.
const QUEUE_GREW: f64 = 1.2;
const KEPT: usize = 24;
const FLOORS: &str = "leak/floors";

/// The least memory of one hour, and the queue then.
#[derive(Clone, Copy)]
struct Floor {
    hour: i64,
    anon: i64,
    waiting: i64,
}

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    let daemon = scene.row("pmta_memory", "process", "pmtad");
    let waiting = scene.row("pmta_queues", "kind", "smtp").and_then(|row| number(row, "recipients"));
    let (Some(anon), Some(waiting)) = (daemon.and_then(|row| number(row, "anon_bytes")), waiting) else {
        return;
    };
    let hour = scene.now.div_euclid(3_600);
    let now = Floor { hour, anon: anon as i64, waiting: waiting as i64 };
    let mut floors: Vec<Floor> = recall(memory, FLOORS)
        .chunks_exact(3)
        .filter_map(|three| match three {
            [hour, anon, waiting] => Some(Floor { hour: *hour, anon: *anon, waiting: *waiting }),
            _ => None,
        })
        .filter(|floor| floor.hour <= hour)
        .collect();
    match floors.last_mut().filter(|last| last.hour == hour) {
        Some(last) if now.anon < last.anon => *last = now,
        Some(_) => {}
        None => floors.push(now),
    }
    let first = floors.len().saturating_sub(KEPT);
    floors.drain(..first);
    let numbers: Vec<i64> = floors.iter().flat_map(|floor| [floor.hour, floor.anon, floor.waiting]).collect();
    write_down(memory, FLOORS, &numbers);
    // The hour that is not over has no floor yet.
    floors.pop();
    report.symptoms.extend(judge(&floors));
}

fn judge(floors: &[Floor]) -> Option<Symptom> {
    let last = floors.len().checked_sub(HOURS).and_then(|at| floors.get(at..))?;
    let (first, end) = (last.first()?, last.last()?);
    let in_a_row = end.hour - first.hour == HOURS as i64 - 1;
    let rises = last.windows(2).all(|pair| matches!(pair, [a, b] if b.anon > a.anon));
    let (was, now) = (first.anon as f64, end.anon as f64);
    let much = now - was >= RISE_BYTES && now >= was * (1.0 + RISE);
    let queue = end.waiting as f64 > first.waiting as f64 * QUEUE_GREW + 1_000.0;
    let level = match (in_a_row && rises && much && !queue, rises) {
        (true, _) => Level::Bad(Severity::Warning),
        (false, true) => Level::Between,
        (false, false) => Level::Fine,
    };
    let symptom = Symptom::new("", level, 0, 0).measured(Unit::Bytes, Some(was), now).unsure();
    Some(Symptom { n: HOURS as i64, recipients: Some(end.waiting), ..symptom }.told(
        format!(
            "pmtad's memory rose every hour for {HOURS} hours, from {} to {}, while its queue did not grow ({} to {} recipients)",
            bytes(was), bytes(now), first.waiting, end.waiting
        ),
        "Plan a restart of PowerMTA in a quiet hour before the kernel chooses one; report it to support with the version, and look whether it began with a new version or directive.",
    ))
}
