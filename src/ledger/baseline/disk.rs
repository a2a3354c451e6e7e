//! Baselines on disk: only rows that changed are written. It knows no formula.

use super::series::{Series, Volume};
use super::{Baselines, Key, Signal, Totals, history};
use rusqlite::{Connection, params};

/// `signal` is a reason's number or one of the judge's own.
pub const SCHEMA: &str = "
CREATE TABLE baseline_series (provider INTEGER NOT NULL, signal INTEGER NOT NULL, state BLOB NOT NULL,
    PRIMARY KEY (provider, signal)) WITHOUT ROWID;
CREATE TABLE baseline_volumes (provider INTEGER PRIMARY KEY, state BLOB NOT NULL);
CREATE TABLE baseline_history (bucket INTEGER PRIMARY KEY, totals BLOB NOT NULL);
CREATE TABLE judge_notes (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
";

impl Baselines {
    /// Reads everything but, unless `history` is asked for, the seven days of totals.
    pub fn load(connection: &Connection, history: bool) -> Result<Baselines, rusqlite::Error> {
        let mut held = Baselines::new();
        let mut query = connection.prepare_cached("SELECT provider, signal, state FROM baseline_series")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let place: (Key, Signal) = (row.get(0)?, row.get(1)?);
            if let Some(series) = unpack_series(row.get_ref(2)?.as_blob().unwrap_or_default()) {
                held.series.insert(place, series);
            }
        }
        let mut query = connection.prepare_cached("SELECT provider, state FROM baseline_volumes")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            if let Some(volume) = unpack_volume(row.get_ref(1)?.as_blob().unwrap_or_default()) {
                held.volumes.insert(row.get(0)?, volume);
            }
        }
        let mut query = connection.prepare_cached("SELECT name, value FROM judge_notes")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            held.notes.insert(row.get(0)?, row.get(1)?);
        }
        if history {
            held.load_history(connection)?;
        }
        Ok(held)
    }

    /// Reads the seven days of totals, if they were not read yet.
    pub fn load_history(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        if self.history.complete {
            return Ok(());
        }
        let mut query = connection.prepare_cached("SELECT bucket, totals FROM baseline_history")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let bucket = row.get(0)?;
            let blob = row.get_ref(1)?.as_blob().unwrap_or_default();
            let entries = blob.chunks_exact(14).filter_map(|bytes| {
                let mut reader = Reader(bytes);
                let key = Key::from_le_bytes(reader.take()?);
                let mut next = || reader.take().map(u32::from_le_bytes);
                Some((key, Totals { attempts: next()?, deferred: next()?, bounced: next()? }))
            });
            self.history.buckets.entry(bucket).or_insert_with(|| entries.collect());
        }
        self.history.complete = true;
        Ok(())
    }

    /// Writes what changed since the last save.
    pub fn save(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        for key in std::mem::take(&mut self.forgotten) {
            connection.prepare_cached("DELETE FROM baseline_series WHERE provider = ?1")?.execute([key])?;
            connection.prepare_cached("DELETE FROM baseline_volumes WHERE provider = ?1")?.execute([key])?;
        }
        let mut put =
            connection.prepare_cached("INSERT OR REPLACE INTO baseline_series VALUES (?1, ?2, ?3)")?;
        for place in std::mem::take(&mut self.changed_series) {
            if let Some(series) = self.series.get(&place) {
                put.execute(params![place.0, place.1, pack_series(series)])?;
            }
        }
        let mut put = connection.prepare_cached("INSERT OR REPLACE INTO baseline_volumes VALUES (?1, ?2)")?;
        for key in std::mem::take(&mut self.changed_volumes) {
            if let Some(volume) = self.volumes.get(&key) {
                put.execute(params![key, pack_volume(volume)])?;
            }
        }
        for name in std::mem::take(&mut self.changed_notes) {
            match self.notes.get(&name) {
                Some(value) => connection
                    .prepare_cached("INSERT OR REPLACE INTO judge_notes VALUES (?1, ?2)")?
                    .execute(params![name, value])?,
                None => {
                    connection.prepare_cached("DELETE FROM judge_notes WHERE name = ?1")?.execute([name])?
                }
            };
        }
        self.save_history(connection)
    }

    fn save_history(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let changed = std::mem::take(&mut self.history.changed);
        let Some(newest) = changed.last() else { return Ok(()) };
        connection
            .prepare_cached("DELETE FROM baseline_history WHERE bucket <= ?1")?
            .execute([newest - history::BUCKETS])?;
        let mut put = connection.prepare_cached("INSERT OR REPLACE INTO baseline_history VALUES (?1, ?2)")?;
        for bucket in changed {
            let mut blob = Vec::new();
            for (key, totals) in self.history.buckets.get(&bucket).into_iter().flatten() {
                blob.extend_from_slice(&key.to_le_bytes());
                for count in [totals.attempts, totals.deferred, totals.bounced] {
                    blob.extend_from_slice(&count.to_le_bytes());
                }
            }
            put.execute(params![bucket, blob])?;
        }
        Ok(())
    }
}

