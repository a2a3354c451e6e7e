//! DKIM keys that are configured and cannot be used: mail goes out unsigned, and nobody is told.

use super::{Level, Report, Scene, Signal, Symptom, number};
use crate::record::{HIDDEN, Memory, Severity, Unit, Value};

pub const SIGNAL: Signal = Signal {
    name: "dkim",
    about: "a DKIM key file is missing, or pmtad may not read it",
    source: "dkim",
    beneath_down: false,
    look,
};

const MISSING: (&str, &str) = (
    "is not there",
    "Put the key back, or take its domain-key line out, and reload: mail of these domains leaves unsigned, and Gmail, Yahoo and Microsoft refuse bulk mail without DKIM.",
);
const UNREADABLE: (&str, &str) = (
    "cannot be read by pmtad",
    "`chgrp pmta FILE; chmod 640 FILE` (and let the group search its folders), then reload: mail of these domains leaves unsigned.",
);

fn look(scene: &Scene<'_>, _memory: &mut dyn Memory, report: &mut Report) {
    for (class, (what, action)) in [("dkim-missing", MISSING), ("dkim-unreadable", UNREADABLE)] {
        let Some(row) = scene.row(HIDDEN, "class", class) else { continue };
        let (Some(keys), Some(Value::Text(named))) = (number(row, "n"), row.field("text")) else { continue };
        let level = if keys > 0.0 { Level::Bad(Severity::Critical) } else { Level::Fine };
        let reason = class.strip_prefix("dkim-").unwrap_or(class);
        let symptom = Symptom::new(reason, level, 0, 0).measured(Unit::Count, Some(0.0), keys);
        let symptom = symptom.told(format!("DKIM key {named} {what} ({keys:.0} in all)"), action);
        report.symptoms.push(Symptom { n: keys as i64, ..symptom });
    }
}
