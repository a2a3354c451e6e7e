//! Whether the VMTAs get their share: deliveries of ten minutes against what each had to deliver,
//! and those that deliver nothing while others do.

use super::{Fate, Level, Report, Scene, Signal, Symptom, number};
use crate::classify::Reason;
use crate::judge::theory::jain;
use crate::ledger::windows::{Channel, HOST, Windows};
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
/// A third of the connections, three times its share of the deliveries, and not just a few.
const GREEDY: f64 = 1.0 / 3.0;
const PROPORTION: f64 = 3.0;
const FEW_CONNECTIONS: f64 = 20.0;
/// From here on others go without.
const SCARCE: f64 = 0.8;
const OTHERS_WAIT: f64 = 500.0;

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
    // For the signal alone: who they were for, and how many deliveries the shares are of.
    rows.extend(windows.keys().filter_map(|key| {
        let delivered = sum(key, Channel::Delivered);
        let name = windows.provider(key).filter(|_| key != HOST && delivered > 0)?.name.to_string();
        let row = Sample::new(HIDDEN).tag("class", "delivered-by").tag("provider", name);
        Some(row.int("n", i64::try_from(delivered).unwrap_or(i64::MAX)))
    }));
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
    if scene.fate("web") != Fate::Up {
        report.cannot_see("what waits in each VMTA is shown by the web monitor alone");
        return;
    }
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
    let hog = Hog::find(scene);
    report.symptoms.extend(hogged(scene, hog.as_ref()));
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
        format!("{} delivered nothing in ten minutes with {waiting:.0} recipients waiting, while the other VMTAs delivered {all:.0}{}", names.join(", "), hog.as_ref().map(|hog| format!("; {}", hog.words())).unwrap_or_default()),
        "Look at the last errors of its queues (`pmta show queues --vmta=NAME --errors`): a source address that is disabled, blocked or no longer on this host stalls a VMTA; `pmta enable source` brings it back.",
    ));
}

/// A provider whose queues hold connections out of proportion to what they deliver: the others
/// wait behind it.
struct Hog {
    provider: String,
    connections: f64,
    of: f64,
    delivered_share: f64,
}

impl Hog {
    fn find(scene: &Scene<'_>) -> Option<Hog> {
        let mut held: BTreeMap<&str, f64> = BTreeMap::new();
        for row in scene.rows("pmta_queue") {
            *held.entry(tag(&row.tags, "provider")).or_default() += number(row, "connections").unwrap_or(0.0);
        }
        let of: f64 = held.values().sum();
        let (provider, connections) = held.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let by = |row: &&Sample| tag(&row.tags, "class") == "delivered-by";
        let count = |row: &Sample| number(row, "n").unwrap_or(0.0);
        let all: f64 = scene.rows(HIDDEN).filter(by).map(count).sum();
        let its = scene.rows(HIDDEN).filter(by).filter(|row| tag(&row.tags, "provider") == provider);
        let delivered_share = its.map(count).sum::<f64>() / all.max(1.0);
        let share = connections / of.max(1.0);
        let out_of_proportion = share >= GREEDY && share >= PROPORTION * delivered_share;
        (connections >= FEW_CONNECTIONS && out_of_proportion).then(|| Hog {
            provider: provider.to_owned(),
            connections,
            of,
            delivered_share,
        })
    }

    fn words(&self) -> String {
        format!(
            "{} holds {:.0} of {:.0} connections for {:.0}% of the deliveries",
            self.provider,
            self.connections,
            self.of,
            self.delivered_share * 100.0
        )
    }
}

/// It is trouble when the connections run out and other mail waits for them.
fn hogged(scene: &Scene<'_>, hog: Option<&Hog>) -> Option<Symptom> {
    let out = scene.row("pmta_connections", "direction", "out")?;
    let used = number(out, "current")? / number(out, "max").filter(|max| *max > 0.0)?;
    let name = hog.map_or("", |hog| hog.provider.as_str());
    let others = scene
        .rows("pmta_queue")
        .filter(|row| tag(&row.tags, "provider") != name && number(row, "paused").unwrap_or(0.0) == 0.0);
    let waiting: f64 = others.filter_map(|row| number(row, "recipients")).sum();
    let bad = hog.is_some() && used >= SCARCE && waiting >= OTHERS_WAIT;
    let level = if bad { Level::Bad(Severity::Warning) } else { Level::Fine };
    let words = hog.map(Hog::words).unwrap_or_default();
    let symptom = Symptom::new("connections", level, HOLD, 300).measured(Unit::Ratio, None, used).told(
        format!("One slow provider stalls the others: {words}, {:.0}% of all outbound connections are in use, and {waiting:.0} recipients of others wait", used * 100.0),
        "Lower max-smtp-out in that provider's <domain> (and connect-timeout, data-send-timeout if it hangs); the others then get the connections.",
    );
    Some(Symptom { recipients: Some(waiting as i64), ..symptom })
}
