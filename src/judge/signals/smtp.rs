//! Does PowerMTA take mail: its SMTP listeners as the minute's probe found them.

use super::{Level, Report, Scene, Signal, Symptom, listed, number};
use crate::record::{Memory, Sample, Severity, Unit};

pub const SIGNAL: Signal = Signal {
    name: "smtp",
    about: "an SMTP listener does not greet, or greets and refuses mail",
    source: "smtp",
    beneath_down: true,
    look,
};

/// Two probes, a minute apart: one alone may have met a restart.
const HOLD: i64 = 50;

fn look(scene: &Scene<'_>, _memory: &mut dyn Memory, report: &mut Report) {
    let probes: Vec<_> =
        scene.rows("pmta_smtp_probe").filter_map(|row| Some((row, number(row, "up")?))).collect();
    if probes.is_empty() {
        return;
    }
    report.symptoms.push(silent(scene, &probes));
    let offered = || probes.iter().filter_map(|(row, _)| Some((&row.tags, number(row, "accepts")?)));
    if offered().next().is_some() {
        let refusing = || offered().filter(|(_, accepts)| *accepts <= 0.0).map(|(tags, _)| tags);
        let many = refusing().count() as f64;
        let level = if many > 0.0 { Level::Bad(Severity::Critical) } else { Level::Fine };
        let symptom = Symptom::new("refuses", level, HOLD, 0).measured(Unit::Count, Some(0.0), many).told(
            format!("PowerMTA greets but takes no mail: {} answers our recipient with 4xx", listed(refusing(), "listener")),
            "452 4.3.2 is memory (max-memory-usage-percent), a full spool or a full disk (min-free-space): look at the findings spool, disk and memory; feeders get the same answer.",
        );
        report.symptoms.push(Symptom { n: probes.len() as i64, ..symptom });
    }
}

fn silent(scene: &Scene<'_>, probes: &[(&Sample, f64)]) -> Symptom {
    let silent = || probes.iter().filter(|(_, up)| *up <= 0.0).map(|(row, _)| &row.tags);
    let many = silent().count();
    // One of several: feeders that use another one go on.
    let (level, what) = match many {
        0 => return Symptom::new("", Level::Fine, HOLD, 0),
        _ if many == probes.len() => (Level::Bad(Severity::Critical), "PowerMTA takes no mail".to_owned()),
        _ => {
            (Level::Bad(Severity::Warning), format!("{many} of {} SMTP listeners take no mail", probes.len()))
        }
    };
    let names = listed(silent(), "listener");
    let running = scene.rows("pmta").any(|row| number(row, "running") == Some(1.0));
    let while_running = if running { " while PowerMTA says that it is running" } else { "" };
    let symptom = Symptom::new("", level, HOLD, 0).measured(Unit::Count, Some(0.0), many as f64).told(
        format!("{what}: {names} does not greet{while_running}"),
        "Connect by hand (`telnet HOST PORT`): refused means that nothing listens (look at smtp-listener and the log), silence or 421 that every inbound connection or file descriptor is in use (total-max-smtp-in).",
    );
    Symptom { n: probes.len() as i64, ..symptom }
}
