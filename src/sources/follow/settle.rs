//! What a run leaves behind: cursors kept, files finished, losses told, the memory kept small. It reads nothing.

use super::Follow;
use super::arrivals::MOST_SEEN;
use super::book::{Book, Cursor, FileId, Seen};
use super::locate::Found;
use super::pump::Open;
use crate::record::{Finding, Severity, Sink};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The event that tells of bytes that are gone for good.
pub const LOST: &str = "bytes-lost";
const SECOND_NS: i64 = 1_000_000_000;
/// A file with a successor that has been quiet for so long had its last record.
const FINISHED_NS: i64 = 600 * SECOND_NS;
/// As above, for a file that is already gone.
const QUIET_NS: i64 = 60 * SECOND_NS;
/// A file that is nowhere is waited for: it may be on its way between two folders.
const PATIENCE_NS: i64 = 60 * SECOND_NS;
/// So long when somebody is writing a copy of it.
const HOPE_NS: i64 = 3_600 * SECOND_NS;
const DAY_NS: i64 = 86_400 * SECOND_NS;
/// A seen file is remembered so long after it is gone.
const REMEMBER_NS: i64 = 30 * DAY_NS;

pub fn settle(ask: &Follow<'_>, found: &mut Found<'_>, book: &mut Book<'_>, sink: &mut dyn Sink) {
    let now_ns = ask.tick.now_ns;
    // The highest number is the youngest file of a source; nothing newer means it is live. A file
    // without a record, such as a copy of an empty one, proves nothing; nor does a packed one, which
    // may be older than what was found beside it.
    let mut youngest: BTreeMap<String, u64> = BTreeMap::new();
    let proves = |open: &&Open| open.cursor.packed.is_none() && !open.cursor.is_nameless();
    for open in found.open.iter().filter(proves) {
        let entry = youngest.entry(open.cursor.source.clone()).or_default();
        *entry = open.cursor.id.max(*entry);
    }
    let has_successor = |cursor: &Cursor| youngest.get(&cursor.source).is_some_and(|id| *id > cursor.id);
    for open in &found.open {
        let quiet = now_ns.saturating_sub(open.stat.mtime_ns) >= FINISHED_NS;
        // The one that bears the source's own name is written to next, whatever was found beside it.
        let live = open.cursor.path == open.cursor.source;
        let finished = !open.unread()
            && (open.cursor.packed.is_some() || (quiet && !live && has_successor(&open.cursor)));
        if finished {
            retire(book, &open.cursor, open, None);
        } else {
            book.keep_live(&open.cursor);
        }
    }
    let mut losses = std::mem::take(&mut found.losses);
    let old = |open: &&Open| open.cursor.id <= book.ids_before();
    let before: Vec<(String, u64)> =
        found.open.iter().filter(old).map(|open| (open.cursor.source.clone(), open.cursor.id)).collect();
    for (cursor, hope) in &found.absent {
        // Nothing but its place was known of it, or nothing that another file does not hold too.
        if cursor.is_nameless() || found.open.iter().any(|open| cursor.begins(open)) {
            book.drop_live(cursor.id);
            continue;
        }
        // A file that had its successor, and was quiet, before it went away had said everything.
        // One that is still there with other content was cut short, and may have said more.
        let cut = found.present.contains(&(cursor.dev, cursor.ino));
        let whole = !cut && cursor.size <= cursor.identity.offset && cursor.missing_ns.is_none();
        let quiet = now_ns.saturating_sub(cursor.mtime_ns) >= QUIET_NS;
        if whole && quiet && before.iter().any(|(source, id)| *source == cursor.source && *id > cursor.id) {
            forget(book, cursor, now_ns);
            continue;
        }
        let since_ns = cursor.missing_ns.filter(|since| *since <= now_ns).unwrap_or(now_ns);
        if now_ns - since_ns < if *hope { HOPE_NS } else { PATIENCE_NS } {
            book.keep_live(&Cursor { missing_ns: Some(since_ns), ..cursor.clone() });
            found.more = true;
        } else {
            losses.push(loss_of(cursor, &found.foreign));
            forget(book, cursor, now_ns);
        }
    }
    tell(ask, &losses, book, sink);
    if found.listed_all {
        prune(book, &found.present, now_ns);
    }
    found.folders.note(book);
}

