//! Mail that will bounce as expired soon: how many, and when, at the pace at which old mail leaves
//! now. It counts nothing itself.

use super::super::{Level, Report, Scene, Signal, Symptom, number};
use crate::record::{Memory, Unit};

pub const SIGNAL: Signal = Signal {
    name: "expiry",
    about: "recipients will bounce as expired within hours",
    source: "accounting",
    beneath_down: true,
    look,
};

/// Some dead domains expire every day.
const SOME: f64 = 100.0;
const MANY: f64 = 1_000.0;
const FEW: f64 = 50.0;

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    let known = super::gather(scene, &super::round(scene, memory));
    let waiting = scene.row("pmta_queues", "kind", "smtp").and_then(|row| number(row, "recipients"));
    if known.is_empty() && waiting.is_some_and(|waiting| waiting >= super::MANY) {
        report.cannot_see(super::UNSEEN);
    }
    for ((provider, _), known) in known.iter().filter(|((_, queue), _)| queue.is_empty()) {
        let (expiring, soonest) = (known.expiring, known.soonest / 3_600.0);
        let ahead = (super::ages::AHEAD as f64).min(known.bounce_after / 4.0) / 3_600.0;
        let about = if known.counted { "at least" } else { "about" };
        let why = if known.counted { ", counted by PowerMTA in queues that fail as a whole" } else { "" };
        let level = Level::above(expiring, FEW, SOME, MANY);
        let symptom = Symptom::new("", level, 0, 600)
            .measured(Unit::Recipients, None, expiring)
            .told(
                format!(
                    "[{provider}] {about} {expiring:.0} recipients expire in {ahead:.0} hours, the first in {soonest:.0} (bounce-after is {:.0} hours{why})",
                    known.bounce_after / 3_600.0
                ),
                "Raise bounce-after in its <domain> and reload before the first goes, or mend what it is refused for (finding deferral-ratio); what has bounced as expired must be sent again.",
            )
            .unsure();
        report.symptoms.push(Symptom {
            provider: provider.clone(),
            recipients: Some(expiring as i64),
            ..symptom
        });
    }
}
