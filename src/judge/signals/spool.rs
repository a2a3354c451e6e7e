//! The spool: is it loaded after a start, and how near is it to `maxRcp`, where feeders are
//! turned away.

use super::{Level, Report, Scene, Signal, Symptom, number};
use crate::record::{Memory, Sample, Severity, Unit};

pub const SIGNAL: Signal = Signal {
    name: "spool",
    about: "the spool is being loaded, or nearly full",
    source: "web",
    beneath_down: true,
    look,
};

/// From here on there is time to act before feeders get 4xx.
const NEARLY: f64 = 0.90;
const FULL: f64 = 0.98;
const FINE: f64 = 0.85;
/// A spool of millions is loaded within a quarter of an hour; longer is a slow disk.
const LONG: f64 = 900.0;

fn look(scene: &Scene<'_>, _memory: &mut dyn Memory, report: &mut Report) {
    let Some(spool) = scene.rows("pmta_spool").next() else { return };
    report.symptoms.extend(loading(scene, spool));
    report.symptoms.extend(filling(spool));
}

fn loading(scene: &Scene<'_>, spool: &Sample) -> Option<Symptom> {
    let loaded = number(spool, "init_ratio")?;
    let uptime = scene.rows("pmta").find_map(|row| number(row, "uptime_seconds"));
    let level = match uptime {
        _ if loaded >= 1.0 => Level::Fine,
        Some(uptime) if uptime > LONG => Level::Bad(Severity::Warning),
        _ => Level::Bad(Severity::Info),
    };
    let symptom = Symptom::new("initialising", level, 60, 0).measured(Unit::Ratio, Some(1.0), loaded);
    Some(symptom.told(
        format!("PowerMTA is still loading its spool: {:.0}% after its start", loaded * 100.0),
        "Wait; mail of the rest is not sent yet. If it takes longer than a quarter of an hour, look at the spool disk (`iostat -x`) before restarting again.",
    ))
}

fn filling(spool: &Sample) -> Option<Symptom> {
    let (now, max) = (number(spool, "recipients")?, number(spool, "recipients_max")?);
    if max <= 0.0 {
        return None;
    }
    let ratio = now / max;
    let symptom = Symptom::new("full", Level::above(ratio, FINE, NEARLY, FULL), 10, 60);
    let symptom = symptom.measured(Unit::Ratio, None, ratio);
    Some(Symptom { recipients: Some(now as i64), ..symptom }.told(
        format!("The spool holds {now:.0} of {max:.0} recipients ({:.0}%)", ratio * 100.0),
        "Slow the feeders down and find which provider's queue grows (pmta_queue): at the maximum PowerMTA refuses new mail with 4xx. Raise spool-max-recipients only if memory allows.",
    ))
}
