//! What a follower remembers from run to run, and under which keys. It reads no file.

use super::identity::Identity;
use super::{Carry, Follow, SourceError};
use crate::record::{Memory, Sample, Seconds, Sink};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

const STATE: &str = "follow/state";
const TOTALS: &str = "follow/totals";
const LIVE: &str = "follow/live/";
const SEEN: &str = "follow/seen/";
const FIRST: &str = "follow/first/";
const PACKED: &str = "follow/packed/";

/// Counters that never fall.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    pub bytes: u64,
    pub records: u64,
    pub rejected: u64,
    pub bad_time: u64,
    pub lost_bytes: u64,
    pub lost_incidents: u64,
    /// What was wrong with the first rejected record, and where; never what it said.
    pub first_rejected: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub next_id: u64,
    pub seen: usize,
    pub pruned_ns: i64,
    pub globs: BTreeMap<String, GlobNote>,
    pub sources: BTreeMap<String, SourceNote>,
    pub folders: BTreeMap<String, FolderNote>,
}

/// A pattern is watched from its first sight on; so are the sources that appear under it later.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GlobNote {
    pub since_ns: i64,
    pub bases: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceNote {
    /// A file last written before this is never read from its start.
    pub since_ns: i64,
    /// The header line that was in force last: a truncated file goes on without one.
    pub header: String,
    /// When it was: an older file that is read later must not bring its header back.
    #[serde(default)]
    pub header_at: Option<Seconds>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct FolderNote {
    pub mtime_ns: i64,
    pub listed_ns: i64,
}

/// A file that is still being read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cursor {
    pub id: u64,
    pub source: String,
    pub path: String,
    pub dev: u64,
    pub ino: u64,
    /// Size on the disk and time of a file that is read through its gzip wrapping.
    pub packed: Option<(u64, i64)>,
    pub identity: Identity,
    /// The beginning of a file of which nothing was taken yet: so many bytes, and their hash.
    pub met_len: usize,
    pub met: u64,
    /// How long the content was when last seen.
    pub size: u64,
    pub mtime_ns: i64,
    pub newest: Option<Seconds>,
    /// When it last had something new, by the wall clock.
    pub grew_ns: i64,
    pub missing_ns: Option<i64>,
    pub carry: Carry,
}

/// A file that was read, or was there before we were.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub source: String,
    pub identity: Identity,
    /// On the disk: as long as neither changes, nobody looks into the file again.
    pub size: u64,
    pub mtime_ns: i64,
    pub gone_ns: Option<i64>,
}

/// What was tried with a packed file that could not be read yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    pub size: u64,
    pub mtime_ns: i64,
    /// Runs that ended before it was unpacked.
    pub late: u32,
    pub broken: bool,
}

/// Device and inode.
pub type FileId = (u64, u64);

/// The device of files that are gone while their inode lives on.
const NOWHERE: u64 = u64::MAX;

pub struct Book<'m> {
    memory: &'m mut dyn Memory,
    now_ns: i64,
    kept: State,
    pub state: State,
    kept_totals: Totals,
    pub totals: Totals,
    kept_live: BTreeMap<u64, Cursor>,
    /// The first reason why not everything could be read.
    pub trouble: Option<SourceError>,
}

