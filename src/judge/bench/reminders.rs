//! What goes on is told again after a while, to those who were told before. It changes no finding.

use crate::judge::life::Case;
use crate::record::{Finding, Seconds, Severity, State};

/// The finding to tell again, if so many seconds have passed since it was told; 0 is never.
pub fn due(case: &mut Case, after: u64, at: Seconds) -> Option<Finding> {
    let after = i64::try_from(after).ok().filter(|after| *after > 0)?;
    let finding = &case.finding;
    let cared_for = finding.severity >= Severity::Warning && finding.routing != "log";
    if finding.state != State::Firing || !cared_for || at - case.told < after {
        return None;
    }
    case.told = at;
    let mut again = case.finding.clone();
    again.changed = at;
    let minutes = (at - again.began) / 60;
    let lasting = if minutes >= 120 { format!("{} h", minutes / 60) } else { format!("{minutes} min") };
    again.message.push_str(&format!(" (reminder: for {lasting})"));
    Some(again)
}
