//! Memory in pieces: what pmtad takes for each waiting recipient against the least that it took for as
//! long a queue in seven days, and free memory of the kernel that is there and cannot be used at once.

use super::{Level, Report, Scene, Signal, Symptom, bytes, number};
use crate::record::{Memory, Sample, Seconds, Severity, Unit, tag};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const SIGNAL: Signal = Signal {
    name: "fragmentation",
    about: "pmtad takes more memory for each recipient than it used to, or free memory is in pieces",
    source: "process",
    beneath_down: true,
    look,
};

/// Below so many recipients the daemon's own size decides.
const ENOUGH: f64 = 1_000.0;
/// Queues are compared with queues of the same length: four bands to a factor of two, so that the
/// daemon's own size alone makes no difference.
const BANDS: f64 = 4.0;
/// Twice as much is not the mix of messages; what that costs must be worth a line.
const FACTORS: (f64, f64, f64) = (1.5, 2.0, 4.0);
const COSTS: f64 = 300e6;
/// Hours in a row: a campaign's first hour takes what it gives back.
const HOURS: u32 = 3;
const DAY: Seconds = 86_400;
/// The kernel's index from which larger pieces can hardly be had, and the share of time that programs
/// wait meanwhile: without it pieces are harmless.
const PIECES: (f64, f64) = (0.7, 0.9);
const WAITS: (f64, f64) = (0.02, 0.05);
const HELD: Seconds = 600;
const NOTE: &str = "fragmentation";

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Known {
    /// The hour that runs: its band, the least for each recipient, and how many waited then.
    hour: i64,
    band: u8,
    least: f64,
    waiting: f64,
    /// The least of each band by day; what is not seen for seven days is forgotten.
    floors: BTreeMap<u8, BTreeMap<i64, f64>>,
    /// The last whole hour against its floor, and how many hours in a row were high.
    last: Option<Hour>,
    high: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Hour {
    floor: f64,
    least: f64,
    waiting: f64,
}

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    report.symptoms.extend(of_kernel(scene));
    let daemon = scene.row("pmta_memory", "process", "pmtad");
    let waiting = scene.row("pmta_queues", "kind", "smtp").and_then(|row| number(row, "recipients"));
    let (Some(anon), Some(waiting)) = (daemon.and_then(|row| number(row, "anon_bytes")), waiting) else {
        report
            .cannot_see("it takes pmtad's memory (/proc) and the number of waiting recipients (web monitor)");
        return;
    };
    let before: Known =
        memory.get(NOTE).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let mut known = before.clone();
    known.see(scene.now, anon, waiting);
    if known != before
        && let Ok(text) = serde_json::to_vec(&known)
    {
        memory.put(NOTE, &text);
    }
    report.symptoms.extend(known.last.map(|hour| of_daemon(hour, known.high)));
    let row = Sample::new("pmta_memory").tag("process", "pmtad");
    let floor = known.last.map(|hour| row.int("bytes_per_recipient_floor", hour.floor as i64));
    report.samples.extend(floor);
}

impl Known {
    fn see(&mut self, now: Seconds, anon: f64, waiting: f64) {
        let hour = now.div_euclid(3_600);
        if hour != self.hour {
            self.close(hour);
        }
        if waiting < ENOUGH {
            return;
        }
        let band = (waiting.log2() * BANDS).floor().clamp(0.0, 255.0) as u8;
        let each = anon / waiting;
        // The longest queue of the hour speaks for it.
        if band > self.band || band == self.band && each < self.least {
            (self.band, self.least, self.waiting) = (band, each, waiting);
        }
    }

    /// Takes in the hour that is over.
    fn close(&mut self, hour: i64) {
        let (closed, band) = (self.hour, self.band);
        self.hour = hour;
        let day = closed * 3_600 / DAY;
        for floors in self.floors.values_mut() {
            floors.retain(|seen, _| day - seen < 7);
        }
        self.floors.retain(|_, floors| !floors.is_empty());
        let seen = Hour { floor: 0.0, least: self.least, waiting: self.waiting };
        (self.band, self.least, self.waiting) = (0, 0.0, 0.0);
        if band == 0 {
            return;
        }
        let floors = self.floors.entry(band).or_default();
        let least = floors.entry(day).or_insert(seen.least);
        *least = seen.least.min(*least);
        let floor = floors.values().copied().fold(f64::INFINITY, f64::min);
        let seen = Hour { floor, ..seen };
        let high = seen.is_high(FACTORS.1);
        self.high = if high { self.high.saturating_add(1) } else { 0 };
        self.last = Some(seen);
    }
}

