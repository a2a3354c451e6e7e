//! What the judge is told about the host beside the accounting records. It asks nobody.

use crate::record::Seconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Waiting recipients as the web monitor (or, in replay, a status file) shows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// The whole host's; `None` when nobody could say.
    pub backlog: Option<i64>,
    /// By provider's display name.
    pub providers: BTreeMap<String, i64>,
    /// The page listed every queue, so that a provider it does not name has none.
    pub complete: bool,
    /// What changed of late (reload, restart, new configuration), oldest first.
    pub changes: Vec<Change>,
}

/// Something that an operator or a crash did to the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub at: Seconds,
    pub what: String,
}

/// What changed so long before a trouble began may have caused it.
const SHORTLY: Seconds = 900;

/// ` Changed shortly before: configuration changed (7 minutes before).`, or nothing. `fired` is
/// when the trouble was noticed, somewhat later than it began.
pub fn changed_before(changes: &[Change], began: Seconds, fired: Seconds) -> String {
    let near = changes.iter().filter(|change| (began - SHORTLY..=fired).contains(&change.at));
    let told: Vec<String> = near
        .map(|change| match (fired - change.at) / 60 {
            0 => format!("{} (within the last minute)", change.what),
            1 => format!("{} (1 minute before)", change.what),
            minutes => format!("{} ({minutes} minutes before)", change.what),
        })
        .collect();
    if told.is_empty() { String::new() } else { format!(" Changed shortly before: {}.", told.join(", ")) }
}

impl Surroundings {
    /// The backlog that decides about suppression: the provider's if it is known, else the host's.
    pub fn backlog_of(&self, provider: &str) -> Option<i64> {
        if self.complete && !provider.is_empty() { self.waiting(provider) } else { self.backlog }
    }

    /// Waiting recipients of one provider, when they could be counted.
    pub fn waiting(&self, provider: &str) -> Option<i64> {
        self.complete.then(|| self.providers.get(provider).copied().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_shortly_before_is_named() {
        let changes = [(100, "PowerMTA restarted"), (1_000, "configuration changed"), (2_000, "later")]
            .map(|(at, what)| Change { at, what: what.to_owned() });
        let told = |began, fired| changed_before(&changes, began, fired);
        assert_eq!(told(1_300, 1_420), " Changed shortly before: configuration changed (7 minutes before).");
        assert_eq!(
            told(990, 1_010),
            " Changed shortly before: PowerMTA restarted (15 minutes before), configuration changed (within the last minute)."
        );
        assert_eq!(told(3_000, 3_000), "");
    }
}
