//! Whether the VMTAs get their share: deliveries of ten minutes against what each had to deliver,
//! and those that deliver nothing while others do.

use super::{Level, Report, Scene, Signal, Symptom, number};
use crate::classify::Reason;
use crate::judge::theory::jain;
use crate::ledger::windows::{Channel, Windows};
use crate::record::{HIDDEN, Memory, Sample, Seconds, Severity, Unit, tag};
use std::collections::BTreeMap;

pub const SIGNAL: Signal = Signal {
    name: "fairness",
    about: "VMTAs with waiting mail deliver nothing while others do",
    source: "accounting",
    beneath_down: true,
    look,
};

const WINDOW: Seconds = 600;
/// Fewer waiting recipients may just have come.
const BACKLOG: f64 = 100.0;
/// Others deliver: the host as a whole works.
const OTHERS: f64 = 50.0;
/// A retry period must pass before silence means anything.
const HOLD: Seconds = 600;
const MOST: usize = 100;

/// The share of each VMTA in all deliveries of the last ten minutes.
pub fn rows(windows: &Windows, at: Seconds) -> Vec<Sample> {
    let sum = |key, channel| windows.sum(key, channel, at - WINDOW, at);
    let mut delivered: BTreeMap<String, u64> = BTreeMap::new();
    for key in windows.keys().filter(|key| sum(*key, Channel::Attempts) > 0) {
        let reasons: Vec<Reason> =
            Reason::ALL.into_iter().filter(|reason| sum(key, Channel::Reason(*reason)) > 0).collect();
        for number in 0..windows.vmtas() {
            let tried = sum(key, Channel::Vmta(number));
            if tried == 0 {
                continue;
            }
            let refused: u64 =
                reasons.iter().map(|reason| sum(key, Channel::ReasonVmta(*reason, number))).sum();
            *delivered.entry(windows.vmta(number)).or_default() += tried.saturating_sub(refused);
        }
    }
    let all: u64 = delivered.values().sum();
    if all == 0 {
        return Vec::new();
    }
    let share = |(vmta, delivered): (String, u64)| {
        Sample::new("pmta_fairness").tag("vmta", vmta).float("share_ratio", delivered as f64 / all as f64)
    };
    let mut rows: Vec<Sample> = delivered.into_iter().take(MOST).map(share).collect();
    // For the signal alone: how many deliveries the shares are of.
    rows.push(Sample::new(HIDDEN).tag("class", "delivered").int("n", all as i64));
    rows
}

/// A VMTA with waiting mail, as pages and records show it together.
struct Lane {
    vmta: String,
    waiting: f64,
    delivered: f64,
    paused: bool,
}

fn look(scene: &Scene<'_>, _memory: &mut dyn Memory, report: &mut Report) {
    let Some(all) = scene.row(HIDDEN, "class", "delivered").and_then(|row| number(row, "n")) else {
        return;
    };
    let share = |vmta: &str| {
        scene.row("pmta_fairness", "vmta", vmta).and_then(|row| number(row, "share_ratio")).unwrap_or(0.0)
    };
    let queues = |vmta: &str, paused: f64| {
        let of = scene.rows("pmta_queue").filter(|row| tag(&row.tags, "vmta") == vmta);
        let of = of.filter(|row| number(row, "paused").unwrap_or(0.0) == paused);
        of.filter_map(|row| number(row, "recipients")).sum::<f64>()
    };
    let lanes: Vec<Lane> = scene
        .rows("pmta_vmta")
        .filter_map(|row| {
            let vmta = tag(&row.tags, "vmta").to_owned();
            let delivered = share(&vmta) * all;
            // What an operator paused is his decision and no unfairness.
            let paused = queues(&vmta, 1.0) > 0.0 && queues(&vmta, 0.0) < BACKLOG;
            Some(Lane { waiting: number(row, "recipients")?, delivered, paused, vmta })
        })
        .collect();
    let busy = || lanes.iter().filter(|lane| !lane.paused && lane.waiting + lane.delivered > 0.0);
    let got: Vec<f64> = busy().map(|lane| lane.delivered / (lane.delivered + lane.waiting)).collect();
    let stalled: Vec<&Lane> = busy().filter(|lane| lane.waiting >= BACKLOG && lane.delivered < 1.0).collect();
    if let Some(index) = jain::index(&got) {
        let row = Sample::new("pmta_fairness").float("jain_index", index);
        report.samples.push(row.int("stalled_vmtas", stalled.len() as i64));
    }
    let level = if stalled.is_empty() {
        Level::Fine
    } else if all >= OTHERS {
        Level::Bad(Severity::Warning)
    } else {
        Level::Between
    };
    let names: Vec<&str> = stalled.iter().map(|lane| lane.vmta.as_str()).take(5).collect();
    let waiting: f64 = stalled.iter().map(|lane| lane.waiting).sum();
    let symptom = Symptom::new("", level, HOLD, 60).measured(Unit::Count, Some(0.0), stalled.len() as f64);
    let recipients = Some(waiting as i64);
    report.symptoms.push(Symptom { recipients, n: all as i64, ..symptom }.told(
        format!("{} delivered nothing in ten minutes with {waiting:.0} recipients waiting, while the other VMTAs delivered {all:.0}{}", names.join(", "), hog(scene)),
        "Look at the last errors of its queues (`pmta show queues --vmta=NAME --errors`): a source address that is disabled, blocked or no longer on this host stalls a VMTA; `pmta enable source` brings it back.",
    ));
}

/// The provider that holds more than half of all connections, if any: others wait behind it.
fn hog(scene: &Scene<'_>) -> String {
    let mut held: BTreeMap<&str, f64> = BTreeMap::new();
    for row in scene.rows("pmta_queue") {
        *held.entry(tag(&row.tags, "provider")).or_default() += number(row, "connections").unwrap_or(0.0);
    }
    let all: f64 = held.values().sum();
    let most = held.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    match most {
        Some((provider, connections)) if connections >= 20.0 && connections > all / 2.0 => {
            format!("; {provider} holds {connections:.0} of {all:.0} connections")
        }
        _ => String::new(),
    }
}
