//! What is usual: one compact row per provider and signal, and seven days of five-minute totals.
//! It remembers; what is unusual is not its business.

mod disk;
mod history;
mod learned;
mod series;

pub use disk::SCHEMA;
pub use history::{History, Totals};
pub use learned::Pair;
pub use series::{Life, Prior, Series, Volume, hour_of};

use super::windows::Key;
use crate::record::Seconds;
use std::collections::{BTreeMap, BTreeSet};

/// A five-minute bucket of event time, counted from the epoch.
pub type Bucket = i64;

pub const BUCKET_SECONDS: Seconds = 300;

/// What is judged of a provider, as a stored number: reasons have theirs, the rest follow.
pub type Signal = u8;

/// Every baseline, and what the judge wants remembered with it.
#[derive(Debug, Clone, Default)]
pub struct Baselines {
    series: BTreeMap<(Key, Signal), Series>,
    volumes: BTreeMap<Key, Volume>,
    notes: BTreeMap<String, Vec<u8>>,
    pub history: History,
    changed_series: BTreeSet<(Key, Signal)>,
    changed_volumes: BTreeSet<Key>,
    changed_notes: BTreeSet<String>,
    /// Providers whose rows must go, because their key is now another's.
    forgotten: BTreeSet<Key>,
}

impl Baselines {
    pub fn new() -> Baselines {
        Baselines::default()
    }

    pub fn series(&self, key: Key, signal: Signal) -> Option<&Series> {
        self.series.get(&(key, signal))
    }

    /// The series, to be changed; it begins here if it is new.
    pub fn series_mut(&mut self, key: Key, signal: Signal) -> &mut Series {
        self.changed_series.insert((key, signal));
        self.series.entry((key, signal)).or_default()
    }

    /// Every series, in order of key and signal.
    pub fn all_series(&self) -> impl Iterator<Item = (Key, Signal, &Series)> {
        self.series.iter().map(|((key, signal), series)| (*key, *signal, series))
    }

    pub fn series_of(&self, key: Key) -> impl Iterator<Item = (Signal, &Series)> {
        self.series.range((key, 0)..=(key, Signal::MAX)).map(|((_, signal), series)| (*signal, series))
    }

    pub fn volume(&self, key: Key) -> Option<&Volume> {
        self.volumes.get(&key)
    }

    pub fn volume_mut(&mut self, key: Key) -> &mut Volume {
        self.changed_volumes.insert(key);
        self.volumes.entry(key).or_default()
    }

    /// Drops what is known of a provider whose key was given to another.
    pub fn forget(&mut self, key: Key) {
        self.series.retain(|(held, _), _| *held != key);
        self.volumes.remove(&key);
        self.changed_series.retain(|(held, _)| *held != key);
        self.changed_volumes.remove(&key);
        self.forgotten.insert(key);
    }

    pub fn note(&self, name: &str) -> Option<&[u8]> {
        self.notes.get(name).map(Vec::as_slice)
    }

    /// Notes whose names begin so, in order.
    pub fn notes(&self, prefix: &str) -> impl Iterator<Item = (&str, &[u8])> {
        let from = self.notes.range(prefix.to_owned()..);
        from.take_while(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Writes a note, or removes it.
    pub fn set_note(&mut self, name: &str, value: Option<Vec<u8>>) {
        if self.note(name) == value.as_deref() {
            return;
        }
        match value {
            Some(value) => self.notes.insert(name.to_owned(), value),
            None => self.notes.remove(name),
        };
        self.changed_notes.insert(name.to_owned());
    }
}

#[cfg(test)]
mod tests;
