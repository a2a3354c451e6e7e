//! Is the queue more than the host can send: the active queue divided by the sending velocity,
//! against what is usual at the same velocity and at this time of day. It counts no record.

use super::{Level, Report, Scene, Signal, Symptom, number, recall, write_down};
use crate::judge::detectors::series::SeriesDetector;
use crate::judge::theory::quantile::Quantile;
use crate::record::{Memory, Sample, Seconds, Severity, Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const SIGNAL: Signal = Signal {
    name: "backpressure",
    about: "the active queue takes far longer to drain than usual at this velocity",
    source: "web",
    beneath_down: true,
    look,
};

const WINDOW: Seconds = 300;
const MOST_POINTS: usize = 40;
/// Less drains by itself before anybody has read of it.
const BACKLOG: f64 = 1_000.0;
const SHORTEST: f64 = 600.0;
/// Twice the usual time is the definition; eight times is no busy afternoon.
const FACTOR: f64 = 2.0;
const FAR: f64 = 8.0;
const FINE: f64 = 1.5;
const HOLD: Seconds = 600;
/// Three hours at this velocity are a baseline.
const GROWN: u32 = 36;
/// Nothing leaves at all, and new mail comes in: what only waits for a retry looks else the same.
const STALLED: Seconds = 300;
const STUCK: f64 = 100.0;
const FRESH: i64 = 10;
/// Times, what was sent and what was received by then: the last five minutes.
const POINTS: &str = "backpressure/points";
const BASELINE: &str = "backpressure/usual";
/// The time to drain of each five minutes, against the same time on seven days.
const SERIES: &str = "backpressure/series";
const WEEK: &str = "backpressure/week";

/// The usual time to drain by velocity: bands of a factor of two.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Baseline {
    /// The five minutes that entered last.
    bucket: i64,
    bands: BTreeMap<u8, Quantile>,
    /// What is usual at this time of day, once it was seen on three days.
    #[serde(default)]
    daily: Option<f64>,
    /// The series itself finds the last value strange.
    #[serde(default)]
    strange: bool,
}

/// What is usual now.
#[derive(Debug, Clone, Copy)]
struct Usual {
    drain: f64,
    /// The daily series finds it strange, too; `None` while it knows too little.
    strange: Option<bool>,
}

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    let total = |direction| {
        let row = scene.row("pmta_traffic", "direction", direction)?;
        number(row, "recipients_total").map(|total| total as i64)
    };
    let waiting = scene.row("pmta_queues", "kind", "smtp").and_then(|row| number(row, "recipients"));
    let (Some(sent), Some(waiting)) = (total("out"), waiting) else { return };
    let now = Point { at: scene.now, sent, received: total("in").unwrap_or(0) };
    let Some(base) = base(now, waiting, memory) else { return };
    let listed = |paused: f64| {
        let rows = scene.rows("pmta_queue").filter(|row| number(row, "paused").unwrap_or(0.0) == paused);
        rows.filter_map(|row| number(row, "recipients")).sum::<f64>()
    };
    let velocity = (now.sent - base.sent) as f64 / (now.at - base.at) as f64;
    let row = Sample::new("pmta_drain").int("recipients_per_minute", (velocity * 60.0).round() as i64);
    let stuck = velocity <= 0.0 && now.received - base.received >= FRESH && listed(0.0) >= STUCK;
    report.symptoms.push(stalled(stuck, listed(0.0), now.at - base.at));
    if velocity <= 0.0 {
        report.samples.push(row);
        return;
    }
    // What an operator paused is no pressure.
    let active = (waiting - listed(1.0)).max(0.0);
    let drain = active / velocity;
    let band = (velocity * 60.0).max(1.0).log2().round().min(40.0) as u8;
    let usual = usual(scene.now, band, drain, memory);
    let row = row.float("to_empty_seconds", drain);
    report.samples.push(match usual {
        Some(usual) => row.float("usual_seconds", usual.drain),
        None => row,
    });
    report.symptoms.extend(usual.map(|usual| pressed(active, velocity, drain, usual)));
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    at: Seconds,
    sent: i64,
    received: i64,
}

/// The counters five minutes ago, or half of that while less is known.
fn base(now: Point, waiting: f64, memory: &mut dyn Memory) -> Option<Point> {
    let kept = recall(memory, POINTS);
    let mut points: Vec<Point> = kept
        .chunks_exact(3)
        .filter_map(|three| match three {
            [at, sent, received] => Some(Point { at: *at, sent: *sent, received: *received }),
            _ => None,
        })
        .filter(|point| (1..=2 * WINDOW).contains(&(now.at - point.at)) && point.sent <= now.sent)
        .collect();
    let old = points.iter().rev().find(|point| now.at - point.at >= WINDOW).or_else(|| points.first());
    let base = old.copied().filter(|point| now.at - point.at >= WINDOW / 2);
    let idle = waiting < STUCK && points.last().is_some_and(|last| last.sent == now.sent);
    if !idle && points.last().is_none_or(|last| now.at - last.at >= WINDOW / 20) {
        points.push(now);
        let first = points.len().saturating_sub(MOST_POINTS);
        let flat: Vec<i64> =
            points.iter().skip(first).flat_map(|point| [point.at, point.sent, point.received]).collect();
        write_down(memory, POINTS, &flat);
    }
    base
}