impl Hour {
    fn ratio(&self) -> f64 {
        self.least / self.floor.max(1.0)
    }

    fn is_high(&self, factor: f64) -> bool {
        self.ratio() >= factor && (self.least - self.floor) * self.waiting >= COSTS
    }
}

fn of_daemon(hour: Hour, high: u32) -> Symptom {
    let (fine, _, warning) = FACTORS;
    let level = if high >= HOURS {
        let severity = if hour.is_high(warning) { Severity::Warning } else { Severity::Info };
        Level::Bad(severity)
    } else if hour.is_high(fine) {
        Level::Between
    } else {
        Level::Fine
    };
    let symptom =
        Symptom::new("per-recipient", level, 0, 0).measured(Unit::Bytes, Some(hour.floor), hour.least);
    let symptom = Symptom { n: i64::from(high), recipients: Some(hour.waiting as i64), ..symptom.unsure() };
    symptom.told(
        format!(
            "pmtad takes {} for each of {:.0} waiting recipients, for {high} hours {:.1} times the least for so long a queue in seven days ({})",
            bytes(hour.least), hour.waiting, hour.ratio(), bytes(hour.floor)
        ),
        "Memory in pieces, or larger messages than before: compare the mean size in `pmta show status`; if that is the same, plan a restart in a quiet hour, after which the least returns (if it does not, a new version or directive needs more).",
    )
}

fn of_kernel(scene: &Scene<'_>) -> Option<Symptom> {
    let mut rows = scene.rows("pmta_memory").filter(|row| tag(&row.tags, "process").is_empty());
    let host = rows.find(|row| row.field("fragmentation_index").is_some())?;
    // A kernel that does not say how long programs wait leaves it unknown.
    let (index, waits) =
        (number(host, "fragmentation_index")? / 1_000.0, number(host, "psi_some_avg10_ratio")?);
    let level = if index >= PIECES.1 && waits >= WAITS.1 {
        Level::Bad(Severity::Warning)
    } else if index >= PIECES.0 && waits >= WAITS.0 {
        Level::Between
    } else {
        Level::Fine
    };
    let symptom = Symptom::new("kernel", level, HELD, HELD).measured(Unit::Ratio, None, index);
    Some(symptom.told(
        format!(
            "Free memory is in pieces (the kernel's index is {index:.2} of 1) and programs wait for memory {:.0}% of the time: network buffers must wait until the kernel has made room",
            waits * 100.0
        ),
        "`sysctl vm.compact_memory=1` once helps for a while; raise vm.min_free_kbytes to one to three per cent of the memory and set transparent huge pages to madvise, so that it does not come back.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each hour's memory in MB and queue; how many hours were high at the end.
    fn hours(hours: &[(f64, f64)]) -> u32 {
        let mut known = Known::default();
        for (hour, (anon, waiting)) in (1_000_i64..).zip(hours) {
            known.see(hour * 3_600, anon * 1e6, *waiting);
        }
        known.see((1_000 + hours.len() as i64) * 3_600, 0.0, 0.0);
        known.high
    }

    #[test]
    fn only_a_queue_of_the_same_length_is_compared() {
        let quiet = [(200.0, 50_000.0); 4];
        let with = |more: &[(f64, f64)]| hours(&[&quiet, more].concat());
        assert_eq!(with(&[(900.0, 50_000.0); 3]), 3);
        assert_eq!(with(&[(900.0, 50_000.0), (200.0, 50_000.0)]), 0, "it came back");
        assert_eq!(with(&[(900.0, 200_000.0); 3]), 0, "four times the queue");
        assert_eq!(with(&[(900.0, 400.0); 3]), 0, "hardly a queue");
        assert_eq!(with(&[(390.0, 50_000.0); 3]), 0, "not twice as much");
        assert_eq!(hours(&[(20.0, 5_000.0), (60.0, 5_000.0), (60.0, 5_000.0)]), 0, "three times of little");
    }

    #[test]
    fn a_floor_is_forgotten_after_seven_days() {
        let mut known = Known::default();
        for (day, anon) in (10_i64..).zip([200.0, 900.0, 900.0, 900.0, 900.0, 900.0, 900.0, 900.0, 900.0]) {
            known.see(day * DAY, anon * 1e6, 50_000.0);
        }
        assert_eq!(known.floors.values().map(BTreeMap::len).sum::<usize>(), 7);
        assert_eq!(known.high, 0, "what lasts for a week is usual");
    }
}
