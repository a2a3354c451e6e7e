//! What PowerMTA's own logs say that somebody should read: one finding for each class with its line,
//! never one per line.

use super::{Level, Report, Scene, Signal, Symptom, number};
use crate::record::{HIDDEN, Memory, Severity, Unit, Value, tag};
use std::collections::BTreeMap;

pub const SIGNAL: Signal = Signal {
    name: "pmta-log",
    about: "PowerMTA's log tells of trouble",
    source: "pmta_log",
    beneath_down: false,
    look,
};

/// What was not written again for ten minutes is over.
const CALM: i64 = 600;
/// The totals at the last look; absent before the first.
const TOTALS: &str = "pmta-log";

use Severity::{Critical, Info, Warning};

/// Class, severity, what it means, what to do.
#[rustfmt::skip]
const CLASSES: &[(&str, Severity, &str, &str)] = &[
    ("startup", Critical, "PowerMTA could not start as it is configured", "Mend the line that it names (`pmta test config` shows the next one, too), then start it: until then no mail leaves."),
    ("license", Warning, "PowerMTA complains of its licence", "Look at `pmta show license`; put the new key in place before the old one ends."),
    ("disk", Critical, "PowerMTA lacks disk space", "Make room on the disk of spool, log and accounting files (`df -h`, `df -i`): below min-free-space it takes no mail."),
    ("descriptors", Critical, "PowerMTA ran out of file descriptors", "Raise LimitNOFILE of its unit and restart it; lower total-max-smtp-out until then."),
    ("memory", Critical, "PowerMTA could not get memory", "Find what took it (`ps --sort=-rss`); lower max-memory-usage-percent or give the host more."),
    ("panic", Critical, "A program wrote into its panic log", "Read the whole log: it is written only for what must not happen, and grows until somebody empties it."),
    ("pipe", Warning, "A program that PowerMTA hands mail or records to fails", "Start the program by hand as pmtad's user; its mail waits, and its records are lost."),
    ("source-disabled", Warning, "PowerMTA disabled a source address", "Look at `pmta show disabled sources` and at that address's refusals; `pmta enable source IP D/V` takes it back, reenable-source-ip-after does so by itself."),
    ("backoff", Info, "Queues went into backoff mode", "Nothing, while it ends by itself: look at finding deferral-ratio for the provider's reason."),
];

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    let rows = scene.rows("pmta_log");
    let totals: BTreeMap<String, i64> = rows
        .filter_map(|row| Some((tag(&row.tags, "class").to_owned(), number(row, "total")? as i64)))
        .filter(|(class, _)| CLASSES.iter().any(|(known, ..)| known == class))
        .collect();
    if totals.is_empty() {
        return;
    }
    let kept = memory.get(TOTALS);
    let before: Option<BTreeMap<String, i64>> = kept.and_then(|text| serde_json::from_slice(&text).ok());
    if before.as_ref() != Some(&totals)
        && let Ok(text) = serde_json::to_vec(&totals)
    {
        memory.put(TOTALS, &text);
    }
    // What was written before anybody looked is no news.
    let Some(before) = before else { return };
    for (class, severity, what, action) in CLASSES {
        let new = totals.get(*class).copied().unwrap_or(0) - before.get(*class).copied().unwrap_or(0);
        if new <= 0 {
            report.symptoms.push(Symptom::new(class, Level::Fine, 0, CALM));
            continue;
        }
        let said = match line(scene, class) {
            Some(line) => format!(": {line}"),
            None => String::new(),
        };
        let times = if new > 1 { format!(" ({new} lines)") } else { String::new() };
        let symptom = Symptom::new(class, Level::Bad(*severity), 0, CALM);
        let symptom = symptom.measured(Unit::Count, Some(0.0), new as f64);
        report.symptoms.push(Symptom { n: new, ..symptom }.told(format!("{what}{times}{said}"), *action));
    }
}

/// The first line of this class in this run.
fn line<'a>(scene: &Scene<'a>, class: &str) -> Option<&'a str> {
    let wanted = format!("log-{class}");
    scene.rows(HIDDEN).find(|row| tag(&row.tags, "class") == wanted).and_then(|row| match row.field("text") {
        Some(Value::Text(text)) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    })
}
