//! Memory and descriptors of pmtad: what slows it (swap, pressure) and what will stop it.

use super::{Level, Report, Scene, Signal, Symptom, bytes, number};
use crate::record::{Memory, Sample, Unit, tag};

pub const SIGNAL: Signal = Signal {
    name: "memory",
    about: "PowerMTA swaps, waits for memory, or nears a limit of memory or descriptors",
    source: "process",
    beneath_down: true,
    look,
};

/// A tenth swapped out is more than what is never used.
const SWAPPED: f64 = 0.10;
const SWAPPED_FINE: f64 = 0.05;
const SWAPPED_BYTES: f64 = 50e6;
/// From a fifth of the time on, waiting for memory shows in every delivery.
const PRESSURE: (f64, f64, f64) = (0.10, 0.20, 0.50);
const DESCRIPTORS: (f64, f64, f64) = (0.70, 0.80, 0.95);
/// Of what the control group may use; at the end the kernel kills, and no swap helps.
const GRANTED: (f64, f64, f64) = (0.80, 0.90, 0.97);
/// Below so many recipients the daemon's own size decides.
const ENOUGH: f64 = 1_000.0;

fn look(scene: &Scene<'_>, _memory: &mut dyn Memory, report: &mut Report) {
    if let Some(daemon) = scene.row("pmta_memory", "process", "pmtad") {
        report.symptoms.extend(swap(daemon));
        report.symptoms.extend(granted(daemon));
        let waiting = scene.row("pmta_queues", "kind", "smtp").and_then(|row| number(row, "recipients"));
        if let (Some(anon), Some(waiting)) = (number(daemon, "anon_bytes"), waiting)
            && waiting >= ENOUGH
        {
            let each = Sample::new("pmta_memory").tag("process", "pmtad");
            report.samples.push(each.int("bytes_per_recipient", (anon / waiting) as i64));
        }
    }
    // Whoever is nearest to its limit stands for all of them.
    let ratio = |symptom: &Symptom| symptom.now.unwrap_or(0.0);
    let nearest = scene.rows("pmta_memory").filter_map(descriptors);
    let nearest = nearest.max_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    report.symptoms.extend(nearest);
    let pressure = scene.rows("pmta_memory").find_map(|row| number(row, "psi_some_avg10_ratio"));
    report.symptoms.extend(pressure.map(|share| {
        let (fine, warning, critical) = PRESSURE;
        let symptom = Symptom::new("pressure", Level::above(share, fine, warning, critical), 60, 60);
        symptom.measured(Unit::Ratio, None, share).told(
            format!("Programs of this host wait for memory {:.0}% of the time", share * 100.0),
            "Find what grew (`ps --sort=-rss`); lower max-memory-usage-percent or give the host more memory before the kernel kills a process.",
        )
    }));
}

fn swap(daemon: &Sample) -> Option<Symptom> {
    let (swapped, resident) = (number(daemon, "swap_bytes")?, number(daemon, "rss_bytes")?);
    let share = if swapped < SWAPPED_BYTES { 0.0 } else { swapped / (swapped + resident) };
    let symptom = Symptom::new("swap", Level::above(share, SWAPPED_FINE, SWAPPED, f64::INFINITY), 60, 300);
    Some(symptom.measured(Unit::Bytes, None, swapped).told(
        format!("{} of pmtad ({:.0}%) is swapped out: every queue waits for the disk", bytes(swapped), share * 100.0),
        "Free memory for PowerMTA (other programs, vm.swappiness=1), then restart it in a quiet hour so that it is resident again.",
    ))
}

fn granted(daemon: &Sample) -> Option<Symptom> {
    let (used, most) = (number(daemon, "cgroup_bytes")?, number(daemon, "cgroup_max_bytes")?);
    let (fine, warning, critical) = GRANTED;
    let symptom = Symptom::new("limit", Level::above(used / most, fine, warning, critical), 60, 60);
    Some(symptom.measured(Unit::Ratio, None, used / most).told(
        format!("PowerMTA's control group uses {} of the {} of memory that it may: at the limit the kernel kills pmtad", bytes(used), bytes(most)),
        "Raise MemoryMax of its unit (`systemctl show pmta -p MemoryMax`), or lower max-memory-usage-percent, which goes by the host's memory and not by the group's.",
    ))
}

fn descriptors(process: &Sample) -> Option<Symptom> {
    let (open, most) = (number(process, "descriptors")?, number(process, "descriptors_max")?);
    let name = tag(&process.tags, "process");
    if most <= 0.0 {
        return None;
    }
    let (fine, warning, critical) = DESCRIPTORS;
    let symptom = Symptom::new("descriptors", Level::above(open / most, fine, warning, critical), 0, 120);
    Some(symptom.measured(Unit::Ratio, None, open / most).told(
        format!("{name} has {open:.0} of {most:.0} file descriptors open; without one it can neither accept nor connect"),
        "Raise LimitNOFILE of the unit (or `ulimit -n` in its init script) and restart PowerMTA; lower total-max-smtp-out until then.",
    ))
}
