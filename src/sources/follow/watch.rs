//! Which sources there are and what their folders list. It opens no file.

use super::book::{Book, FolderNote, GlobNote, SourceNote};
use super::names::{Name, Packing, glob_matches, is_glob, read_name};
use super::search::Candidate;
use super::{Files, Follow, SourceError};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Clocks of file systems lag behind the wall clock, and some count whole seconds.
pub const SLACK_NS: i64 = 2_000_000_000;
/// A folder is listed anew after this long even when it seems unchanged.
const STALE_NS: i64 = 300_000_000_000;

/// One base name in one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    pub key: String,
    pub folder: PathBuf,
    pub base: String,
    /// Nobody has looked at it before.
    pub first_sight: bool,
}

/// What a folder lists, with the names taken apart.
type Names = Rc<Vec<(String, Name)>>;

/// The folders as they are in this run; each is listed at most once.
pub struct Folders<'a> {
    files: &'a dyn Files,
    now_ns: i64,
    notes: BTreeMap<PathBuf, FolderNote>,
    changed: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, Option<Names>>,
    /// Folders that must be looked at again in the next run.
    unfinished: BTreeSet<PathBuf>,
}

impl<'a> Folders<'a> {
    pub fn new(files: &'a dyn Files, now_ns: i64) -> Folders<'a> {
        let (notes, changed, names, unfinished) = Default::default();
        Folders { files, now_ns, notes, changed, names, unfinished }
    }

    /// Whether anything may have been created, renamed or removed since the last listing.
    pub fn changed(&mut self, book: &mut Book<'_>, folder: &Path) -> bool {
        if self.notes.contains_key(folder) {
            return self.changed.contains(folder);
        }
        let mtime_ns = match self.files.folder_mtime(folder) {
            Ok(mtime_ns) => mtime_ns,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    book.complain(denied(folder, &error));
                }
                -1
            }
        };
        let note = FolderNote { mtime_ns, listed_ns: self.now_ns };
        let old = book.state.folders.get(&folder.to_string_lossy().into_owned());
        // A change within the clock's own steps may leave the time as it was.
        let same = old.is_some_and(|old| {
            let settled = old.listed_ns.saturating_sub(old.mtime_ns) >= SLACK_NS;
            let age = self.now_ns.saturating_sub(old.listed_ns);
            old.mtime_ns == mtime_ns && settled && (0..STALE_NS).contains(&age)
        });
        self.notes.insert(folder.to_owned(), note);
        if !same {
            self.changed.insert(folder.to_owned());
        }
        !same
    }

    /// `None` when the folder cannot be listed; one that does not exist is empty.
    pub fn names(&mut self, book: &mut Book<'_>, folder: &Path) -> Option<Names> {
        self.changed(book, folder);
        if let Some(names) = self.names.get(folder) {
            return names.clone();
        }
        let names = match self.files.list(folder) {
            Ok(names) => Some(names),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Vec::new()),
            Err(error) => {
                book.complain(denied(folder, &error));
                None
            }
        };
        let read = |name: String| (read_name(&name), name);
        let names =
            names.map(|names| Rc::new(names.into_iter().map(read).map(|(name, raw)| (raw, name)).collect()));
        self.names.insert(folder.to_owned(), names.clone());
        names
    }

    pub fn unfinished(&mut self, folder: &Path) {
        self.unfinished.insert(folder.to_owned());
    }

    /// What was listed completely need not be listed again while it stays as it is.
    pub fn note(&self, book: &mut Book<'_>) {
        for (folder, note) in &self.notes {
            let listed = self.names.get(folder).is_some_and(Option::is_some);
            let key = folder.to_string_lossy().into_owned();
            if self.unfinished.contains(folder) {
                book.state.folders.remove(&key);
            } else if listed {
                book.state.folders.insert(key, *note);
            }
        }
    }
}

/// The sources that the patterns name, each with its folder.
pub fn discover(ask: &Follow<'_>, folders: &mut Folders<'_>, book: &mut Book<'_>) -> Vec<Watched> {
    let mut watched: Vec<Watched> = Vec::new();
    for pattern in ask.patterns {
        let path = Path::new(pattern);
        let (Some(folder), Some(last)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            continue;
        };
        let bases = if is_glob(last) {
            bases_of(ask, folders, book, pattern, folder, last)
        } else {
            vec![read_name(last).base]
        };
        for base in bases {
            let key = folder.join(&base).to_string_lossy().into_owned();
            if watched.iter().all(|source| source.key != key) {
                let first_sight = !book.state.sources.contains_key(&key);
                watched.push(Watched { key, folder: folder.to_owned(), base, first_sight });
            }
        }
    }
    watched
}

/// The base names that a glob has matched so far. One that appears later is not new to us: its
/// pattern was watched before it was there.
fn bases_of(
    ask: &Follow<'_>,
    folders: &mut Folders<'_>,
    book: &mut Book<'_>,
    pattern: &str,
    folder: &Path,
    last: &str,
) -> Vec<String> {
    let known = book.state.globs.get(pattern).cloned();
    if let Some(known) = known.as_ref().filter(|_| !folders.changed(book, folder)) {
        return known.bases.clone();
    }
    let Some(names) = folders.names(book, folder) else {
        return known.map(|known| known.bases).unwrap_or_default();
    };
    let matching =
        names.iter().filter(|(raw, name)| name.packing == Packing::Plain && glob_matches(last, raw));
    let mut bases: BTreeSet<String> = matching.map(|(_, name)| name.base.clone()).collect();
    let since_ns = match &known {
        Some(known) => known.since_ns,
        None if ask.from_start => i64::MIN,
        None => ask.tick.now_ns,
    };
    if let Some(known) = known {
        for base in bases.iter().filter(|base| !known.bases.contains(base)) {
            let key = folder.join(base).to_string_lossy().into_owned();
            book.state.sources.entry(key).or_insert(SourceNote { since_ns, ..SourceNote::default() });
        }
        bases.extend(known.bases);
    }
    let bases: Vec<String> = bases.into_iter().collect();
    book.state.globs.insert(pattern.to_owned(), GlobNote { since_ns, bases: bases.clone() });
    bases
}

/// Every file of a source, oldest first; the flag is false when a folder could not be listed.
pub fn candidates(
    ask: &Follow<'_>,
    files: &dyn Files,
    folders: &mut Folders<'_>,
    book: &mut Book<'_>,
    source: &Watched,
) -> (Vec<Candidate>, bool) {
    let mut found = Vec::new();
    let mut complete = true;
    let home = std::iter::once(&source.folder);
    for folder in home.chain(ask.moved.iter().filter(|moved| **moved != source.folder)) {
        let Some(names) = folders.names(book, folder) else {
            complete = false;
            continue;
        };
        for (raw, name) in names.iter().filter(|(_, name)| name.base == source.base) {
            let path = folder.join(raw);
            if let Ok(stat) = files.stat(&path) {
                let at_home = *folder == source.folder;
                found.push(Candidate { path, name: name.clone(), stat, at_home });
            }
        }
    }
    found.sort_by(|a, b| (a.stat.mtime_ns, &a.path).cmp(&(b.stat.mtime_ns, &b.path)));
    (found, complete)
}

pub fn denied(path: &Path, error: &io::Error) -> SourceError {
    let what = path.to_string_lossy().into_owned();
    if error.kind() == io::ErrorKind::PermissionDenied {
        let advice = "add the user that runs pmta-vitals to PowerMTA's group".to_owned();
        return SourceError::Denied { what, why: "permission denied".to_owned(), advice };
    }
    SourceError::Io { what, why: io::Error::new(error.kind(), error.to_string()) }
}
