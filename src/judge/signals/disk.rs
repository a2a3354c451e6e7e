//! Space and inodes of the disks that PowerMTA writes to, against its own `min-free-space`.

use super::{Level, Report, Scene, Signal, Symptom, bytes, number};
use crate::record::{Memory, Sample, Severity, Unit, tag};

pub const SIGNAL: Signal = Signal {
    name: "disk",
    about: "a disk of spool, log or accounting runs out of space or inodes",
    source: "disk",
    beneath_down: false,
    look,
};

/// Below twice `min-free-space` there is time to act before PowerMTA stops.
const TWICE: f64 = 2.0;
/// Where PowerMTA sets no limit (log, accounting): a twentieth, unless that is plenty anyway.
const SHARE: f64 = 0.05;
const PLENTY: f64 = 5e9;
/// Less than this, and the next log rotation may fail.
const LITTLE: f64 = 100e6;
/// A spool file is an inode: a busy minute makes thousands.
const INODES: f64 = 10_000.0;
const FEW_INODES: f64 = 1_000.0;
/// What ended must not begin again with the next rotated file.
const SLACK: f64 = 1.2;

fn look(scene: &Scene<'_>, _memory: &mut dyn Memory, report: &mut Report) {
    for part in [space, inodes] {
        let judged = scene.rows("pmta_disk").filter_map(part);
        report.symptoms.extend(judged.max_by_key(|symptom| rank(symptom.level)));
    }
}

fn rank(level: Level) -> u8 {
    match level {
        Level::Fine => 0,
        Level::Between => 1,
        Level::Bad(severity) => 2 + severity as u8,
    }
}

/// Of a number that is bad when low.
fn below(free: f64, warning: f64, critical: f64) -> Level {
    if free < critical {
        Level::Bad(Severity::Critical)
    } else if free < warning {
        Level::Bad(Severity::Warning)
    } else if free < warning * SLACK {
        Level::Between
    } else {
        Level::Fine
    }
}

fn space(row: &Sample) -> Option<Symptom> {
    let (free, ratio) = (number(row, "free_bytes")?, number(row, "free_ratio")?);
    let least = number(row, "min_free_bytes");
    let small = if ratio > 0.0 { (free / ratio * SHARE).min(PLENTY) } else { PLENTY };
    let level = match least {
        Some(least) => below(free, (least * TWICE).max(LITTLE), least),
        None => below(free, small, LITTLE),
    };
    let folder = tag(&row.tags, "folder");
    let limit = match least {
        Some(least) if free < least => {
            format!(", less than PowerMTA's min-free-space of {}: it takes no more mail", bytes(least))
        }
        Some(least) => format!("; at {} (min-free-space) PowerMTA stops taking mail", bytes(least)),
        None => String::new(),
    };
    let symptom = Symptom::new("space", level, 0, 60).measured(Unit::Bytes, least, free);
    Some(symptom.told(
        format!("{folder} has {} free ({:.0}%){limit}", bytes(free), ratio * 100.0),
        "Find what grew (`du -x --max-depth=2`): compressed old logs and moved accounting files may go, files in the spool never; set delete-after in <acct-file> and log-rotate.",
    ))
}

fn inodes(row: &Sample) -> Option<Symptom> {
    let free = number(row, "free_inodes")?;
    let folder = tag(&row.tags, "folder");
    let symptom = Symptom::new("inodes", below(free, INODES, FEW_INODES), 0, 60);
    Some(symptom.measured(Unit::Count, None, free).told(
        format!("{folder} has {free:.0} inodes left: no new file can be made when they are gone, whatever space is free"),
        "Find the folder with most files (`du --inodes -x --max-depth=2`) and remove old ones; files in the spool never.",
    ))
}
