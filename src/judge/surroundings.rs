//! What the judge is told about the host beside the accounting records. It asks nobody.

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
    /// A maintenance window is open; its name.
    pub maintenance: Option<String>,
    /// What changed in the last quarter of an hour (reload, restart, new configuration).
    pub changes: Vec<String>,
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
