//! How long mail may wait, as the last round through the queues found it in PowerMTA's
//! configuration; PowerMTA's defaults where nobody said. It reads no configuration.

use super::super::{Scene, number};
use crate::record::{HIDDEN, Memory, Sample, Seconds, tag};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const NOTE: &str = "queue-age/limits";
const MOST: usize = 200;
/// A longer wait between attempts makes ages too rare to be worth a longer memory.
const LONGEST_PERIOD: Seconds = 4 * 3_600;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    pub bounce_after: Seconds,
    /// Beyond this the retry policy has failed.
    pub horizon: Seconds,
    /// The longest wait between two attempts.
    pub retry: Seconds,
}

impl Default for Limit {
    fn default() -> Limit {
        Limit { bounce_after: 108 * 3_600, horizon: 86_400, retry: 600 }
    }
}

impl Limit {
    /// In so long a span every waiting recipient shows once.
    pub fn period(self) -> Seconds {
        self.retry.clamp(600, LONGEST_PERIOD)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Of the shortest life among a provider's queues.
    providers: BTreeMap<String, Limit>,
    queues: BTreeMap<String, Limit>,
}

impl Limits {
    pub fn recall(memory: &dyn Memory) -> Limits {
        memory.get(NOTE).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    pub fn of(&self, provider: &str) -> Limit {
        self.providers.get(provider).copied().unwrap_or_default()
    }

    pub fn of_queue(&self, queue: &str, provider: &str) -> Limit {
        self.queues.get(queue).copied().unwrap_or_else(|| self.of(provider))
    }

    /// Takes in what this run's round said.
    pub fn learn(scene: &Scene<'_>, memory: &mut dyn Memory) {
        let said: Vec<(&Sample, Limit)> = scene
            .rows(HIDDEN)
            .filter(|row| tag(&row.tags, "class") == "waiting")
            .filter_map(|row| Some((row, limit(row)?)))
            .collect();
        if said.is_empty() {
            return;
        }
        let mut limits = Limits::recall(memory);
        if limits.providers.len() + limits.queues.len() > MOST {
            limits = Limits::default();
        }
        let mut providers: BTreeMap<&str, Limit> = BTreeMap::new();
        for (row, limit) in said {
            limits.queues.insert(tag(&row.tags, "queue").to_owned(), limit);
            let shortest = providers.entry(tag(&row.tags, "provider")).or_insert(limit);
            if limit.bounce_after < shortest.bounce_after {
                *shortest = limit;
            }
        }
        let named = providers.into_iter().map(|(provider, limit)| (provider.to_owned(), limit));
        limits.providers.extend(named);
        if let Ok(text) = serde_json::to_vec(&limits) {
            memory.put(NOTE, &text);
        }
    }
}

fn limit(row: &Sample) -> Option<Limit> {
    let whole = |field| number(row, field).map(|seconds| seconds as Seconds);
    Some(Limit { bounce_after: whole("bounce_after")?, horizon: whole("horizon")?, retry: whole("retry")? })
}