impl<'m> Book<'m> {
    pub fn open(memory: &'m mut dyn Memory, ask: &Follow<'_>) -> Book<'m> {
        let now_ns = ask.tick.now_ns;
        let state: State = read(memory, STATE).unwrap_or_default();
        let totals: Totals = read(memory, TOTALS).unwrap_or_default();
        let kept_live = memory
            .scan(LIVE)
            .iter()
            .filter_map(|(_, value)| serde_json::from_slice::<Cursor>(value).ok())
            .map(|cursor| (cursor.id, cursor))
            .collect();
        Book {
            memory,
            now_ns,
            kept: state.clone(),
            state,
            kept_totals: totals.clone(),
            totals,
            kept_live,
            trouble: None,
        }
    }

    /// The files being read, oldest first.
    pub fn live(&self) -> Vec<Cursor> {
        self.kept_live.values().cloned().collect()
    }

    /// The names of all sources ever sighted.
    pub fn sources(&self) -> Vec<String> {
        self.state.sources.keys().cloned().collect()
    }

    pub fn any_live(&self, is: impl Fn(&Cursor) -> bool) -> bool {
        self.kept_live.values().any(is)
    }

    /// From now on the source is known.
    pub fn note_source(&mut self, key: &str, since_ns: i64) {
        self.state.sources.entry(key.to_owned()).or_insert(SourceNote { since_ns, ..SourceNote::default() });
    }

    pub fn since_ns(&self, key: &str) -> i64 {
        self.state.sources.get(key).map_or(i64::MAX, |source| source.since_ns)
    }

    pub fn header(&self, key: &str) -> String {
        self.state.sources.get(key).map(|source| source.header.clone()).unwrap_or_default()
    }

    /// A file that was cut short goes on without a header line: the last one is in force. `at` is
    /// the time of its file's newest record.
    pub fn note_header(&mut self, key: &str, header: &str, at: Option<Seconds>) {
        let Some(source) = self.state.sources.get_mut(key) else { return };
        if source.header.is_empty() || at >= source.header_at {
            source.header_at = source.header_at.max(at);
            if source.header != header {
                header.clone_into(&mut source.header);
            }
        }
    }

    /// The highest number given before this run.
    pub fn ids_before(&self) -> u64 {
        self.kept.next_id
    }

    pub fn next_id(&mut self) -> u64 {
        self.state.next_id += 1;
        self.state.next_id
    }

    pub fn keep_live(&mut self, cursor: &Cursor) {
        if self.kept_live.get(&cursor.id) != Some(cursor) {
            write(self.memory, &live_key(cursor.id), cursor);
            self.kept_live.insert(cursor.id, cursor.clone());
        }
    }

    pub fn drop_live(&mut self, id: u64) {
        if self.kept_live.remove(&id).is_some() {
            self.memory.remove(&live_key(id));
        }
    }

    pub fn seen(&self, id: FileId) -> Option<Seen> {
        read(self.memory, &seen_key(id))
    }

    pub fn keep_seen(&mut self, id: FileId, seen: &Seen) {
        match self.seen(id) {
            Some(old) if old == *seen => return,
            Some(old) if old.identity.first == seen.identity.first => self.drop_seen(id),
            _ => self.release(id, seen.identity.first),
        }
        self.state.seen += 1;
        write(self.memory, &seen_key(id), seen);
        if seen.identity.head_len > 0 {
            self.memory.put(&first_key(&seen.source, seen.identity.first, id), b"1");
        }
    }

    /// Remembers a file that is gone; its inode may be another's already.
    pub fn keep_gone(&mut self, id: FileId, seen: &Seen) {
        let inode_taken = self.seen(id).is_some() || self.any_live(|cursor| (cursor.dev, cursor.ino) == id);
        let id = if inode_taken { (NOWHERE, self.next_id()) } else { id };
        self.keep_seen(id, seen);
    }

    pub fn drop_seen(&mut self, id: FileId) {
        if let Some(old) = self.seen(id) {
            self.memory.remove(&first_key(&old.source, old.identity.first, id));
            self.memory.remove(&seen_key(id));
            self.state.seen = self.state.seen.saturating_sub(1);
        }
    }

    /// The inode now belongs to a file that begins with `first`. What it held before is gone
    /// from here, and yet it must be known again should a copy of it turn up.
    pub fn release(&mut self, id: FileId, first: u64) {
        let Some(old) = self.seen(id) else { return };
        self.drop_seen(id);
        if old.identity.first != first && old.identity.head_len > 0 {
            let gone_ns = old.gone_ns.or(Some(self.now_ns));
            let nowhere = (NOWHERE, self.next_id());
            self.keep_seen(nowhere, &Seen { gone_ns, ..old });
        }
    }

    /// Every file whose first record is this one.
    pub fn seen_by_first(&self, source: &str, first: u64) -> Vec<(FileId, Seen)> {
        let prefix = first_prefix(source, first);
        let ids =
            self.memory.scan(&prefix).into_iter().filter_map(|(key, _)| parse_id(key.get(prefix.len()..)?));
        ids.filter_map(|id| self.seen(id).map(|seen| (id, seen))).collect()
    }

    pub fn all_seen(&self) -> Vec<(FileId, Seen)> {
        let entries = self.memory.scan(SEEN).into_iter();
        entries
            .filter_map(|(key, value)| {
                Some((parse_id(key.get(SEEN.len()..)?)?, serde_json::from_slice(&value).ok()?))
            })
            .collect()
    }

    pub fn tried(&self, id: FileId) -> Option<Tried> {
        read(self.memory, &packed_key(id))
    }

    pub fn keep_tried(&mut self, id: FileId, tried: Option<Tried>) {
        match tried {
            Some(tried) => write(self.memory, &packed_key(id), &tried),
            None => self.memory.remove(&packed_key(id)),
        }
    }

    pub fn complain(&mut self, trouble: SourceError) {
        self.trouble.get_or_insert(trouble);
    }

    /// Writes down what changed and pushes the counters.
    pub fn close(self, name: &'static str, lag: u64, sink: &mut dyn Sink) -> Result<(), SourceError> {
        if self.state != self.kept {
            write(self.memory, STATE, &self.state);
        }
        if self.totals != self.kept_totals {
            write(self.memory, TOTALS, &self.totals);
        }
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        sink.sample(
            Sample::new("pmta_collector")
                .tag("source", name)
                .int("bytes_total", whole(self.totals.bytes))
                .int("records_total", whole(self.totals.records))
                .int("rejected_total", whole(self.totals.rejected))
                .int("bad_time_total", whole(self.totals.bad_time))
                .int("lag_bytes", whole(lag))
                .int("lost_bytes_total", whole(self.totals.lost_bytes))
                .int("lost_incidents_total", whole(self.totals.lost_incidents)),
        );
        self.trouble.map_or(Ok(()), Err)
    }
}

