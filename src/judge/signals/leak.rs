//! Memory of pmtad that does not come back when the queue drains: each hour's floor against the
//! floors before it, and against the queue at that time.

use super::{Level, Report, Scene, Signal, Symptom, bytes, number, recall, write_down};
use crate::record::{Memory, Sample, Seconds, Severity, Unit};

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
/// A queue of this size shows in the daemon's memory.
const LARGE: i64 = 50_000;
const DRAINED_HOURS: usize = 3;
/// An allocator keeps some of what it was given; half of it after hours is worth a note.
const STAYED: f64 = 0.5;
const STAYED_FINE: f64 = 0.3;
const RESIDUE_BYTES: f64 = 300e6;
const DAY: Seconds = 86_400;
/// Day and least memory, oldest first.
const DAYS: &str = "leak/days";
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
        report
            .cannot_see("it takes pmtad's memory (/proc) and the number of waiting recipients (web monitor)");
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
    let floor = week(anon as i64, scene.now, memory);
    let row = Sample::new("pmta_memory").tag("process", "pmtad");
    report.samples.push(row.int("anon_floor_bytes", floor));
    report.symptoms.extend(residue(&floors, floor));
}

/// The least memory of the last seven days, this moment included.
fn week(anon: i64, now: Seconds, memory: &mut dyn Memory) -> i64 {
    let today = now.div_euclid(DAY);
    let mut days: Vec<(i64, i64)> = recall(memory, DAYS)
        .chunks_exact(2)
        .filter_map(|pair| match pair {
            [day, least] => Some((*day, *least)),
            _ => None,
        })
        .filter(|(day, _)| (today - 6..=today).contains(day))
        .collect();
    match days.last_mut().filter(|(day, _)| *day == today) {
        Some((_, least)) => *least = anon.min(*least),
        None => days.push((today, anon)),
    }
    let numbers: Vec<i64> = days.iter().flat_map(|(day, least)| [*day, *least]).collect();
    write_down(memory, DAYS, &numbers);
    days.iter().map(|(_, least)| *least).min().unwrap_or(anon)
}

/// How much of what a large queue took is still there hours after the queue is gone.
fn residue(floors: &[Floor], floor: i64) -> Option<Symptom> {
    let at = floors.len().checked_sub(DRAINED_HOURS)?;
    let (before, lately) = floors.split_at_checked(at)?;
    let (peak, last) = (before.iter().max_by_key(|floor| floor.waiting)?, lately.last()?);
    let took = (peak.anon - floor) as f64;
    let stayed = |hour: &Floor| (hour.anon - floor) as f64;
    let drained = peak.waiting >= LARGE && lately.iter().all(|hour| hour.waiting <= peak.waiting / 10);
    let share = stayed(last) / took.max(1.0);
    let level = if !drained || took < RESIDUE_BYTES || share < STAYED_FINE {
        Level::Fine
    } else if lately.iter().all(|hour| stayed(hour) >= took * STAYED) && stayed(last) >= RESIDUE_BYTES {
        Level::Bad(Severity::Info)
    } else {
        Level::Between
    };
    let symptom = Symptom::new("residue", level, 0, 0);
    let symptom = symptom.measured(Unit::Bytes, Some(floor as f64), last.anon as f64).unsure();
    Some(Symptom { n: DRAINED_HOURS as i64, recipients: Some(last.waiting), ..symptom }.told(
        format!(
            "{} of the {} that pmtad took for {} recipients are still there {DRAINED_HOURS} hours after the queue drained to {}; its least in seven days is {}",
            bytes(stayed(last)), bytes(took), peak.waiting, last.waiting, bytes(floor as f64)
        ),
        "Memory in pieces or a leak: watch whether the next campaign uses it again (then it is pieces, and harmless while there is enough) or adds to it (then finding leak follows, and a restart in a quiet hour helps).",
    ))
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