fn retire(book: &mut Book<'_>, cursor: &Cursor, open: &Open, gone_ns: Option<i64>) {
    let (size, mtime_ns) = (open.stat.size, open.stat.mtime_ns);
    let seen = Seen { source: cursor.source.clone(), identity: cursor.identity, size, mtime_ns, gone_ns };
    book.drop_live(cursor.id);
    book.keep_seen((cursor.dev, cursor.ino), &seen);
}

/// A file that is gone is remembered by its content: it may come back, or a copy of it.
fn forget(book: &mut Book<'_>, cursor: &Cursor, now_ns: i64) {
    let Cursor { size, mtime_ns, identity, .. } = *cursor;
    book.drop_live(cursor.id);
    let seen = Seen { source: cursor.source.clone(), identity, size, mtime_ns, gone_ns: Some(now_ns) };
    if identity.head_len > 0 {
        book.keep_gone((cursor.dev, cursor.ino), &seen);
    }
}

/// Bytes that were known of and could not be read.
pub struct Loss {
    pub path: String,
    pub bytes: u64,
    pub how: How,
}

pub enum How {
    Gone,
    /// Packed in a way that cannot be read here, to this path.
    Foreign(String),
    /// It cannot be unpacked within a run's time.
    TooLate,
}

fn loss_of(cursor: &Cursor, foreign: &BTreeMap<String, String>) -> Loss {
    let name = Path::new(&cursor.path).file_name().unwrap_or_default().to_string_lossy();
    let how = foreign.get(name.as_ref()).map_or(How::Gone, |packed| How::Foreign(packed.clone()));
    Loss { path: cursor.path.clone(), bytes: cursor.size.saturating_sub(cursor.identity.offset), how }
}

fn tell(ask: &Follow<'_>, losses: &[Loss], book: &mut Book<'_>, sink: &mut dyn Sink) {
    let Some(first) = losses.first() else { return };
    let bytes: u64 = losses.iter().map(|loss| loss.bytes).sum();
    book.totals.lost_bytes += bytes;
    book.totals.lost_incidents += losses.len() as u64;
    let more = if losses.len() > 1 { format!(" and {} more", losses.len() - 1) } else { String::new() };
    let (how, action) = match &first.how {
        How::Gone => (
            "it is gone".to_owned(),
            "name the folder that finished files are moved to in [accounting] moved; rotate by renaming, not by truncating",
        ),
        How::Foreign(packed) => {
            (format!("it was packed to {packed}"), "compress with gzip, or later than the next collection")
        }
        How::TooLate => (
            "it cannot be unpacked within the deadline".to_owned(),
            "raise --deadline, rotate at a smaller size, or compress later than the next collection",
        ),
    };
    let message = format!("at least {bytes} bytes of {}{more} were not read: {how}", first.path);
    sink.event(Finding::note(LOST, Severity::Warning, ask.tick.now(), message, action));
}

/// Once a day, and whenever there are too many.
fn prune(book: &mut Book<'_>, present: &BTreeSet<FileId>, now_ns: i64) {
    let due = !(0..DAY_NS).contains(&now_ns.saturating_sub(book.state.pruned_ns));
    if !due && book.state.seen <= MOST_SEEN {
        return;
    }
    book.state.pruned_ns = now_ns;
    let mut kept = Vec::new();
    for (id, mut seen) in book.all_seen() {
        let gone = !present.contains(&id);
        let since_ns = if gone { Some(seen.gone_ns.unwrap_or(now_ns)) } else { None };
        if since_ns.is_some_and(|since| now_ns.saturating_sub(since) > REMEMBER_NS) {
            book.drop_seen(id);
            continue;
        }
        if since_ns != seen.gone_ns {
            seen.gone_ns = since_ns;
            book.keep_seen(id, &seen);
        }
        kept.push((id, seen));
    }
    // Files that are gone are forgotten first, then the oldest.
    kept.sort_by_key(|(_, seen)| (seen.gone_ns.is_none(), seen.gone_ns, seen.mtime_ns));
    let surplus = kept.len().saturating_sub(MOST_SEEN);
    for (id, seen) in kept.into_iter().take(surplus) {
        // A file that is still there must not look new once it is forgotten.
        if let Some(source) = book.state.sources.get_mut(&seen.source).filter(|_| seen.gone_ns.is_none()) {
            source.since_ns = source.since_ns.max(seen.mtime_ns.saturating_add(super::watch::SLACK_NS + 1));
        }
        book.drop_seen(id);
    }
}
