//! Reads piece after piece, always of the file that is furthest behind in time. It knows no folder.

use super::book::{Book, Cursor};
use super::identity::{HEAD, Start, TAIL, hash};
use super::locate::Found;
use super::{Follow, LONGEST_RECORD, OpenFile, Piece, Records, Stat};
use crate::record::{Seconds, Sink};
use std::collections::BTreeMap;

/// Small enough to stay in the processor's cache, large enough not to matter otherwise.
const PIECE: usize = 256 * 1_024;
/// A file without new records counts as current after this long by the wall clock.
const CURRENT_NS: i64 = 60_000_000_000;

/// A file that is known for what it is and can be read.
pub struct Open {
    pub cursor: Cursor,
    pub file: Box<dyn OpenFile>,
    pub start: Start,
    /// The beginning of the data as it was found, read or not.
    pub met: Vec<u8>,
    /// The bytes before the offset.
    pub tail: Vec<u8>,
    /// Of the file on the disk.
    pub stat: Stat,
    /// How much content there is to read.
    pub size: u64,
    /// Nothing will follow what is there.
    pub ended: bool,
    /// Not to be read in this run (any more).
    pub stuck: bool,
}

impl Open {
    pub fn unread(&self) -> bool {
        self.cursor.identity.offset < self.size
    }
}

/// Returns the bytes left unread.
pub fn pump(
    ask: &Follow<'_>,
    found: &mut Found,
    book: &mut Book<'_>,
    records: &mut dyn Records,
    sink: &mut dyn Sink,
) -> u64 {
    let mut buffer = Vec::new();
    let mut told = None;
    while !ask.tick.expired() && !sink.enough() {
        let Some(next) = furthest_behind(&found.open) else { break };
        let Some(open) = found.open.get_mut(next) else { break };
        read_piece(ask, open, book, records, &mut buffer, sink);
        tell_watermark(ask, &found.open, &mut told, sink);
    }
    found.more |= furthest_behind(&found.open).is_some();
    for open in &mut found.open {
        let Open { cursor, start, tail, met, .. } = open;
        cursor.identity.settle(start, tail);
        let unread = cursor.identity.head_len == 0;
        cursor.met_len = if unread { met.len() } else { 0 };
        cursor.met = if unread { hash(met) } else { 0 };
        cursor.size = open.size;
        cursor.mtime_ns = open.stat.mtime_ns;
    }
    tell_watermark(ask, &found.open, &mut told, sink);
    found.open.iter().map(|open| open.size.saturating_sub(open.cursor.identity.offset)).sum()
}

/// A file without a record of its own yet comes right behind its predecessors.
fn furthest_behind(open: &[Open]) -> Option<usize> {
    let reached = reached(open);
    let waiting = open.iter().enumerate().filter(|(_, file)| !file.stuck && file.unread());
    let newest =
        |file: &Open| file.cursor.newest.or_else(|| reached.get(file.cursor.source.as_str()).copied());
    waiting.min_by_key(|(_, file)| (newest(file), file.cursor.id)).map(|(index, _)| index)
}

/// The newest record time of each source.
fn reached(open: &[Open]) -> BTreeMap<&str, Seconds> {
    let mut reached = BTreeMap::new();
    for file in open {
        if let Some(time) = file.cursor.newest {
            let entry = reached.entry(file.cursor.source.as_str()).or_insert(time);
            *entry = time.max(*entry);
        }
    }
    reached
}

