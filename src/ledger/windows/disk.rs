//! Windows on disk: one row per group of steps, so that a run writes the few pages of its own
//! seconds. It judges nothing and opens nothing.

use super::Windows;
use super::names::{HOST, Key, Provider};
use super::track::{Horizon, Step};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet};

/// `at` is the last step of its group. Names: kind 0 provider, 1 virtual MTA, 2 reply.
pub const SCHEMA: &str = "
CREATE TABLE window_counts (at INTEGER PRIMARY KEY, counts BLOB NOT NULL);
CREATE TABLE window_names (kind INTEGER NOT NULL, key INTEGER NOT NULL, name BLOB NOT NULL,
    named INTEGER NOT NULL, born INTEGER NOT NULL, last INTEGER NOT NULL, offset INTEGER NOT NULL,
    PRIMARY KEY (kind, key)) WITHOUT ROWID;
";

const PROVIDER: i64 = 0;
const VMTA: i64 = 1;
const REPLY: i64 = 2;
/// Steps between two writings of a provider's newest step: an hour.
const LAST_EVERY: Step = 360;
/// Rows made at a time.
const AT_ONCE: usize = 32;

impl Windows {
    /// Reads everything back. An empty ledger gives empty windows.
    pub fn load(connection: &Connection) -> Result<Windows, rusqlite::Error> {
        let mut windows = Windows::new();
        let mut names = connection.prepare_cached(
            "SELECT kind, key, name, named, born, last, offset FROM window_names ORDER BY kind, key",
        )?;
        let mut rows = names.query([])?;
        while let Some(row) = rows.next()? {
            let name: Vec<u8> = row.get(2)?;
            match row.get::<_, i64>(0)? {
                PROVIDER => {
                    let last: Step = row.get(5)?;
                    let provider = Provider {
                        name: String::from_utf8_lossy(&name).into_owned(),
                        named: row.get(3)?,
                        born: row.get(4)?,
                        last,
                        offset_minutes: row.get(6)?,
                        changed: false,
                        saved_last: last,
                    };
                    windows.names.put(row.get(1)?, provider);
                }
                VMTA => windows.vmtas.saved = usize::from(windows.vmtas.number(&name)) + 1,
                _ => windows.replies.saved = usize::from(windows.replies.number(&name)) + 1,
            }
        }
        let mut counts = connection.prepare_cached("SELECT at, counts FROM window_counts ORDER BY at")?;
        let mut rows = counts.query([])?;
        while let Some(row) = rows.next()? {
            let at: Step = row.get(0)?;
            windows.newest = windows.newest.max(at);
            windows.unpack(at, row.get_ref(1)?.as_blob().unwrap_or_default());
        }
        windows.newest = windows.names.get(HOST).map_or(0, |host| host.last).max(windows.newest);
        windows.saved = Horizon::of(windows.newest);
        Ok(windows)
    }

