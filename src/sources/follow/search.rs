//! Finds out what a file on the disk is: new, a copy of a known one, or the rest of one. It moves no cursor.

use super::book::{Book, Cursor, FileId, Tried};
use super::identity::{Identity, Likeness, Start, hash, tail_of};
use super::names::{Name, Packing};
use super::packed::{Unpacked, Whole};
use super::pump::Open;
use super::{Files, Follow, OpenFile, Records, Stat};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A copy that has not changed for so long is not being written any more.
const STILL_NS: i64 = 60_000_000_000;
/// A packed file that is not done within this many runs is given up.
pub const TRIES: u32 = 3;
/// Runs that had less time than this for it do not count.
const FAIR: Duration = Duration::from_secs(1);

/// A file that a folder lists under a name of the source.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub path: PathBuf,
    pub name: Name,
    pub stat: Stat,
    /// In the source's own folder, not in a moved one.
    pub at_home: bool,
}

impl Candidate {
    pub fn id(&self) -> FileId {
        (self.stat.dev, self.stat.ino)
    }
}

/// A candidate opened and looked into.
pub struct Look {
    pub file: Box<dyn OpenFile>,
    pub start: Start,
    pub stat: Stat,
    /// How long its content is.
    pub size: u64,
    pub packed: bool,
}

pub enum Verdict {
    Fresh,
    /// Everything in it is known (or will be, from the file it is a copy of).
    Copy(Identity),
    /// The rest of a known file whose content is nowhere else.
    Continues(Identity),
    /// A copy that is still being written.
    Growing,
    /// A file that begins alike is read first; then it shows what this one is.
    Later,
}

/// Opens a file; `None` when it cannot be read now. A packed one must unpack to its trailer.
pub fn look(
    ask: &Follow<'_>,
    files: &dyn Files,
    book: &mut Book<'_>,
    records: &dyn Records,
    candidate: &Candidate,
) -> io::Result<Option<Look>> {
    let file = files.open(&candidate.path)?;
    let stat = file.stat()?;
    let preface = |start: &[u8]| records.preface(start);
    if candidate.name.packing == Packing::Plain {
        let mut file = file;
        let start = Start::read(file.as_mut(), &preface)?;
        return Ok(Some(Look { file, start, stat, size: stat.size, packed: false }));
    }
    let tried =
        book.tried(candidate.id()).filter(|tried| (tried.size, tried.mtime_ns) == (stat.size, stat.mtime_ns));
    if tried.is_some_and(|tried| tried.broken || tried.late >= TRIES) {
        return Ok(None);
    }
    let mut file = Unpacked::new(file)?;
    let time = ask.tick.left() / 2;
    let (start, whole) = unpack(time, book, &preface, &mut file)?;
    if let Whole::Yes(size) = whole {
        book.keep_tried(candidate.id(), None);
        return Ok(Some(Look { file: Box::new(file), start, stat, size, packed: true }));
    }
    let late = tried.map_or(0, |tried| tried.late) + u32::from(whole == Whole::Late && time >= FAIR);
    let broken = whole == Whole::No;
    book.keep_tried(candidate.id(), Some(Tried { size: stat.size, mtime_ns: stat.mtime_ns, late, broken }));
    Ok(None)
}

fn unpack(
    time: Duration,
    book: &Book<'_>,
    preface: &dyn Fn(&[u8]) -> usize,
    file: &mut Unpacked,
) -> io::Result<(Start, Whole)> {
    let Ok(start) = Start::read(file, preface) else { return Ok((Start::default(), Whole::No)) };
    let claimed = u64::from(file.claimed_length()?);
    if is_finished(book, &start, claimed) {
        return Ok((start, Whole::Yes(claimed)));
    }
    let give_up = Instant::now() + time;
    let whole = file.verify(&|| Instant::now() >= give_up)?;
    Ok((start, whole))
}

/// A known file with this beginning was read to exactly the length that the trailer claims: the
/// rest need not be unpacked to know that nothing in it is new.
fn is_finished(book: &Book<'_>, start: &Start, claimed: u64) -> bool {
    let Some(first) = start.first() else { return false };
    let agrees = |identity: &Identity| identity.offset == claimed && identity.agrees_at_head(start);
    book.live().iter().any(|cursor| agrees(&cursor.identity))
        || book
            .sources()
            .iter()
            .any(|source| book.seen_by_first(source, first).iter().any(|(_, seen)| agrees(&seen.identity)))
}

impl Cursor {
    /// No data was ever seen in it: only its inode tells it from others.
    pub fn is_nameless(&self) -> bool {
        self.identity.head_len == 0 && self.met_len == 0
    }