fn read_piece(
    ask: &Follow<'_>,
    open: &mut Open,
    book: &mut Book<'_>,
    records: &mut dyn Records,
    buffer: &mut Vec<u8>,
    sink: &mut dyn Sink,
) {
    let offset = open.cursor.identity.offset;
    let left = usize::try_from(open.size.saturating_sub(offset)).unwrap_or(usize::MAX);
    for length in [PIECE, LONGEST_RECORD] {
        let wanted = open.tail.len() + left.min(length);
        if buffer.len() < wanted {
            buffer.resize(wanted, 0);
        }
        let Some(into) = buffer.get_mut(..wanted) else { break };
        let n = open.file.read_at(into, offset - open.tail.len() as u64).unwrap_or(0);
        let filled = buffer.get(..n).unwrap_or(&[]);
        // The bytes before the offset are read once more: should the file have been cut and
        // written anew since the last piece, they differ, and nothing foreign is taken.
        let Some(bytes) = filled.strip_prefix(open.tail.as_slice()).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        let ended = open.ended && bytes.len() == left;
        let taken = records.take(&Piece { bytes, at: offset, ended }, &mut open.cursor.carry, sink);
        if taken.bytes == 0 && length < left {
            continue;
        }
        if taken.bytes == 0 {
            break;
        }
        let progress = bytes.get(..taken.bytes).unwrap_or(bytes);
        let preface = records.preface(progress);
        note_progress(ask, open, progress, preface);
        open.cursor.newest = open.cursor.newest.max(taken.newest);
        count(open, book, &taken);
        return;
    }
    open.stuck = true;
}

fn note_progress(ask: &Follow<'_>, open: &mut Open, progress: &[u8], preface: usize) {
    let cursor = &mut open.cursor;
    let from = cursor.identity.offset;
    // What is remembered as the head must be what was taken, not what was there a moment before.
    if from == 0 {
        open.start.preface = preface as u64;
        open.start.data = progress.iter().skip(preface).take(HEAD).copied().collect();
    } else if from < open.start.preface + HEAD as u64 {
        let kept = usize::try_from(from.saturating_sub(open.start.preface)).unwrap_or(HEAD);
        open.start.data.truncate(kept);
        open.start.data.extend(progress.iter().take(HEAD - kept));
    }
    cursor.identity.offset += progress.len() as u64;
    open.tail.extend_from_slice(progress.get(progress.len().saturating_sub(TAIL)..).unwrap_or(progress));
    let surplus = open.tail.len().saturating_sub(TAIL);
    open.tail.drain(..surplus);
    cursor.grew_ns = ask.tick.now_ns;
}

fn count(open: &Open, book: &mut Book<'_>, taken: &super::Taken) {
    let totals = &mut book.totals;
    totals.bytes += taken.bytes as u64;
    totals.records += taken.records;
    totals.rejected += taken.rejected;
    totals.bad_time += taken.bad_time;
    if let (Some((fault, at)), true) = (taken.fault, totals.first_rejected.is_empty()) {
        let before = open.cursor.identity.offset - taken.bytes as u64;
        totals.first_rejected = format!("{fault} at byte {} of {}", before + at as u64, open.cursor.path);
    }
    // A header without records is as young as its file, unless that was only packed lately.
    let written = || open.cursor.packed.is_none().then(|| open.stat.mtime_ns.div_euclid(1_000_000_000));
    let at = open.cursor.newest.or_else(written);
    book.note_header(&open.cursor.source, &open.cursor.carry.header, at);
}

/// How far one source has come.
#[derive(Default)]
struct Progress {
    /// The least time of the files that wait to be read; `Some(None)` when one has not begun.
    behind: Option<Option<Seconds>>,
    newest: Option<Seconds>,
    recent: bool,
}

/// The least of the newest record times of the active files (design section 3.6).
fn tell_watermark(ask: &Follow<'_>, open: &[Open], told: &mut Option<Seconds>, sink: &mut dyn Sink) {
    if !ask.tells_time {
        return;
    }
    let reached = reached(open);
    let mut sources: BTreeMap<&str, Progress> = BTreeMap::new();
    for file in open {
        let source = file.cursor.source.as_str();
        let progress = sources.entry(source).or_default();
        let newest = file.cursor.newest.or_else(|| reached.get(source).copied());
        if file.unread() && !file.stuck {
            progress.behind = Some(progress.behind.map_or(newest, |least| least.min(newest)));
        }
        progress.newest = progress.newest.max(newest);
        progress.recent |= ask.tick.now_ns.saturating_sub(file.cursor.grew_ns) < CURRENT_NS;
    }
    let now = ask.tick.now();
    let time = |progress: &Progress| match progress {
        Progress { behind: Some(time), .. } => *time,
        Progress { recent: true, newest: Some(time), .. } => Some(*time),
        _ => Some(now),
    };
    if let Some(Some(time)) = sources.values().map(time).min().filter(|time| *time > *told) {
        *told = Some(time);
        sink.watermark(time);
    }
}
