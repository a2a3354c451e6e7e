//! Does PowerMTA take mail: its SMTP listeners as the minute's probe found them.

use super::{Level, Report, Scene, Signal, Symptom, listed, number};
use crate::record::{Memory, Severity, Unit};

pub const SIGNAL: Signal = Signal {
    name: "smtp",
    about: "an SMTP listener does not greet",
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
    let silent = || probes.iter().filter(|(_, up)| *up <= 0.0).map(|(row, _)| &row.tags);
    let many = silent().count();
    if many == 0 {
        report.symptoms.push(Symptom::new("", Level::Fine, HOLD, 0));
        return;
    }
    let names = listed(silent(), "listener");
    let running = scene.rows("pmta").any(|row| number(row, "running") == Some(1.0));
    let while_running = if running { " while PowerMTA says that it is running" } else { "" };
    let symptom = Symptom::new("", Level::Bad(Severity::Critical), HOLD, 0)
        .measured(Unit::Count, Some(0.0), many as f64)
        .told(
            format!("PowerMTA takes no mail: {names} does not greet{while_running}"),
            "Connect by hand (`telnet HOST PORT`): refused means that nothing listens (look at smtp-listener and the log), silence or 421 that every inbound connection or file descriptor is in use (total-max-smtp-in).",
        );
    report.symptoms.push(Symptom { n: probes.len() as i64, ..symptom });
}