    /// Whether all that was met of an unread file stands at the beginning of this one.
    pub fn begins(&self, open: &Open) -> bool {
        let unread = self.identity.head_len == 0 && self.met_len > 0 && self.source == open.cursor.source;
        unread && open.start.data.get(..self.met_len).is_some_and(|data| hash(data) == self.met)
    }

    /// Whether a file is the one that is followed. Of a file that was met and not read yet only
    /// its beginning and its length are known, or nothing but where it is.
    pub fn compare(&self, look: &mut Look) -> io::Result<Likeness> {
        let own = (look.stat.dev, look.stat.ino) == (self.dev, self.ino);
        if self.identity.head_len > 0 {
            return self.identity.compare(&look.start, look.file.as_mut(), look.size);
        }
        let alike = match self.met_len {
            0 => own && self.identity.compare(&look.start, look.file.as_mut(), look.size)? == Likeness::Same,
            length => {
                let header = self.identity.offset == 0 || look.start.preface == self.identity.preface;
                header && look.start.data.get(..length).is_some_and(|data| hash(data) == self.met)
            }
        };
        Ok(match alike {
            true if look.size >= self.size => Likeness::Same,
            true if !own => Likeness::Shorter,
            _ => Likeness::Other,
        })
    }
}

/// Compares a file with everything that is known of its source.
pub fn judge(
    ask: &Follow<'_>,
    book: &Book<'_>,
    source: &str,
    open: &[Open],
    absent: &[(Cursor, bool)],
    look: &mut Look,
) -> io::Result<Verdict> {
    let Some(first) = look.start.first() else { return Ok(Verdict::Fresh) };
    let own = (look.stat.dev, look.stat.ino);
    let mut best: Option<(Identity, bool)> = None;
    let mut growing = None;
    let unread = |open: &Open| open.cursor.identity.head_len == 0 && open.start.first() == Some(first);
    let rival = |open: &&Open| (open.stat.dev, open.stat.ino) != own && open.cursor.source == source;
    if open.iter().filter(rival).any(unread) {
        return Ok(Verdict::Later);
    }
    let live =
        open.iter().filter(|open| (open.stat.dev, open.stat.ino) != own).map(|open| (&open.cursor, true));
    let live = live.chain(absent.iter().map(|(cursor, _)| (cursor, false)));
    let live = live.filter(|(cursor, _)| cursor.source == source && cursor.identity.first == first);
    let mut known: Vec<(Identity, bool)> = live.map(|(cursor, here)| (cursor.identity, here)).collect();
    known.extend(book.seen_by_first(source, first).into_iter().map(|(_, seen)| (seen.identity, false)));
    for (identity, held) in known.into_iter().filter(|(identity, _)| identity.head_len > 0) {
        match identity.compare(&look.start, look.file.as_mut(), look.size)? {
            Likeness::Same if best.is_none_or(|(best, _)| identity.offset >= best.offset) => {
                best = Some((
                    identity,
                    held || best.is_some_and(|(best, held)| held && best.offset == identity.offset),
                ));
            }
            Likeness::Shorter => growing = Some(identity),
            Likeness::Same | Likeness::Other => {}
        }
    }
    let still = ask.tick.now_ns.saturating_sub(look.stat.mtime_ns) >= STILL_NS;
    Ok(match (best, growing) {
        (_, Some(_)) if !still && !look.packed => Verdict::Growing,
        (Some((identity, _)), Some(_)) => Verdict::Copy(identity),
        (None, Some(_)) => Verdict::Copy(look.identity_at(look.size)?),
        (Some((identity, held)), None) if held || look.size <= identity.offset => Verdict::Copy(identity),
        (Some((identity, _)), None) => Verdict::Continues(identity),
        (None, None) => Verdict::Fresh,
    })
}

impl Look {
    /// What is remembered of the file when it was taken up to `offset`.
    pub fn identity_at(&mut self, offset: u64) -> io::Result<Identity> {
        let mut identity = Identity { offset, ..Identity::default() };
        let tail = tail_of(self.file.as_mut(), offset)?;
        identity.settle(&self.start, &tail);
        Ok(identity)
    }

    /// The header line that stands before the data, without its end.
    pub fn header(&mut self) -> io::Result<String> {
        let length = usize::try_from(self.start.preface).unwrap_or(0);
        let mut bytes = vec![0; length];
        let n = self.file.read_at(&mut bytes, 0)?;
        bytes.truncate(n);
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned())
    }
}