/// What is usual in this band, once three hours of it were seen, or at this time of day, whichever is
/// longer: a campaign of every night is no pressure. A pressed bucket enters a band as the usual one
/// does, so that a long jam does not become the rule within a day.
fn usual(now: Seconds, band: u8, drain: f64, memory: &mut dyn Memory) -> Option<Usual> {
    let mut baseline: Baseline =
        memory.get(BASELINE).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let known = baseline.bands.get(&band).copied().filter(|known| known.seen >= GROWN);
    let of_band = known.map(|known| known.value.max(SHORTEST / FACTOR));
    let bucket = now.div_euclid(300);
    if bucket > baseline.bucket {
        let sample = of_band.map_or(drain, |usual| drain.min(FACTOR * usual));
        // A week of five-minute buckets remembers about the last day of a band.
        baseline.bands.entry(band).or_default().update(sample.max(1.0), 0.5, 0.02);
        (baseline.daily, baseline.strange) = enter(bucket - baseline.bucket, drain, memory);
        baseline.bucket = bucket;
        if let Ok(text) = serde_json::to_vec(&baseline) {
            memory.put(BASELINE, &text);
        }
    }
    let strange = baseline.daily.map(|_| baseline.strange);
    of_band.map(|drain| Usual { drain: baseline.daily.map_or(drain, |daily| drain.max(daily)), strange })
}

/// One more five minutes of the series, so many after the last ones: what was usual for them, and
/// whether they are strange.
fn enter(buckets: i64, drain: f64, memory: &mut dyn Memory) -> (Option<f64>, bool) {
    let kept = memory.get(SERIES).and_then(|text| serde_json::from_slice::<SeriesDetector>(&text).ok());
    let week = memory.get(WEEK).unwrap_or_default();
    let mut series = match kept {
        // Longer ago than a week is another life.
        Some(kept) if (1..=2_016).contains(&buckets) => kept.with_week(&week),
        _ => SeriesDetector::default(),
    };
    (1..buckets.min(2_016)).for_each(|_| {
        series.next(None, 0.0);
    });
    let daily = series.usual();
    series.next(Some(drain), 0.0);
    if let Ok(text) = serde_json::to_vec(&series) {
        memory.put(SERIES, &text);
        memory.put(WEEK, &series.week());
    }
    (daily, series.is_open())
}

fn pressed(active: f64, velocity: f64, drain: f64, usual: Usual) -> Symptom {
    let Usual { drain: usual, strange } = usual;
    let ratio = drain / usual;
    let level = if active < BACKLOG || drain < SHORTEST {
        Level::Fine
    } else {
        Level::above(ratio, FINE, FACTOR, FAR)
    };
    let symptom = Symptom::new("", level, HOLD, 600).measured(Unit::Seconds, Some(usual), drain).told(
        format!(
            "{active:.0} active recipients at {:.0} a minute take {:.0} minutes to drain, {ratio:.1} times as long as usual at this velocity ({:.0} minutes)",
            velocity * 60.0,
            drain / 60.0,
            usual / 60.0
        ),
        "See which provider's queues grow (pmta_queue) and what limits them (findings deferral-ratio, throttle, connections); slow the feeders down before the spool fills.",
    );
    // What the series of the last days does not find strange may be a slow change of the traffic.
    let symptom = if strange == Some(false) { symptom.unsure() } else { symptom };
    Symptom { recipients: Some(active as i64), n: active as i64, ..symptom }
}

fn stalled(stuck: bool, active: f64, span: Seconds) -> Symptom {
    let level = if stuck { Level::Bad(Severity::Critical) } else { Level::Fine };
    let symptom = Symptom::new("stalled", level, STALLED, 60)
        .measured(Unit::Recipients, Some(0.0), active)
        .told(
            format!("Nothing has been sent for {} minutes, while mail comes in and {active:.0} recipients wait in queues that are not paused", (span + STALLED) / 60),
            "Look at DNS (finding dns), at the network and at the newest errors (`pmta show topqueues --errors`); if queues show no errors and no connections, pmtad hangs.",
        );
    Symptom { recipients: Some(active as i64), n: active as i64, ..symptom }
}
