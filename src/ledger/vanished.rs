//! Queues and VMTAs that are gone from the page: shown as 0 for five minutes, so that no host
//! keeps their last value. It knows which measurements come and go, not why.

use super::LedgerError;
use crate::record::{Sample, Seconds, tag};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

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
        let rows = samples.iter().filter(|sample| sample.measurement == self.measurement);
        for key in rows.map(|sample| self.key(sample)) {
            let room = known.len() < MOST;
            match known.get_mut(&key) {
                Some(Some(_)) => self.mark(db, &key, None)?,
                None if room => self.mark(db, &key, None)?,
                _ => {}
            }
            if let Some(entry) = known.get_mut(&key) {
                *entry = Some(i64::MAX);
            } else if room {
                known.insert(key, Some(i64::MAX));
            }
        }
        for (key, gone) in known.into_iter().filter(|(_, gone)| *gone != Some(i64::MAX)) {
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

    fn known(&self, db: &Connection) -> Result<BTreeMap<String, Option<Seconds>>, LedgerError> {
        let mut query = db.prepare_cached("SELECT tags, gone FROM shown WHERE measurement = ?1")?;
        let rows = query.query_map([self.measurement], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn mark(&self, db: &Connection, key: &str, gone: Option<Seconds>) -> Result<(), LedgerError> {
        db.prepare_cached("INSERT OR REPLACE INTO shown(measurement, tags, gone) VALUES(?1, ?2, ?3)")?
            .execute(params![self.measurement, key, gone])?;
        Ok(())
    }

    fn key(&self, sample: &Sample) -> String {
        let values: Vec<&str> = self.tags.iter().map(|name| tag(&sample.tags, name)).collect();
        values.join("\u{1f}")
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
