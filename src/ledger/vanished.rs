//! Queues and VMTAs that are gone from the page: shown as 0 for five minutes, so that no host
//! keeps their last value. It knows which measurements come and go, not why.

use super::LedgerError;
use crate::record::{Sample, Seconds, tag};
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

pub(super) const SCHEMA: &str = "
CREATE TABLE shown(measurement TEXT NOT NULL, tags TEXT NOT NULL, gone INTEGER,
    PRIMARY KEY(measurement, tags)) STRICT, WITHOUT ROWID;
";

/// For how long a 0 is shown.
const FAREWELL: Seconds = 300;
/// Series remembered of one measurement.
const MOST: usize = 2_000;

/// A measurement whose rows come and go.
struct Passing {
    measurement: &'static str,
    tags: &'static [&'static str],
    fields: &'static [&'static str],
}

const PASSING: &[Passing] = &[
    Passing {
        measurement: "pmta_queue",
        tags: &["queue", "provider", "vmta"],
        fields: &["recipients", "bytes", "connections", "paused", "backoff"],
    },
    Passing {
        measurement: "pmta_vmta",
        tags: &["vmta"],
        fields: &["recipients", "bytes", "connections", "domains", "connections_max"],
    },
];

/// A series that was shown: since when it is gone, and whether this run has it.
struct Seen {
    key: String,
    gone: Option<Seconds>,
    here: bool,
}

/// Rows of zeros for what was shown lately and is not in `samples`. Only for the measurements of
/// `observed`: a page that could not be fetched says nothing about its queues.
pub(super) fn farewell(
    db: &Connection,
    samples: &[Sample],
    observed: &[&str],
    now: Seconds,
) -> Result<Vec<Sample>, LedgerError> {
    let mut zeros = Vec::new();
    for passing in PASSING.iter().filter(|passing| observed.contains(&passing.measurement)) {
        passing.compare(db, samples, now, &mut zeros)?;
    }
    Ok(zeros)
}

impl Passing {
    fn compare(
        &self,
        db: &Connection,
        samples: &[Sample],
        now: Seconds,
        zeros: &mut Vec<Sample>,
    ) -> Result<(), LedgerError> {
        let mut known = self.known(db)?;
        let mut new = BTreeSet::new();
        let rows = samples.iter().filter(|sample| sample.measurement == self.measurement);
        let mut key = String::new();
        for sample in rows {
            self.write_key(sample, &mut key);
            let found = known.binary_search_by(|seen| seen.key.as_str().cmp(&key));
            if let Some(seen) = found.ok().and_then(|at| known.get_mut(at)) {
                if !seen.here && seen.gone.is_some() {
                    self.mark(db, &key, None)?;
                }
                seen.here = true;
            } else if known.len() + new.len() < MOST && new.insert(key.clone()) {
                self.mark(db, &key, None)?;
            }
        }
        for Seen { key, gone, .. } in known.into_iter().filter(|seen| !seen.here) {
            let since = gone.unwrap_or(now);
            // A clock that was set back must not make the farewell last for ever.
            if now - since >= FAREWELL || since > now {
                db.prepare_cached("DELETE FROM shown WHERE measurement = ?1 AND tags = ?2")?
                    .execute(params![self.measurement, key])?;
                continue;
            }
            if gone.is_none() {
                self.mark(db, &key, Some(now))?;
            }
            zeros.push(self.zero(&key));
        }
        Ok(())
    }

    /// In order of the keys.
    fn known(&self, db: &Connection) -> Result<Vec<Seen>, LedgerError> {
        let mut query =
            db.prepare_cached("SELECT tags, gone FROM shown WHERE measurement = ?1 ORDER BY tags")?;
        let rows = query.query_map([self.measurement], |row| {
            Ok(Seen { key: row.get(0)?, gone: row.get(1)?, here: false })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn mark(&self, db: &Connection, key: &str, gone: Option<Seconds>) -> Result<(), LedgerError> {
        db.prepare_cached("INSERT OR REPLACE INTO shown(measurement, tags, gone) VALUES(?1, ?2, ?3)")?
            .execute(params![self.measurement, key, gone])?;
        Ok(())
    }

    fn write_key(&self, sample: &Sample, key: &mut String) {
        key.clear();
        for (at, name) in self.tags.iter().enumerate() {
            if at > 0 {
                key.push('\u{1f}');
            }
            key.push_str(tag(&sample.tags, name));
        }
    }

    fn zero(&self, key: &str) -> Sample {
        let mut row = Sample::new(self.measurement);
        for (name, value) in self.tags.iter().zip(key.split('\u{1f}')) {
            row = row.tag(name, value);
        }
        self.fields.iter().fold(row, |row, field| row.int(field, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::store;

    fn page(queues: &[&str]) -> Vec<Sample> {
        queues
            .iter()
            .map(|queue| {
                Sample::new("pmta_queue").tag("queue", *queue).tag("vmta", "v1").int("recipients", 5)
            })
            .collect()
    }

    fn gone(db: &Connection, queues: &[&str], observed: &[&str], now: Seconds) -> Vec<String> {
        let rows = farewell(db, &page(queues), observed, now).unwrap();
        rows.iter().map(|row| tag(&row.tags, "queue").to_owned()).collect()
    }

    #[test]
    fn what_is_gone_is_nought_for_five_minutes() {
        let db = store::in_memory(0).unwrap();
        let page = ["pmta_queue"];
        let none: [&str; 0] = [];
        assert_eq!(gone(&db, &["a", "b"], &page, 0), none);
        assert_eq!(gone(&db, &["a"], &page, 10), ["b"]);
        assert_eq!(gone(&db, &[], &[], 20), none, "the page was not fetched");
        assert_eq!(gone(&db, &["a"], &page, 309), ["b"]);
        assert_eq!(gone(&db, &["a"], &page, 310), none);
        assert_eq!(gone(&db, &["b"], &page, 320), ["a"]);
        assert_eq!(gone(&db, &["a"], &page, 330), ["b"], "back again, and the other left");
        assert_eq!(gone(&db, &["a"], &page, 100), none, "the clock was set back");
        let rows = farewell(&db, &[], &page, 400).unwrap();
        assert_eq!(rows[0].tags, [("queue", "a".to_owned()), ("vmta", "v1".to_owned())]);
        assert_eq!(rows[0].fields.len(), 5);
    }
}
