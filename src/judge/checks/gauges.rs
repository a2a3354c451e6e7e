//! The last gauges that a check needs, small enough to be kept with every commit: what a run saw,
//! for those who ask before the next one. It knows no page and no disk.

use super::Scope;
use crate::record::{Memory, Sample, Seconds, Tags, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Source, measurement and the fields that are kept.
pub const WATCHED: &[(&str, &str, &[&str])] = &[
    ("web", "pmta", &["up", "running"]),
    ("web", "pmta_spool", &["recipients", "recipients_max"]),
    ("web", "pmta_connections", &["current", "max"]),
    ("web", "pmta_queues", &["recipients"]),
    ("web", "pmta_vmta", &["recipients"]),
    ("web", "pmta_queue", &["recipients"]),
    ("smtp", "pmta_smtp_probe", &["up", "banner_seconds"]),
    ("process", "pmta_memory", &["rss_bytes"]),
];

/// Where a source's gauges are in the notes.
const PREFIX: &str = "gauges/";
/// Queues beyond these are in the sum of all queues only.
const MOST_ROWS: usize = 250;

/// By source: what it last showed, and when.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gauges {
    seen: BTreeMap<String, Seen>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    at: Seconds,
    rows: Vec<Row>,
}

/// Measurement, tags and fields.
type Row = (String, BTreeMap<String, String>, BTreeMap<String, f64>);

impl Gauges {
    /// What of a run's samples is worth keeping.
    pub fn observe(samples: &[Sample], now: Seconds) -> Gauges {
        let mut gauges = Gauges::default();
        for sample in samples {
            let row = WATCHED.iter().find(|(_, measurement, _)| *measurement == sample.measurement);
            let Some((source, measurement, fields)) = row else { continue };
            let fields: BTreeMap<String, f64> = fields
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), number(sample.field(name)?)?)))
                .collect();
            let idle = *measurement == "pmta_queue" && fields.values().all(|value| *value == 0.0);
            let seen = gauges.seen.entry((*source).to_owned()).or_default();
            seen.at = now;
            if !idle && seen.rows.len() < MOST_ROWS {
                let tags = sample.tags.iter().filter(|(name, _)| *name != "version");
                let tags = tags.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
                seen.rows.push(((*measurement).to_owned(), tags, fields));
            }
        }
        gauges
    }

    /// Writes each source's gauges that were seen now; the others stay as they were.
    pub fn keep(&self, notes: &mut dyn Memory) {
        for (source, seen) in &self.seen {
            if let Ok(text) = serde_json::to_vec(seen) {
                notes.put(&format!("{PREFIX}{source}"), &text);
            }
        }
    }

    pub fn recall(notes: &dyn Memory) -> Gauges {
        let kept = notes.scan(PREFIX).into_iter();
        let seen = kept.filter_map(|(key, text)| {
            Some((key.strip_prefix(PREFIX)?.to_owned(), serde_json::from_slice(&text).ok()?))
        });
        Gauges { seen: seen.collect() }
    }

    /// When a source last showed anything.
    pub fn at(&self, source: &str) -> Option<Seconds> {
        self.seen.get(source).map(|seen| seen.at)
    }

    fn values(&self, measurement: &str, tags: &[(&str, &str)], field: &str) -> Vec<f64> {
        let wanted = |found: &BTreeMap<String, String>| {
            tags.iter().all(|(name, value)| found.get(*name).is_some_and(|found| found == value))
        };
        let rows = self.seen.values().flat_map(|seen| &seen.rows);
        rows.filter(|(name, found, _)| name == measurement && wanted(found))
            .filter_map(|(_, _, fields)| fields.get(field).copied())
            .collect()
    }

    pub fn sum(&self, measurement: &str, tags: &[(&str, &str)], field: &str) -> Option<f64> {
        self.values(measurement, tags, field).into_iter().reduce(|sum, value| sum + value)
    }

    pub fn least(&self, measurement: &str, field: &str) -> Option<f64> {
        self.values(measurement, &[], field).into_iter().reduce(f64::min)
    }

    pub fn most(&self, measurement: &str, field: &str) -> Option<f64> {
        self.values(measurement, &[], field).into_iter().reduce(f64::max)
    }

    /// A gauge of its limit; `None` where PowerMTA names no limit.
    pub fn share(&self, measurement: &str, tags: &[(&str, &str)], field: &str, limit: &str) -> Option<f64> {
        let limit = self.sum(measurement, tags, limit).filter(|limit| *limit > 0.0)?;
        self.sum(measurement, tags, field).map(|value| value / limit)
    }

    /// Waiting recipients of a scope, and whether there are more: PowerMTA's page lists the largest
    /// queues, so that the sum of a scope may be a lower bound.
    pub fn waiting(&self, scope: &Scope) -> Option<(f64, bool)> {
        /// The page and the sum of all queues are not of the same moment.
        const NEARLY_ALL: f64 = 0.95;
        let all = self.sum("pmta_queues", &[("kind", "smtp")], "recipients")?;
        let exact = if scope.is_everything() { Some(all) } else { self.of_vmta(scope) };
        if let Some(exact) = exact {
            return Some((exact, false));
        }
        // A queue that is not in the list of a page that was read is empty, or smaller than the rest.
        let part = self.listed(&Scope::default()) < all * NEARLY_ALL;
        Some((self.listed(scope), part))
    }

    /// A whole VMTA has a sum of its own.
    fn of_vmta(&self, scope: &Scope) -> Option<f64> {
        let wanted = scope.vmta.as_deref()?;
        if [&scope.provider, &scope.queue, &scope.domain].iter().any(|part| part.is_some()) {
            return None;
        }
        let mut rows = self.seen.values().flat_map(|seen| &seen.rows);
        let own = |tags: &BTreeMap<String, String>| {
            tags.get("vmta").is_some_and(|name| name.eq_ignore_ascii_case(wanted))
        };
        let (_, _, fields) = rows.find(|(name, tags, _)| name == "pmta_vmta" && own(tags))?;
        fields.get("recipients").copied()
    }

    fn listed(&self, scope: &Scope) -> f64 {
        let rows = self.seen.values().flat_map(|seen| &seen.rows);
        let rows = rows.filter(|(name, tags, _)| name == "pmta_queue" && scope.holds_queue(&borrowed(tags)));
        // The sum of nothing would be -0.
        rows.filter_map(|(_, _, fields)| fields.get("recipients")).fold(0.0, |sum, value| sum + value)
    }
}

/// The tags that a queue's row may have, with names that live as long as the program.
fn borrowed(tags: &BTreeMap<String, String>) -> Tags {
    let names = ["queue", "vmta", "provider"];
    names.into_iter().filter_map(|name| Some((name, tags.get(name)?.clone()))).collect()
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) | Value::Growing(number) => Some(*number as f64),
        Value::Float(number) if number.is_finite() => Some(*number),
        _ => None,
    }
}
