//! Counters of the web monitor as totals that never fall, across restarts and resets. It knows
//! neither the monitor nor what is counted.

use super::LedgerError;
use crate::record::{Sample, Seconds, Value};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) const SCHEMA: &str = "
CREATE TABLE growth(series TEXT PRIMARY KEY, raw INTEGER NOT NULL, total INTEGER NOT NULL,
    started INTEGER NOT NULL, seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// Series followed at most; a field beyond that is left out rather than shown falling.
const MOST: i64 = 2_000;
const DAY: Seconds = 86_400;
/// A series unseen for so long makes room for others.
const UNSEEN: Seconds = 7 * DAY;
/// A start computed from an uptime wavers by seconds.
const WAVER: Seconds = 5;

struct Known {
    raw: i64,
    total: i64,
    started: Seconds,
    seen: Seconds,
}

/// Turns each `Growing` field into the total. `started` is when PowerMTA started, if known: the
/// one sign of a restart when a counter has overtaken its old value since.
pub(super) fn grow(
    db: &Connection,
    samples: &[Sample],
    started: Option<Seconds>,
    now: Seconds,
) -> Result<Vec<Sample>, LedgerError> {
    each_field(samples, |series, raw| grow_one(db, series, raw, started.unwrap_or(0), now))
}

/// The last committed totals in the place of what cannot be counted now.
pub(super) fn grown(db: &Connection, samples: &[Sample]) -> Result<Vec<Sample>, LedgerError> {
    each_field(samples, |series, _| Ok(known(db, series)?.map(|known| known.total)))
}

fn each_field(
    samples: &[Sample],
    mut total: impl FnMut(&str, i64) -> Result<Option<i64>, LedgerError>,
) -> Result<Vec<Sample>, LedgerError> {
    let mut done = Vec::with_capacity(samples.len());
    for sample in samples {
        let mut fields = Vec::with_capacity(sample.fields.len());
        for (name, value) in &sample.fields {
            match value {
                Value::Growing(raw) => {
                    let total = total(&series(sample, name), *raw)?;
                    fields.extend(total.map(|total| (*name, Value::Int(total))));
                }
                other => fields.push((*name, other.clone())),
            }
        }
        if !fields.is_empty() {
            let (tags, at_ns) = (sample.tags.clone(), sample.at_ns);
            done.push(Sample { measurement: sample.measurement, tags, fields, at_ns });
        }
    }
    Ok(done)
}

fn series(sample: &Sample, field: &str) -> String {
    let mut series = format!("{}\u{1f}{field}", sample.measurement);
    for (tag, value) in &sample.tags {
        series.push('\u{1f}');
        series.push_str(tag);
        series.push('=');
        series.push_str(value);
    }
    series
}

fn known(db: &Connection, series: &str) -> Result<Option<Known>, LedgerError> {
    let mut query = db.prepare_cached("SELECT raw, total, started, seen FROM growth WHERE series = ?1")?;
    let row = query.query_row([series], |row| {
        Ok(Known { raw: row.get(0)?, total: row.get(1)?, started: row.get(2)?, seen: row.get(3)? })
    });
    Ok(row.optional()?)
}

fn grow_one(
    db: &Connection,
    series: &str,
    raw: i64,
    started: Seconds,
    now: Seconds,
) -> Result<Option<i64>, LedgerError> {
    let raw = raw.max(0);
    let Some(known) = known(db, series)? else {
        return if has_room(db, now)? { keep(db, series, raw, raw, started, now) } else { Ok(None) };
    };
    let restarted = started != 0 && known.started != 0 && started > known.started + WAVER;
    let gain = if restarted || raw < known.raw { raw } else { raw - known.raw };
    let total = known.total.saturating_add(gain);
    // An unchanged series costs no write, but for a sign of life once a day.
    let same_start = known.started != 0 || started == 0;
    if raw == known.raw && !restarted && same_start && now - known.seen < DAY {
        return Ok(Some(total));
    }
    let started = if restarted || known.started == 0 { started } else { known.started };
    keep(db, series, raw, total, started, now)
}

fn keep(
    db: &Connection,
    series: &str,
    raw: i64,
    total: i64,
    started: Seconds,
    now: Seconds,
) -> Result<Option<i64>, LedgerError> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO growth(series, raw, total, started, seen) VALUES(?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![series, raw, total, started, now])?;
    Ok(Some(total))
}

fn has_room(db: &Connection, now: Seconds) -> Result<bool, LedgerError> {
    let count = || -> Result<i64, LedgerError> {
        Ok(db.prepare_cached("SELECT count(*) FROM growth")?.query_row([], |row| row.get(0))?)
    };
    if count()? < MOST {
        return Ok(true);
    }
    db.prepare_cached("DELETE FROM growth WHERE seen < ?1")?.execute([now - UNSEEN])?;
    Ok(count()? < MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::store;

    fn sample(value: i64) -> Vec<Sample> {
        vec![Sample::new("pmta_traffic").tag("direction", "in").growing("bytes_total", value).int("x", 7)]
    }

    fn total(samples: &[Sample]) -> Option<&Value> {
        samples.first().and_then(|sample| sample.field("bytes_total"))
    }

    #[test]
    fn a_total_survives_restarts_and_resets() {
        let db = store::in_memory(0).unwrap();
        // (what the page shows, when PowerMTA started, the total)
        let story = [
            (100, Some(1_000), 100),
            (150, Some(1_001), 150), // a start that wavers is no restart
            (150, Some(1_000), 150),
            (30, Some(1_000), 180),       // reset counters
            (40, Some(2_000), 220),       // restarted and already beyond the old value
            (41, Some(2_000), 221),       // the new start is the one to compare with
            (60, None, 240),              // a page without a start
            (i64::MIN, Some(2_000), 240), // nonsense is nought
        ];
        for (turn, (raw, started, expected)) in story.into_iter().enumerate() {
            let samples = grow(&db, &sample(raw), started, turn as i64).unwrap();
            assert_eq!(total(&samples), Some(&Value::Int(expected)), "turn {turn}");
            assert_eq!(total(&grown(&db, &sample(9)).unwrap()), Some(&Value::Int(expected)));
        }
    }

    #[test]
    fn the_number_of_series_is_bounded_and_old_ones_make_room() {
        let db = store::in_memory(0).unwrap();
        let row = |name: &str| vec![Sample::new("pmta_x").tag("queue", name).growing("t", 1)];
        for number in 0..MOST {
            assert_eq!(grow(&db, &row(&format!("q{number}")), None, 10).unwrap().len(), 1);
        }
        assert!(grow(&db, &row("late"), None, 11).unwrap().is_empty());
        assert_eq!(grow(&db, &row("late"), None, 11 + UNSEEN).unwrap().len(), 1);
    }

    #[test]
    fn an_unknown_series_is_left_out_when_nothing_may_be_written() {
        let db = store::in_memory(0).unwrap();
        let samples = grown(&db, &sample(5)).unwrap();
        assert_eq!(total(&samples), None);
        assert_eq!(samples[0].field("x"), Some(&Value::Int(7)));
    }
}
