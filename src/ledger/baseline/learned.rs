//! Lays what was learned from old records under what live ones taught. It reads no record.
//!
//! A baseline is a sum in which old buckets count less and less, so that the sums of two stretches
//! can be added once both are seen from the same moment. What was added is remembered, so that
//! learning again takes it out first: the same files twice change nothing.

use super::disk::{pack_series, pack_volume, unpack_series, unpack_volume};
use super::series::{Life, Series, Volume};
use super::{Baselines, Bucket, Key, Signal};
use crate::record::Memory;
use std::collections::BTreeMap;

/// What one provider is called there and here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub theirs: Key,
    pub ours: Key,
    /// Empty for the host.
    pub name: String,
}

impl Baselines {
    /// `until`: the first bucket that is the live records' own.
    pub fn lay_under(&mut self, learned: &Baselines, pairs: &[Pair], until: Bucket, memory: &mut dyn Memory) {
        let mut kept: BTreeMap<String, Vec<u8>> = memory.scan("").into_iter().collect();
        let mut keys = BTreeMap::new();
        for pair in pairs {
            keys.insert(pair.theirs, pair.ours);
            for (signal, series) in learned.series_of(pair.theirs) {
                let series = Series { life: Life::default(), ..series.clone() };
                let name = format!("series/{}/{signal}", pair.name);
                let (before, now) = (kept.remove(&name), pack_series(&series));
                if before.as_ref() != Some(&now) {
                    self.exchange(pair.ours, signal, before.as_deref(), Some(series));
                    memory.put(&name, &now);
                }
            }
            if let Some(volume) = learned.volume(pair.theirs) {
                let name = format!("volume/{}", pair.name);
                let (before, now) = (kept.remove(&name), pack_volume(volume));
                if before.as_ref() != Some(&now) {
                    self.volume_mut(pair.ours)
                        .lay_under(before.as_deref().and_then(unpack_volume).as_ref(), volume);
                    memory.put(&name, &now);
                }
            }
        }
        // What was learned before and is not any more.
        for (name, before) in kept {
            let Some((provider, signal)) =
                name.strip_prefix("series/").and_then(|rest| rest.rsplit_once('/'))
            else {
                continue;
            };
            let ours = pairs.iter().find(|pair| pair.name == provider).map(|pair| pair.ours);
            if let (Some(ours), Ok(signal)) = (ours, signal.parse()) {
                self.exchange(ours, signal, Some(&before), None);
                memory.remove(&name);
            }
        }
        self.history.replace_before(until, &learned.history, &keys);
    }

    fn exchange(&mut self, key: Key, signal: Signal, before: Option<&[u8]>, now: Option<Series>) {
        let series = self.series_mut(key, signal);
        if let Some(before) = before.and_then(unpack_series) {
            series.add(before, -1.0);
        }
        if let Some(now) = now {
            if series.born == 0 || now.born < series.born {
                series.born = now.born;
            }
            series.add(now, 1.0);
        }
    }
}

impl Series {
    /// Adds the sums of another stretch, both as seen from the later end.
    fn add(&mut self, mut other: Series, sign: f64) {
        if self.entered == 0 {
            self.entered = other.entered;
        }
        let gap = self.entered - other.entered;
        if gap >= 0 {
            other.decay(gap);
        } else {
            self.decay(-gap);
            self.entered = other.entered;
        }
        let sum = |held: &mut f64, more: f64| *held = (*held + sign * more).max(0.0);
        sum(&mut self.k, other.k);
        sum(&mut self.n, other.n);
        for (held, more) in self.spread.iter_mut().zip(other.spread) {
            sum(held, more);
        }
        let hours = self.hour_k.iter_mut().chain(&mut self.hour_expected);
        for (held, more) in hours.zip(other.hour_k.iter().chain(&other.hour_expected)) {
            *held = (*held + sign as f32 * more).max(0.0);
        }
    }
}

