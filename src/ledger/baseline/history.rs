//! Seven days of five-minute totals per provider, for the literal rule and for reports. It draws
//! no conclusion.

use super::{Bucket, Key};
use std::collections::{BTreeMap, BTreeSet};

/// Seven days.
pub(super) const BUCKETS: Bucket = 7 * 288;
/// Providers remembered per bucket: the largest ones of that bucket.
const PROVIDERS: usize = 150;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub attempts: u32,
    pub deferred: u32,
    pub bounced: u32,
}

/// The ring. It is read from disk only when somebody asks for it (`Baselines::load`).
#[derive(Debug, Clone, Default)]
pub struct History {
    pub(super) buckets: BTreeMap<Bucket, Vec<(Key, Totals)>>,
    pub(super) changed: BTreeSet<Bucket>,
    /// Whether what is on disk was read too.
    pub(super) complete: bool,
}

impl History {
    /// Notes a closed bucket and lets go of what is older than seven days.
    pub fn enter(&mut self, bucket: Bucket, mut totals: Vec<(Key, Totals)>) {
        totals.retain(|(_, totals)| totals.attempts > 0);
        totals.sort_by_key(|(key, totals)| (std::cmp::Reverse(totals.attempts), *key));
        totals.truncate(PROVIDERS);
        totals.sort_by_key(|(key, _)| *key);
        if !totals.is_empty() {
            self.buckets.insert(bucket, totals);
            self.changed.insert(bucket);
        }
        let oldest = bucket - BUCKETS + 1;
        self.buckets = self.buckets.split_off(&oldest);
        self.changed = self.changed.split_off(&oldest);
    }

    /// Puts another history's buckets in the place of all before `until`, under our keys.
    pub(super) fn replace_before(&mut self, until: Bucket, other: &History, keys: &BTreeMap<Key, Key>) {
        let live = self.buckets.split_off(&until);
        self.changed.extend(self.buckets.keys());
        self.buckets.clear();
        for (bucket, totals) in other.buckets.range(..until) {
            let mut totals: Vec<(Key, Totals)> =
                totals.iter().filter_map(|(key, totals)| Some((*keys.get(key)?, *totals))).collect();
            totals.sort_by_key(|(key, _)| *key);
            self.buckets.insert(*bucket, totals);
            self.changed.insert(*bucket);
        }
        self.buckets.extend(live);
        let oldest = self.newest().unwrap_or(0) - BUCKETS + 1;
        self.buckets = self.buckets.split_off(&oldest);
        self.changed = self.changed.split_off(&oldest);
    }

    /// A provider's buckets, oldest first; those without attempts are left out.
    pub fn of(&self, key: Key) -> impl Iterator<Item = (Bucket, Totals)> + '_ {
        self.buckets.iter().filter_map(move |(bucket, totals)| {
            let place = totals.binary_search_by_key(&key, |(key, _)| *key).ok()?;
            totals.get(place).map(|(_, totals)| (*bucket, *totals))
        })
    }

    pub fn newest(&self) -> Option<Bucket> {
        self.buckets.keys().next_back().copied()
    }

    pub fn is_complete(&self) -> bool {
        self.complete
    }
}