    fn unpack(&mut self, at: Step, mut blob: &[u8]) {
        while let Some((head, rest)) = blob.split_at_checked(4) {
            let Some((count, rest)) = take_varint(rest) else { return };
            blob = rest;
            let [a, b, c, d] = <[u8; 4]>::try_from(head).unwrap_or_default();
            let (key, number) = (Key::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
            self.add(key, number, at, count);
            if let Some(row) = self.names.get_mut(key) {
                row.last = row.last.max(at);
            }
        }
    }

    /// Writes what changed since the last save and deletes what is too old.
    pub fn save(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        self.save_names(connection)?;
        let horizon = Horizon::of(self.newest);
        let groups: Vec<Step> = self.changed_groups(horizon).into_iter().collect();
        let mut remove = connection.prepare_cached("DELETE FROM window_counts WHERE at BETWEEN ?1 AND ?2")?;
        remove.execute(params![0, horizon.oldest.saturating_sub(1)])?;
        for (first, last) in merged_ranges(self.saved, horizon) {
            remove.execute(params![first, last])?;
        }
        let mut put =
            connection.prepare_cached("INSERT OR REPLACE INTO window_counts (at, counts) VALUES (?1, ?2)")?;
        // After a long absence nearly everything has changed: never all of it at once in memory.
        for groups in groups.chunks(AT_ONCE) {
            for (at, blob) in self.pack(horizon, groups) {
                put.execute(params![at, blob])?;
            }
        }
        self.saved = horizon;
        self.touched.clear();
        self.last_touched = Step::MAX;
        self.replaced.clear();
        self.drop_idle(horizon);
        Ok(())
    }

    /// The groups whose rows must be written: where records fell, and what has grown old enough
    /// to be merged.
    fn changed_groups(&self, horizon: Horizon) -> BTreeSet<Step> {
        let mut groups: BTreeSet<Step> = self
            .touched
            .iter()
            .filter(|step| **step >= horizon.oldest)
            .map(|step| horizon.group(*step))
            .collect();
        for (first, last) in merged_ranges(self.saved, horizon) {
            let mut step = first.max(horizon.oldest);
            while step <= last {
                let group = horizon.group(step);
                groups.insert(group);
                step = group + 1;
            }
        }
        if !self.replaced.is_empty() {
            // What a former owner of the key left in older rows must go.
            let lanes = self.lanes.iter().flat_map(|lane| &lane.tracks);
            let steps = lanes.flat_map(|(_, track)| track.counts_from(horizon.oldest));
            groups.extend(steps.map(|(step, _)| horizon.group(step)));
        }
        groups
    }

    /// The rows of some groups, in their order. A group is called by its last step.
    fn pack(&self, horizon: Horizon, groups: &[Step]) -> BTreeMap<Step, Vec<u8>> {
        let mut rows: BTreeMap<Step, Vec<u8>> = BTreeMap::new();
        let (Some(first), Some(last)) = (groups.first(), groups.last()) else { return rows };
        let first = first_of(horizon, *first);
        for (lane, key) in self.lanes.iter().zip(0u16..) {
            for (number, track) in &lane.tracks {
                let mut held: Option<(Step, u32)> = None;
                for (step, count) in track.counts_from(first).take_while(|(step, _)| step <= last) {
                    let group = horizon.group(step);
                    held = match held {
                        Some((at, sum)) if at == group => Some((at, sum.saturating_add(count))),
                        before => {
                            put_count(&mut rows, groups, before, key, *number);
                            Some((group, count))
                        }
                    };
                }
                put_count(&mut rows, groups, held, key, *number);
            }
        }
        rows
    }

    fn save_names(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let mut put = connection
            .prepare_cached("INSERT OR REPLACE INTO window_names VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        for key in 0..self.names.len() {
            let Some(row) = self.names.get_mut(key) else { continue };
            if row.changed && row.born > 0 || row.last >= row.saved_last.saturating_add(LAST_EVERY) {
                let name = row.name.as_bytes();
                put.execute(params![PROVIDER, key, name, row.named, row.born, row.last, row.offset_minutes])?;
                row.changed = false;
                row.saved_last = row.last;
            }
        }
        for (kind, words) in [(VMTA, &mut self.vmtas), (REPLY, &mut self.replies)] {
            for (number, word) in words.iter().enumerate().skip(words.saved) {
                put.execute(params![kind, number, word, 0, 0, 0, 0])?;
            }
            words.saved = words.len();
        }
        Ok(())
    }

    /// What `save` tidies up, for windows that never see a disk.
    pub fn tidy(&mut self) {
        self.saved = Horizon::of(self.newest);
        self.touched.clear();
        self.last_touched = Step::MAX;
        self.replaced.clear();
        self.drop_idle(self.saved);
    }

    /// Forgets tracks without a count in eight hours, so that their room serves others.
    fn drop_idle(&mut self, horizon: Horizon) {
        if self.tracks < super::TRACKS / 2 {
            return;
        }
        for lane in &mut self.lanes {
            let idle = |track: &super::Track| track.newest().is_none_or(|newest| newest < horizon.oldest);
            if !lane.tracks.iter().any(|(_, track)| idle(track)) {
                continue;
            }
            let tracks = std::mem::take(&mut lane.tracks);
            *lane = super::Lane::default();
            for (number, track) in tracks {
                if !idle(&track) {
                    let place = lane.open(number);
                    if let Some(held) = lane.tracks.get_mut(place) {
                        held.1 = track;
                    }
                }
            }
        }
        self.tracks = self.lanes.iter().map(|lane| lane.tracks.len()).sum();
        self.detail_tracks = self.lanes.iter().map(super::Lane::details).sum();
    }
}

fn put_count(
    rows: &mut BTreeMap<Step, Vec<u8>>,
    groups: &[Step],
    held: Option<(Step, u32)>,
    key: Key,
    number: u16,
) {
    let Some((group, count)) = held else { return };
    if count == 0 || groups.binary_search(&group).is_err() {
        return;
    }
    let row = rows.entry(group).or_default();
    row.extend_from_slice(&key.to_le_bytes());
    row.extend_from_slice(&number.to_le_bytes());
    put_varint(row, count);
}

/// Ranges of steps whose rows were finer at the last save than they are to be now.
fn merged_ranges(before: Horizon, now: Horizon) -> [(Step, Step); 2] {
    let minutes = (before.fine.max(now.minute), now.fine.saturating_sub(1));
    let buckets = (before.minute.max(now.oldest), now.minute.saturating_sub(1));
    // An empty range is written as one that matches nothing.
    [minutes, buckets].map(|(first, last)| if first <= last { (first, last) } else { (1, 0) })
}

fn first_of(horizon: Horizon, group: Step) -> Step {
    let mut first = group;
    while first > 0 && horizon.group(first - 1) == group {
        first -= 1;
    }
    first
}

fn put_varint(row: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        row.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    row.push(value as u8);
}

fn take_varint(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0u32;
    for (place, byte) in bytes.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7f).checked_shl(7 * u32::try_from(place).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}
