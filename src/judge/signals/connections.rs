//! SMTP connections against PowerMTA's own limit, each direction: a limit that binds looks like
//! a healthy, slow host.

use super::{Level, Report, Scene, Signal, Symptom, number};
use crate::record::{Memory, Severity, Unit, tag};

pub const SIGNAL: Signal = Signal {
    name: "connections",
    about: "inbound or outbound connections are at their maximum",
    source: "web",
    beneath_down: true,
    look,
};

/// A campaign's first minute may touch the limit.
const HOLD: i64 = 60;
const AT_LIMIT: f64 = 0.95;
const FINE: f64 = 0.85;

fn look(scene: &Scene<'_>, _memory: &mut dyn Memory, report: &mut Report) {
    let waiting = scene.row("pmta_queues", "kind", "smtp").and_then(|row| number(row, "recipients"));
    for row in scene.rows("pmta_connections") {
        let (Some(current), Some(max)) = (number(row, "current"), number(row, "max")) else { continue };
        if max <= 0.0 {
            continue;
        }
        let ratio = current / max;
        let direction = tag(&row.tags, "direction");
        let inbound = direction == "in";
        let mut level = Level::above(ratio, FINE, AT_LIMIT, f64::INFINITY);
        // Outbound connections all in use are no trouble when nothing waits for one.
        if !inbound && level == Level::Bad(Severity::Warning) && waiting == Some(0.0) {
            level = Level::Between;
        }
        let (harm, action) = if inbound {
            (
                "feeders are being turned away",
                "Find the source that holds most of them (`pmta show topdomains` shows none of it: use `ss -tn sport = :25`), limit it with max-smtp-in in its <source>, or raise total-max-smtp-in.",
            )
        } else {
            (
                "the limit, not the receivers, sets the pace",
                "Raise total-max-smtp-out if memory and descriptors allow (a standard licence stops at its own number), or lower max-smtp-out of the slowest provider, which holds connections that others need.",
            )
        };
        let symptom = Symptom::new(direction, level, HOLD, 60).measured(Unit::Ratio, None, ratio);
        report.symptoms.push(Symptom { n: current as i64, ..symptom }.told(
            format!("{current:.0} of {max:.0} {direction}bound SMTP connections are in use: {harm}"),
            action,
        ));
    }
}
