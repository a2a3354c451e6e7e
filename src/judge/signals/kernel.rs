//! What the kernel said that ends or slows mail: one finding for each class, never one per line.

use super::{Level, Report, Scene, Signal, Symptom, number, recall, write_down};
use crate::record::{HIDDEN, Memory, Severity, Unit, Value, tag};

pub const SIGNAL: Signal = Signal {
    name: "kernel",
    about: "the kernel killed, refused or lost something that mail needs",
    source: "kernel",
    beneath_down: false,
    look,
};

/// A problem that was not said again for ten minutes is over.
const CALM: i64 = 600;

struct Known {
    class: &'static str,
    severity: Severity,
    /// When a line names PowerMTA.
    ours: Severity,
    what: &'static str,
    action: &'static str,
}

const fn known(
    class: &'static str,
    severity: Severity,
    ours: Severity,
    what: &'static str,
    action: &'static str,
) -> Known {
    Known { class, severity, ours, what, action }
}

use Severity::{Critical, Warning};

#[rustfmt::skip]
const CLASSES: &[Known] = &[
    known("oom-kill", Warning, Critical, "The kernel killed a process for want of memory", "Find what took the memory (the kernel's table above the line); give PowerMTA's unit `OOMScoreAdjust=-500`, lower max-memory-usage-percent, or move the other program elsewhere."),
    known("segfault", Critical, Critical, "A PowerMTA process crashed (segfault)", "pmtawatch starts it again; keep the core under /opt/pmta and send it to support with the version."),
    known("conntrack-full", Critical, Critical, "The connection tracking table is full: packets are dropped at random", "Raise net.netfilter.nf_conntrack_max, or take ports 25 and 587 out of tracking (`notrack`)."),
    known("syn-flood", Warning, Warning, "More connections arrive than are accepted (SYN flooding)", "If they are your feeders, raise net.core.somaxconn and tcp_max_syn_backlog; if not, filter them."),
    known("tcp-memory", Critical, Critical, "The kernel ran out of memory for TCP", "Raise net.ipv4.tcp_mem, or lower total-max-smtp-out."),
    known("io-error", Critical, Critical, "A disk reports read or write errors", "Look at `smartctl -a` and the controller now; move the spool before the file system goes read-only."),
    known("read-only", Critical, Critical, "A file system went read-only", "If it holds the spool PowerMTA takes no mail: stop PowerMTA, repair the file system (`fsck`), remount, start."),
    known("hung-task", Warning, Critical, "A process hangs in the kernel for two minutes", "It waits for a disk or a network file system: look at `iostat -x` and at stale mounts."),
    known("link-down", Critical, Critical, "A network link went down", "Look at cable, switch port and bond; every provider will seem to defer meanwhile."),
    known("limit", Warning, Warning, "A limit of the kernel was reached (open files or neighbours)", "Raise fs.file-max or net.ipv4.neigh.default.gc_thresh3."),
    known("lockup", Critical, Critical, "A processor is stuck or reports hardware errors", "Move mail to another host and have the machine looked at."),
    known("clock", Warning, Warning, "The clock became unreliable", "Look at `chronyc tracking`; retry and expiry times follow the clock."),
];

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    for known in CLASSES {
        let Some(total) = scene.row("pmta_kernel", "class", known.class).and_then(|row| number(row, "total"))
        else {
            continue;
        };
        let key = format!("kernel/{}", known.class);
        // The usual case, and an idle run must not look up a dozen notes for it.
        let before = if total == 0.0 { 0 } else { recall(memory, &key).first().copied().unwrap_or(0) };
        let new = total as i64 - before;
        if new == 0 {
            report.symptoms.push(Symptom::new(known.class, Level::Fine, 0, CALM));
            continue;
        }
        write_down(memory, &key, &[total as i64]);
        // The line that is worst for PowerMTA is the one to show.
        let lines = || {
            scene.rows(HIDDEN).filter(|row| tag(&row.tags, "class") == known.class).filter_map(
                |row| match row.field("text") {
                    Some(Value::Text(text)) => Some(text.as_str()),
                    _ => None,
                },
            )
        };
        let ours = lines().find(|text| text.contains("pmta"));
        let severity = if ours.is_some() { known.ours } else { known.severity };
        let line = ours.or_else(|| lines().next()).unwrap_or_default();
        let said = if line.is_empty() { String::new() } else { format!(": {line}") };
        let times = if new > 1 { format!(" ({new} lines)") } else { String::new() };
        let symptom = Symptom::new(known.class, Level::Bad(severity), 0, CALM)
            .measured(Unit::Count, Some(0.0), new as f64)
            .told(format!("{}{times}{said}", known.what), known.action);
        report.symptoms.push(Symptom { n: new, ..symptom });
    }
}