/// How many records of a source made no sense, and what was wrong with the first of them.
pub fn rejected(memory: &dyn Memory) -> Option<(u64, String)> {
    let totals: Totals = read(memory, TOTALS)?;
    (totals.rejected > 0).then_some((totals.rejected, totals.first_rejected))
}

fn read<T: DeserializeOwned>(memory: &dyn Memory, key: &str) -> Option<T> {
    serde_json::from_slice(&memory.get(key)?).ok()
}

fn write<T: Serialize>(memory: &mut dyn Memory, key: &str, value: &T) {
    if let Ok(text) = serde_json::to_vec(value) {
        memory.put(key, &text);
    }
}

fn live_key(id: u64) -> String {
    format!("{LIVE}{id:016}")
}

fn seen_key((dev, ino): FileId) -> String {
    format!("{SEEN}{dev}-{ino}")
}

fn packed_key((dev, ino): FileId) -> String {
    format!("{PACKED}{dev}-{ino}")
}

fn first_prefix(source: &str, first: u64) -> String {
    format!("{FIRST}{:016x}/{first:016x}/", super::identity::hash(source.as_bytes()))
}

fn first_key(source: &str, first: u64, (dev, ino): FileId) -> String {
    format!("{}{dev}-{ino}", first_prefix(source, first))
}

fn parse_id(text: &str) -> Option<FileId> {
    let (dev, ino) = text.split_once('-')?;
    Some((dev.parse().ok()?, ino.parse().ok()?))
}
