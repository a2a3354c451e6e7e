//! Where every file that is followed is now, and which new ones there are. It reads no record.

use super::book::{Book, Cursor, FileId};
use super::identity::{Identity, Likeness, Start, tail_of};
use super::names::Packing;
use super::packed::Unpacked;
use super::pump::Open;
use super::search::{Candidate, Look};
use super::settle::Loss;
use super::watch::{Folders, Watched, candidates, denied, discover};
use super::{Carry, Files, Follow, Records};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// A rotated file whose last record was never finished is taken as it is after this long.
const TORN_NS: i64 = 86_400_000_000_000;

/// What `locate` hands to the reading and to the settling.
pub struct Found<'a> {
    pub open: Vec<Open>,
    /// Files that are nowhere; `true` when a copy of one is still being written.
    pub absent: Vec<(Cursor, bool)>,
    pub folders: Folders<'a>,
    /// Every file that is there now, when all folders were listed.
    pub present: BTreeSet<FileId>,
    pub listed_all: bool,
    /// Compressed files that cannot be read here, by the name they had before.
    pub foreign: BTreeMap<String, String>,
    /// What is given up.
    pub losses: Vec<Loss>,
    /// Something is left that a later run will read, or give up.
    pub more: bool,
}

/// The run as the steps of this file see it.
pub struct Scene<'a, 'b, 'm> {
    pub ask: &'b Follow<'b>,
    pub files: &'a dyn Files,
    pub book: &'b mut Book<'m>,
    pub records: &'b dyn Records,
    pub found: Found<'a>,
    /// Files that are not where they were.
    pub displaced: Vec<Cursor>,
    /// Files that are accounted for.
    pub claimed: BTreeSet<FileId>,
}

pub fn locate<'a>(
    ask: &Follow<'_>,
    files: &'a dyn Files,
    book: &mut Book<'_>,
    records: &dyn Records,
) -> Found<'a> {
    let mut folders = Folders::new(files, ask.tick.now_ns);
    let watched = discover(ask, &mut folders, book);
    let (open, absent, present, foreign, losses) = Default::default();
    let found = Found { open, absent, folders, present, listed_all: true, foreign, losses, more: false };
    let mut scene =
        Scene { ask, files, book, records, found, displaced: Vec::new(), claimed: BTreeSet::new() };
    for cursor in scene.book.live() {
        if watched.iter().any(|source| source.key == cursor.source) {
            scene.reopen(cursor);
        }
    }
    for source in &watched {
        if scene.must_list(source) {
            scene.survey(source);
        } else {
            scene.found.listed_all = false;
        }
    }
    scene.found
}