impl Volume {
    fn lay_under(&mut self, before: Option<&Volume>, learned: &Volume) {
        if self.entered == 0 {
            *self = learned.clone();
            return;
        }
        let known = before.map_or(0, |before| before.buckets);
        self.buckets = self.buckets.saturating_sub(known).saturating_add(learned.buckets);
        self.entered = self.entered.max(learned.entered);
        if before.is_some() {
            // Means cannot be taken apart again; the live ones have moved on meanwhile.
            return;
        }
        for (((mean, seen), more), times) in
            self.hours.iter_mut().zip(&mut self.seen).zip(learned.hours).zip(learned.seen)
        {
            let (own, other) = (f32::from(*seen), f32::from(times));
            if own + other > 0.0 {
                *mean = (*mean * own + more * other) / (own + other);
            }
            *seen = seen.saturating_add(times);
        }
        for (held, more) in self.delays.iter_mut().zip(learned.delays) {
            *held += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Prior, Totals, hour_of};
    use super::*;
    use crate::record::Notes;

    const PRIOR: Prior = Prior { k: 0.5, n: 50.0, floor: 0.002 };

    fn taught(from: Bucket, to: Bucket, ratio: f64) -> Baselines {
        let mut baselines = Baselines::new();
        for bucket in from..to {
            let hour = hour_of(bucket, 0);
            let series = baselines.series_mut(5, 1);
            series.enter(PRIOR, bucket, hour, ((400.0 * ratio) as u64, 400), 1.0, true);
            baselines.volume_mut(5).enter(bucket, hour, 400.0, [0; 8]);
            let totals = Totals { attempts: 400, deferred: 40, bounced: 0 };
            baselines.history.enter(bucket, vec![(5, totals)]);
        }
        baselines
    }

    fn pairs() -> Vec<Pair> {
        vec![Pair { theirs: 5, ours: 9, name: "Yahoo".to_owned() }]
    }

    #[test]
    fn old_buckets_come_under_live_ones_once_however_often_they_are_learned() {
        let (old, whole) = (taught(1_000, 2_000, 0.1), taught(1_000, 2_300, 0.1));
        let mut live = Baselines::new();
        for bucket in 2_000..2_300 {
            live.series_mut(9, 1).enter(PRIOR, bucket, hour_of(bucket, 0), (40, 400), 1.0, true);
            live.volume_mut(9).enter(bucket, hour_of(bucket, 0), 400.0, [0; 8]);
            let totals = Totals { attempts: 400, deferred: 40, bounced: 0 };
            live.history.enter(bucket, vec![(9, totals)]);
        }
        let mut notes = Notes::default();
        live.lay_under(&old, &pairs(), 2_000, &mut notes);
        let (ours, expected) = (live.series(9, 1).unwrap(), whole.series(5, 1).unwrap());
        assert!((ours.n / expected.n - 1.0).abs() < 1e-9 && (ours.k / expected.k - 1.0).abs() < 0.05);
        assert_eq!(live.volume(9).unwrap().buckets, 1_300);
        assert_eq!(live.history.of(9).count(), whole.history.of(5).count());
        let once = live.clone();
        live.lay_under(&old, &pairs(), 2_000, &mut notes);
        assert_eq!(live.series(9, 1), once.series(9, 1));
        assert_eq!(live.volume(9), once.volume(9));
        assert!(live.history.of(9).eq(once.history.of(9)));
        // Other files take the place of the first.
        live.lay_under(&Baselines::new(), &pairs(), 2_000, &mut notes);
        let alone = live.series(9, 1).unwrap();
        assert!(
            (alone.n
                - (once.series(9, 1).unwrap().n - {
                    let mut old = old.series(5, 1).unwrap().clone();
                    old.decay(300);
                    old.n
                }))
            .abs()
                < 1e-6
        );
        assert_eq!(live.history.of(9).count(), 300);
    }

    #[test]
    fn an_empty_ledger_knows_afterwards_what_the_files_say() {
        let old = taught(1_000, 2_000, 0.1);
        let mut fresh = Baselines::new();
        fresh.lay_under(&old, &pairs(), Bucket::MAX, &mut Notes::default());
        assert_eq!(fresh.series(9, 1).unwrap().n, old.series(5, 1).unwrap().n);
        assert_eq!(fresh.volume(9), old.volume(5));
    }
}
