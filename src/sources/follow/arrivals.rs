//! Files that turn up: the rest of a displaced one, a copy, something new, or what was there before us. It reads no record.

use super::book::{Cursor, Seen, Tried};
use super::identity::{Identity, Likeness};
use super::locate::{Scene, is_gone};
use super::names::Packing;
use super::pump::Open;
use super::search::{Candidate, Look, TRIES, Verdict, judge, look};
use super::settle::{How, Loss};
use super::watch::{SLACK_NS, Watched, denied};
use super::{Carry, LONGEST_RECORD, OpenFile};
use std::io;

/// Files open at once in one run; what is more waits for the next.
const MOST_OPEN: usize = 200;
/// Seen files that are remembered.
pub const MOST_SEEN: usize = 10_000;

impl Scene<'_, '_, '_> {
    /// The newest file is followed from its end, everything else is only noted.
    pub fn first_sight(&mut self, source: &Watched, all: &[Candidate]) {
        self.book.note_source(&source.key, self.ask.tick.now_ns);
        let live = all.iter().rfind(|c| c.at_home && c.name.packing == Packing::Plain);
        if let Some(live) = live {
            match self.open_at_end(source, live) {
                Ok(open) => self.push(open),
                Err(error) => self.cannot(live, &error),
            }
        }
        for candidate in all.iter().rev() {
            if !self.claimed.contains(&candidate.id()) {
                self.note(source, candidate);
            }
        }
    }

    fn open_at_end(&mut self, source: &Watched, live: &Candidate) -> io::Result<Open> {
        let Some(mut look) = look(self.ask, self.files, self.book, self.records, live)? else {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        };
        let end = last_line_end(look.file.as_mut(), look.size)?;
        let offset = if end < look.start.preface { 0 } else { end };
        let identity = look.identity_at(offset)?;
        self.begin(source, live, identity, look)
    }

    /// Remembers a file that is not to be read; should it grow, it is read from where it ends now.
    fn note(&mut self, source: &Watched, candidate: &Candidate) {
        // One whose time is old will not be taken for new before there is time to note it.
        let recent = candidate.stat.mtime_ns >= self.ask.tick.now_ns.saturating_sub(2 * SLACK_NS);
        if self.ask.tick.expired() && !recent {
            return self.unfinished(candidate);
        }
        if self.book.state.seen >= MOST_SEEN {
            return;
        }
        let identity = self.identity_of(candidate).unwrap_or_default();
        self.keep_seen(source, candidate, identity);
    }

    fn identity_of(&mut self, candidate: &Candidate) -> io::Result<Identity> {
        if candidate.name.packing != Packing::Plain {
            // Old by its time: it need not be unpacked to know that it is not to be read.
            return Ok(Identity::default());
        }
        let looked = look(self.ask, self.files, self.book, self.records, candidate)?;
        looked.map_or_else(|| Ok(Identity::default()), |mut look| look.identity_at(look.size))
    }

    fn keep_seen(&mut self, source: &Watched, candidate: &Candidate, identity: Identity) {
        let Candidate { stat, .. } = *candidate;
        let (size, mtime_ns) = (stat.size, stat.mtime_ns);
        let seen = Seen { source: source.key.clone(), identity, size, mtime_ns, gone_ns: None };
        self.book.keep_seen(candidate.id(), &seen);
        self.claimed.insert(candidate.id());
    }

    /// Looks for each file that is not where it was, under every name of its source.
    pub fn find_displaced(&mut self, source: &Watched, all: &[Candidate], complete: bool) {
        // What is known by its content first: of the others only the inode is known.
        let mut displaced = std::mem::take(&mut self.displaced);
        displaced.sort_by_key(|cursor| (cursor.identity.head_len == 0, cursor.id));
        for mut cursor in displaced {
            if cursor.source != source.key {
                self.displaced.push(cursor);
                continue;
            }
            let (best, hope) = self.search(&cursor, all);
            match best {
                Some((candidate, look)) => {
                    if cursor.identity.head_len > 0 {
                        self.book.release(candidate.id(), cursor.identity.first);
                    } else {
                        // Nothing was taken yet: wherever it is now, it is read from its start.
                        (cursor.identity, cursor.carry) = Default::default();
                    }
                    let identity = cursor.identity;
                    match self.resume(cursor, &candidate, identity, look) {
                        Ok(open) => self.push(open),
                        Err(error) => self.cannot(&candidate, &error),
                    }
                }
                None if complete => self.found.absent.push((cursor, hope)),
                None => {}
            }
        }
    }

    /// The one with its own inode, else the longest.
    fn search(&mut self, cursor: &Cursor, all: &[Candidate]) -> (Option<(Candidate, Look)>, bool) {
        let mut best: Option<(Candidate, Look)> = None;
        let mut hope = false;
        for candidate in all
            .iter()
            .filter(|candidate| !self.claimed.contains(&candidate.id()))
            .cloned()
            .collect::<Vec<_>>()
        {
            let own = candidate.id() == (cursor.dev, cursor.ino);
            let nameless = cursor.is_nameless();
            // Of a nameless file only the inode is known, and that may be another's by now.
            let taken = nameless
                && (candidate.name.packing != Packing::Plain || self.unchanged(&candidate).is_some());
            if taken || (!own && (nameless || self.is_other(cursor, &candidate))) {
                continue;
            }
            let Ok(Some(mut look)) = look(self.ask, self.files, self.book, self.records, &candidate) else {
                hope |= candidate.name.packing != Packing::Plain && self.may_still_grow(&candidate);
                continue;
            };
            match cursor.compare(&mut look) {
                Ok(Likeness::Same) if own => return (Some((candidate, look)), false),
                Ok(Likeness::Same) if best.as_ref().is_none_or(|(_, best)| look.size > best.size) => {
                    best = Some((candidate, look));
                }
                Ok(Likeness::Shorter) => hope |= self.may_still_grow(&candidate),
                _ => {}
            }
        }
        (best, hope)
    }

    /// A seen file that did not change and begins otherwise need not be opened again.
    fn is_other(&self, cursor: &Cursor, candidate: &Candidate) -> bool {
        self.unchanged(candidate).is_some_and(|seen| seen.identity.first != cursor.identity.first)
    }

    fn unchanged(&self, candidate: &Candidate) -> Option<Seen> {
        let stat = (candidate.stat.size, candidate.stat.mtime_ns);
        self.book.seen(candidate.id()).filter(|seen| (seen.size, seen.mtime_ns) == stat)
    }

    fn may_still_grow(&self, candidate: &Candidate) -> bool {
        self.ask.tick.now_ns.saturating_sub(candidate.stat.mtime_ns) < 3_600_000_000_000
    }

    /// Files that are open but of which nothing was taken: now that they begin with a record,
    /// they may turn out to be copies.
    pub fn judge_untaken(&mut self, source: &Watched) {
        let untaken = |open: &Open| {
            open.cursor.source == source.key
                && open.cursor.identity.head_len == 0
                && open.start.first().is_some()
        };
        let (fresh, others) =
            std::mem::take(&mut self.found.open).into_iter().partition::<Vec<_>, _>(untaken);
        self.found.open = others;
        for open in fresh {
            let Open { cursor, file, start, stat, size, .. } = open;
            let mut look = Look { file, start, stat, size, packed: cursor.packed.is_some() };
            let path = std::path::PathBuf::from(&cursor.path);
            let name = super::names::read_name(&path.file_name().unwrap_or_default().to_string_lossy());
            let candidate = Candidate { path, name, stat, at_home: true };
            let verdict =
                judge(self.ask, self.book, &source.key, &self.found.open, &self.found.absent, &mut look);
            let id = cursor.id;
            let identity = match verdict {
                Ok(Verdict::Fresh) => cursor.identity,
                Ok(Verdict::Continues(identity)) => {
                    self.found_again(source, identity);
                    identity
                }
                Ok(Verdict::Copy(identity)) => {
                    self.book.drop_live(id);
                    self.keep_seen(source, &candidate, identity);
                    continue;
                }
                Ok(verdict @ (Verdict::Growing | Verdict::Later)) => {
                    self.found.more |= matches!(verdict, Verdict::Later);
                    self.unfinished(&candidate);
                    self.hold(cursor, look);
                    continue;
                }
                Err(error) => {
                    self.cannot(&candidate, &error);
                    continue;
                }
            };
            match self.resume(cursor, &candidate, identity, look) {
                Ok(open) => self.push(open),
                Err(error) => self.cannot(&candidate, &error),
            }
        }
    }

    fn hold(&mut self, cursor: Cursor, look: Look) {
        if let Ok(mut open) = self.opened(cursor, look) {
            open.stuck = true;
            self.push(open);
        }
    }

    /// New files are read from their start, copies are noted, rests are continued.
    pub fn take_in(&mut self, source: &Watched, all: &[Candidate]) {
        let since_ns = self.book.since_ns(&source.key).saturating_sub(SLACK_NS);
        for candidate in all {
            if self.claimed.contains(&candidate.id()) || self.unchanged(candidate).is_some() {
                continue;
            }
            if candidate.stat.mtime_ns < since_ns {
                self.note(source, candidate);
            } else if self.found.open.len() >= MOST_OPEN {
                self.found.more = true;
                self.unfinished(candidate);
            } else if let Err(error) = self.take_one(source, candidate) {
                self.cannot(candidate, &error);
            }
        }
    }

    fn take_one(&mut self, source: &Watched, candidate: &Candidate) -> io::Result<()> {
        let Some(mut look) = look(self.ask, self.files, self.book, self.records, candidate)? else {
            self.give_up(source, candidate);
            return Ok(());
        };
        match judge(self.ask, self.book, &source.key, &self.found.open, &self.found.absent, &mut look)? {
            Verdict::Copy(identity) => self.keep_seen(source, candidate, identity),
            Verdict::Growing => self.unfinished(candidate),
            Verdict::Later => {
                self.found.more = true;
                self.unfinished(candidate);
            }
            Verdict::Fresh => {
                let first = look.start.first().unwrap_or(0);
                let open = self.begin(source, candidate, Identity::default(), look)?;
                self.book.release(candidate.id(), first);
                self.push(open);
            }
            Verdict::Continues(identity) => {
                self.found_again(source, identity);
                let open = self.begin(source, candidate, identity, look)?;
                self.book.release(candidate.id(), identity.first);
                self.push(open);
            }
        }
        Ok(())
    }

    /// Whoever looked for the file that goes on here need not look any more.
    fn found_again(&mut self, source: &Watched, identity: Identity) {
        let book = &mut *self.book;
        self.found.absent.retain(|(cursor, _)| {
            let found = cursor.source == source.key && cursor.identity == identity;
            if found {
                book.drop_live(cursor.id);
            }
            !found
        });
    }

    /// A packed file that could not be read now: it may be whole later, or the time may suffice.
    fn give_up(&mut self, source: &Watched, candidate: &Candidate) {
        let tried = self.book.tried(candidate.id()).unwrap_or_default();
        self.found.more |= !tried.broken && tried.late < TRIES;
        if !tried.broken && tried.late < TRIES || self.may_still_grow(candidate) {
            self.unfinished(candidate);
        }
        // What a followed file leaves unread is told when nobody waits for it any more.
        let awaited = self.found.absent.iter().any(|(cursor, _)| cursor.source == source.key);
        if tried.late >= TRIES && !tried.broken && !awaited {
            self.book.keep_tried(candidate.id(), Some(Tried { broken: true, ..tried }));
            let path = candidate.path.to_string_lossy().into_owned();
            self.found.losses.push(Loss { path, bytes: candidate.stat.size, how: How::TooLate });
        }
    }

    fn begin(
        &mut self,
        source: &Watched,
        candidate: &Candidate,
        identity: Identity,
        look: Look,
    ) -> io::Result<Open> {
        let id = self.book.next_id();
        let cursor = Cursor { id, source: source.key.clone(), ..Cursor::default() };
        self.resume(cursor, candidate, identity, look)
    }

    /// Points a cursor at a file.
    fn resume(
        &mut self,
        mut cursor: Cursor,
        candidate: &Candidate,
        identity: Identity,
        mut look: Look,
    ) -> io::Result<Open> {
        if cursor.carry == Carry::default() {
            // A file that was cut short goes on without a header line of its own.
            let own = if identity.offset > 0 { look.header()? } else { String::new() };
            let known = self.book.header(&cursor.source);
            if known.is_empty() && !own.is_empty() {
                self.book.note_header(&cursor.source, &own, None);
            }
            cursor.carry.header = if own.is_empty() { known } else { own };
        }
        cursor.path = candidate.path.to_string_lossy().into_owned();
        (cursor.dev, cursor.ino) = (look.stat.dev, look.stat.ino);
        cursor.packed = look.packed.then_some((look.stat.size, look.stat.mtime_ns));
        cursor.identity = identity;
        self.opened(cursor, look)
    }

    fn push(&mut self, open: Open) {
        self.claimed.insert((open.stat.dev, open.stat.ino));
        self.found.open.push(open);
    }

    /// It must be looked at again in the next run, though its folder may not have changed.
    fn unfinished(&mut self, candidate: &Candidate) {
        if let Some(folder) = candidate.path.parent() {
            self.found.folders.unfinished(folder);
        }
    }

    fn cannot(&mut self, candidate: &Candidate, error: &io::Error) {
        self.unfinished(candidate);
        if !is_gone(error) {
            self.book.complain(denied(&candidate.path, error));
        }
    }
}

/// Behind the last line end, looked for as far back as a record can be long.
fn last_line_end(file: &mut dyn OpenFile, size: u64) -> io::Result<u64> {
    let mut bytes = vec![0; 64 * 1_024];
    let lowest = size.saturating_sub(LONGEST_RECORD as u64);
    let mut end = size;
    while end > lowest {
        let begin = end.saturating_sub(bytes.len() as u64);
        let wanted = usize::try_from(end - begin).unwrap_or(0);
        let n = file.read_at(bytes.get_mut(..wanted).unwrap_or(&mut []), begin)?;
        if let Some(at) = memchr::memrchr(b'\n', bytes.get(..n).unwrap_or(&[])) {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(end)
}