impl Scene<'_, '_, '_> {
    /// Opens a followed file where it was; what is not itself any more is displaced.
    fn reopen(&mut self, cursor: Cursor) {
        match self.reopened(&cursor) {
            Ok(Some(open)) => {
                self.claimed.insert((open.stat.dev, open.stat.ino));
                self.found.open.push(open);
            }
            Ok(None) => self.displaced.push(cursor),
            Err(error) if is_gone(&error) || self.is_elsewhere(&cursor) => self.displaced.push(cursor),
            Err(error) => {
                self.claimed.insert((cursor.dev, cursor.ino));
                self.book.complain(denied(Path::new(&cursor.path), &error));
            }
        }
    }

    /// Another file, one that may not be read, has its name now.
    fn is_elsewhere(&self, cursor: &Cursor) -> bool {
        let stat = self.files.stat(Path::new(&cursor.path));
        stat.is_ok_and(|stat| (stat.dev, stat.ino) != (cursor.dev, cursor.ino))
    }

    fn reopened(&self, cursor: &Cursor) -> io::Result<Option<Open>> {
        let mut file = self.files.open(Path::new(&cursor.path))?;
        let stat = file.stat()?;
        let id = (stat.dev, stat.ino);
        // Two cursors never share a file.
        if id != (cursor.dev, cursor.ino) || self.claimed.contains(&id) {
            return Ok(None);
        }
        let preface = |start: &[u8]| self.records.preface(start);
        if let Some(packed) = cursor.packed {
            if packed != (stat.size, stat.mtime_ns) {
                return Ok(None);
            }
            let mut file = Unpacked::new(file)?;
            let start = Start::read(&mut file, &preface)?;
            let look = Look { file: Box::new(file), start, stat, size: cursor.size, packed: true };
            return self.opened(cursor.clone(), look).map(Some);
        }
        let start = Start::read(file.as_mut(), &preface)?;
        let mut look = Look { file, start, stat, size: stat.size, packed: false };
        let mut cursor = cursor.clone();
        if cursor.compare(&mut look)? != Likeness::Same {
            if cursor.size > 0 {
                return Ok(None);
            }
            // It was empty, so nothing can be lost or doubled.
            cursor.identity = Identity::default();
            cursor.carry = Carry::default();
        }
        self.opened(cursor, look).map(Some)
    }

    pub fn opened(&self, mut cursor: Cursor, look: Look) -> io::Result<Open> {
        let Look { mut file, start, stat, size, packed } = look;
        let tail = tail_of(file.as_mut(), cursor.identity.offset)?;
        cursor.missing_ns = None;
        let newer = |other: &Cursor| other.source == cursor.source && other.id > cursor.id;
        let old = self.ask.tick.now_ns.saturating_sub(stat.mtime_ns) >= TORN_NS;
        let ended = packed || (old && self.book.any_live(newer));
        let met = start.data.clone();
        Ok(Open { cursor, file, start, met, tail, stat, size, ended, stuck: false })
    }

    /// A tick in which nothing moved lists nothing.
    fn must_list(&mut self, source: &Watched) -> bool {
        let mut changed = self.found.folders.changed(self.book, &source.folder);
        for moved in self.ask.moved {
            changed |= self.found.folders.changed(self.book, moved);
        }
        let untaken = |open: &Open| {
            open.cursor.source == source.key
                && open.cursor.identity.head_len == 0
                && open.start.first().is_some()
        };
        changed
            || source.first_sight
            || self.displaced.iter().any(|cursor| cursor.source == source.key)
            || self.found.open.iter().any(untaken)
    }

    fn survey(&mut self, source: &Watched) {
        let (all, complete) = candidates(self.ask, self.files, &mut self.found.folders, self.book, source);
        self.found.listed_all &= complete;
        self.found.present.extend(all.iter().map(Candidate::id));
        let plain = |c: &Candidate| c.name.packing == Packing::Plain;
        for packed in all.iter().filter(|candidate| candidate.name.packing == Packing::Foreign) {
            let name = packed.path.to_string_lossy().into_owned();
            self.found.foreign.insert(packed.name.plain.clone(), name);
        }
        let plain_ones: BTreeMap<&Path, &Candidate> =
            all.iter().filter(|c| plain(c)).map(|c| (c.path.as_path(), c)).collect();
        let shadowed = |packed: &Candidate| {
            let twin = plain_ones.get(packed.path.with_file_name(&packed.name.plain).as_path());
            twin.is_some_and(|twin| self.is_packed_from(packed, twin).unwrap_or(true))
        };
        let readable = |c: &&Candidate| plain(c) || (c.name.packing == Packing::Gzip && !shadowed(c));
        let usable: Vec<Candidate> = all.iter().filter(readable).cloned().collect();
        if source.first_sight && !(self.ask.from_start) {
            if complete {
                self.first_sight(source, &usable);
            }
            return;
        }
        if source.first_sight {
            self.book.note_source(&source.key, i64::MIN);
        }
        self.find_displaced(source, &usable, complete);
        self.judge_untaken(source);
        self.take_in(source, &usable);
    }

    /// While X and X.gz both exist, X wins, unless X is a new file that was given the old name.
    fn is_packed_from(&self, packed: &Candidate, twin: &Candidate) -> io::Result<bool> {
        let preface = |start: &[u8]| self.records.preface(start);
        let inner = Start::read(&mut Unpacked::new(self.files.open(&packed.path)?)?, &preface)?;
        let outer = Start::read(self.files.open(&twin.path)?.as_mut(), &preface)?;
        Ok(inner.first().is_none() || inner.first() == outer.first())
    }
}

pub fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput
    )
}