pub(super) fn pack_series(series: &Series) -> Vec<u8> {
    let mut blob = Vec::with_capacity(340);
    let life = &series.life;
    let [s1, s2, s3] = series.spread;
    for number in [series.k, series.n, s1, s2, s3, life.cusum, life.expected, life.dispersion] {
        blob.extend_from_slice(&number.to_le_bytes());
    }
    for time in [
        series.entered,
        series.born,
        life.pending_since,
        life.last_hit,
        life.firing_since,
        life.clear_since,
        life.floor,
        life.cusum_since,
        life.busy_bucket,
        i64::from(life.busy),
    ] {
        blob.extend_from_slice(&time.to_le_bytes());
    }
    for number in series.hour_k.iter().chain(&series.hour_expected) {
        blob.extend_from_slice(&number.to_le_bytes());
    }
    blob
}

pub(super) fn unpack_series(blob: &[u8]) -> Option<Series> {
    let mut reader = Reader(blob);
    let mut series = Series::default();
    let mut number = || reader.take().map(f64::from_le_bytes);
    (series.k, series.n) = (number()?, number()?);
    series.spread = [number()?, number()?, number()?];
    let life = &mut series.life;
    (life.cusum, life.expected, life.dispersion) = (number()?, number()?, number()?);
    let mut time = || reader.take().map(i64::from_le_bytes);
    (series.entered, series.born) = (time()?, time()?);
    (life.pending_since, life.last_hit, life.firing_since) = (time()?, time()?, time()?);
    (life.clear_since, life.floor, life.cusum_since) = (time()?, time()?, time()?);
    (life.busy_bucket, life.busy) = (time()?, u32::try_from(time()?).ok()?);
    for held in series.hour_k.iter_mut().chain(&mut series.hour_expected) {
        *held = f32::from_le_bytes(reader.take()?);
    }
    Some(series)
}

pub(super) fn pack_volume(volume: &Volume) -> Vec<u8> {
    let mut blob = Vec::with_capacity(192);
    blob.extend_from_slice(&volume.entered.to_le_bytes());
    blob.extend_from_slice(&volume.buckets.to_le_bytes());
    volume
        .hours
        .iter()
        .chain(&volume.delays)
        .for_each(|number| blob.extend_from_slice(&number.to_le_bytes()));
    volume.seen.iter().for_each(|count| blob.extend_from_slice(&count.to_le_bytes()));
    blob.push(volume.slow_from);
    blob
}

pub(super) fn unpack_volume(blob: &[u8]) -> Option<Volume> {
    let mut reader = Reader(blob);
    let mut volume = Volume {
        entered: i64::from_le_bytes(reader.take()?),
        buckets: u32::from_le_bytes(reader.take()?),
        ..Volume::default()
    };
    for held in volume.hours.iter_mut().chain(&mut volume.delays) {
        *held = f32::from_le_bytes(reader.take()?);
    }
    for held in &mut volume.seen {
        *held = u16::from_le_bytes(reader.take()?);
    }
    [volume.slow_from] = reader.take()?;
    Some(volume)
}

/// Takes fixed pieces off the front of a blob.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (piece, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*piece)
    }
}
