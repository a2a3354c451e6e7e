//! Is PowerMTA there at all: what its web monitor says, held against its process and its SMTP
//! port. It tells a dead PowerMTA from a web monitor that is silent by itself.

use super::{Fate, Level, Report, Scene, Signal, Symptom, number, recall, write_down};
use crate::record::{Memory, Severity};

pub const SIGNAL: Signal = Signal {
    name: "down",
    about: "PowerMTA does not run, or its web monitor is silent",
    source: "web",
    beneath_down: false,
    look,
};

/// A restart takes some seconds and is no outage.
const HOLD: i64 = 20;
const CALM: i64 = 10;
/// Whether pmtad was ever seen here, and whether the SMTP port greeted last.
const SEEN: &str = "down/seen";

const START: &str = "Start PowerMTA (`service pmta start`), then look at the end of its log and at the kernel's log for the cause (OOM kill, segfault, full disk).";
const RESTART_WEB: &str =
    "Restart the web monitor (`service pmtahttp restart`) and look at pmtahttp.log; mail goes on meanwhile.";

/// What each witness says; `None` is "cannot tell".
struct Witnesses {
    web: Option<bool>,
    running: bool,
    process: Option<bool>,
    smtp: Option<bool>,
}

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    let said = hear(scene, memory);
    let critical = Level::Bad(Severity::Critical);
    let symptom = |level| Symptom::new("", level, HOLD, CALM);
    let told = match said {
        Witnesses { web: Some(true), running: false, .. } => symptom(critical).told(
            "PowerMTA answers, but says that it is not running: it starts, stops or is stuck",
            "If nobody is restarting it now, look at the end of PowerMTA's log for a startup error.",
        ),
        Witnesses { web: Some(true), process: Some(false), .. } => symptom(critical)
            .told("The web monitor answers, but there is no pmtad process: no mail is taken or sent", START),
        Witnesses { web: Some(true), .. } => symptom(Level::Fine),
        Witnesses { process: Some(false), .. } => {
            symptom(critical).told("PowerMTA is down: there is no pmtad process", START)
        }
        Witnesses { web: Some(false), process: Some(true), .. } => symptom(Level::Bad(Severity::Warning))
            .told("The web monitor does not answer; PowerMTA itself runs", RESTART_WEB),
        Witnesses { web: Some(false), smtp: Some(true), .. } => symptom(Level::Bad(Severity::Warning))
            .told("The web monitor does not answer; PowerMTA's SMTP port does", RESTART_WEB),
        Witnesses { web: Some(false), smtp: Some(false), .. } => symptom(critical)
            .told("PowerMTA is down: neither its web monitor nor its SMTP port answers", START),
        Witnesses { web: Some(false), .. } => {
            symptom(critical).told("PowerMTA does not answer: its web monitor is silent", START).unsure()
        }
        // Without a web monitor the process alone can end what the process alone began.
        Witnesses { web: None, process: Some(true), .. } if scene.fate("web") != Fate::Failed => {
            symptom(Level::Fine)
        }
        Witnesses { web: None, .. } => return,
    };
    report.symptoms.push(told);
}

fn hear(scene: &Scene<'_>, memory: &mut dyn Memory) -> Witnesses {
    let page = scene.rows("pmta").find_map(|row| Some((number(row, "up")?, number(row, "running"))));
    let kept = recall(memory, SEEN);
    let mut seen = kept.first() == Some(&1);
    let mut smtp = kept.get(1).copied().unwrap_or(-1);
    let visible = scene.row("pmta_memory", "process", "pmtad").is_some();
    seen |= visible;
    if let Some(up) = scene.rows("pmta_smtp_probe").filter_map(|row| number(row, "up")).reduce(f64::max) {
        smtp = i64::from(up > 0.0);
    }
    write_down(memory, SEEN, &[i64::from(seen), smtp]);
    let looked = matches!(scene.fate("process"), Fate::Up | Fate::Absent);
    let process = match (visible, looked && seen) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        // Never seen here: it may run in another container, or /proc hides it.
        (false, false) => None,
    };
    Witnesses {
        web: page.map(|(up, _)| up > 0.0),
        running: page.is_none_or(|(_, running)| running.is_none_or(|running| running > 0.0)),
        process,
        smtp: (smtp >= 0).then_some(smtp == 1),
    }
}
