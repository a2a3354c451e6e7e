//! Reads the configuration file by file and tells a listener each group and directive, in order.
//! It follows includes within bounds and knows no directive but `include`.

use super::discovered::{Problem, Seen, Stamp};
use super::lines::{Directive, LONGEST_LINE, Line, read_line};
use super::wildcard;
use crate::sources::follow::hash;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const MOST_FILES: usize = 512;
const MOST_BYTES: u64 = 16 << 20;
const MOST_DEPTH: usize = 16;
const MOST_GROUPS: usize = 16;
const MOST_PROBLEMS: usize = 100;
const MOST_WILDCARDS: usize = 256;

/// Groups whose name may be repeated in a problem: any other could be a secret that lost its line.
const KNOWN_GROUPS: &[&str] = &[
    "acct-file",
    "bounce-category-patterns",
    "bounce-processor",
    "domain",
    "feedback-loop-processor",
    "mx-rollup-list",
    "pattern-list",
    "smtp-pattern-list",
    "smtp-user",
    "source",
    "spool",
    "virtual-mta",
    "virtual-mta-pool",
];

/// Where a line stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) file: &'a Path,
    pub(super) line: usize,
}

/// Who is told what stands in the configuration. `groups` are the open ones, outermost first.
pub(super) trait Reads {
    fn open(&mut self, groups: &[Group], at: At<'_>, problems: &mut Problems);
    fn directive(&mut self, said: &Directive<'_>, groups: &[Group], at: At<'_>, problems: &mut Problems);
    fn close(&mut self, group: &Group);
}

#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) tag: String,
    pub(super) arg: String,
}

/// What came of reading.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) readable: bool,
    /// Of every file that was read, in order.
    pub(super) fingerprint: u64,
    pub(super) stamps: Vec<Stamp>,
    pub(super) not_fetched: Vec<String>,
    pub(super) problems: Problems,
}

/// A bounded list of problems.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, at: At<'_>, text: impl Into<String>) {
        if self.0.len() < MOST_PROBLEMS {
            self.0.push(Problem { file: at.file.to_owned(), line: at.line, text: text.into() });
        }
    }
}

pub(super) fn read(path: &Path, hears: &mut dyn Reads) -> Reading {
    let mut reader = Reader {
        hears,
        groups: Vec::new(),
        open: Vec::new(),
        bytes: 0,
        files: 0,
        wildcards: 0,
        out: Reading::default(),
    };
    // Read before the main file by PowerMTA itself; there is none on older hosts.
    let defaults = path.with_file_name("config-defaults");
    if defaults != path {
        reader.stamp(&defaults);
        if defaults.exists() {
            reader.file(&defaults, At { file: &defaults, line: 0 });
        }
    }
    reader.out.readable = reader.file(path, At { file: path, line: 0 });
    reader.out
}

/// What the world says of a path now.
pub(super) fn seen(path: &Path) -> Option<Seen> {
    let found = std::fs::metadata(path).ok()?;
    let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
    Some(Seen {
        modified_ns: ns(found.mtime(), found.mtime_nsec()),
        changed_ns: ns(found.ctime(), found.ctime_nsec()),
        size: found.size(),
        inode: found.ino(),
    })
}

struct Reader<'a> {
    hears: &'a mut dyn Reads,
    groups: Vec<Group>,
    /// The files being read, outermost first: device and inode, to see a loop.
    open: Vec<(u64, u64)>,
    bytes: u64,
    /// How many were opened, the same one twice counted twice.
    files: usize,
    wildcards: usize,
    out: Reading,
}

impl Reader<'_> {
    fn stamp(&mut self, path: &Path) {
        if self.out.stamps.len() < 2 * MOST_FILES && !self.out.stamps.iter().any(|stamp| stamp.path == path) {
            self.out.stamps.push(Stamp { path: path.to_owned(), seen: seen(path), denied: false });
        }
    }

    /// Reads one file; `from` is where it is included, for problems.
    fn file(&mut self, path: &Path, from: At<'_>) -> bool {
        self.stamp(path);
        let (text, identity) = match self.text_of(path) {
            Ok(found) => found,
            Err(why) => {
                self.out.problems.add(from, format!("cannot read {}: {why}", path.display()));
                return false;
            }
        };
        self.open.push(identity);
        let before = self.out.fingerprint.to_le_bytes();
        self.out.fingerprint = hash(&[&before, text.as_bytes()].concat());
        let outside = self.groups.len();
        for (number, line) in text.lines().enumerate() {
            self.line(line, outside, At { file: path, line: number + 1 });
        }
        while self.groups.len() > outside {
            let tag = self.groups.last().map_or("...", |group| shown(&group.tag));
            self.out.problems.add(At { file: path, line: 0 }, format!("<{tag}> is never closed"));
            self.close();
        }
        self.open.pop();
        true
    }

    fn text_of(&mut self, path: &Path) -> Result<(String, (u64, u64)), String> {
        let found = std::fs::metadata(path).map_err(|why| why.to_string())?;
        if !found.is_file() {
            return Err("it is no file".to_owned());
        }
        let identity = (found.dev(), found.ino());
        if self.open.contains(&identity) {
            return Err("it includes itself".to_owned());
        }
        if self.open.len() >= MOST_DEPTH {
            return Err(format!("includes are nested deeper than {MOST_DEPTH}"));
        }
        if self.files >= MOST_FILES || self.bytes + found.len() > MOST_BYTES {
            return Err(format!("more than {MOST_FILES} files or {} MiB of configuration", MOST_BYTES >> 20));
        }
        self.files += 1;
        let file = std::fs::File::open(path).map_err(|why| {
            if let Some(stamp) = self.out.stamps.iter_mut().find(|stamp| stamp.path == path) {
                stamp.denied = true;
            }
            why.to_string()
        })?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES - self.bytes).read_to_end(&mut bytes).map_err(|why| why.to_string())?;
        self.bytes += u64::try_from(bytes.len()).unwrap_or(MOST_BYTES);
        let text = String::from_utf8_lossy(&bytes);
        Ok((text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned(), identity))
    }

    fn line(&mut self, line: &str, outside: usize, at: At<'_>) {
        if line.len() > LONGEST_LINE {
            self.out.problems.add(at, format!("a line of {} bytes is no configuration", line.len()));
            return;
        }
        match read_line(line) {
            Line::Empty => {}
            Line::Broken => self.out.problems.add(at, "a group without its >"),
            Line::Open { tag, arg } => {
                if self.groups.len() >= MOST_GROUPS {
                    self.out.problems.add(at, format!("groups are nested deeper than {MOST_GROUPS}"));
                    return;
                }
                self.groups.push(Group { tag, arg });
                self.hears.open(&self.groups, at, &mut self.out.problems);
            }
            Line::Close { tag } => self.close_to(&tag, outside, at),
            Line::Directive(said) if said.name == "include" => self.include(&said.value(), at),
            Line::Directive(said) => self.hears.directive(&said, &self.groups, at, &mut self.out.problems),
        }
    }

    /// Closes the named group and whatever was left open in it, but none opened by another file.
    fn close_to(&mut self, tag: &str, outside: usize, at: At<'_>) {
        let own = self.groups.get(outside..).unwrap_or_default();
        let Some(found) = own.iter().rposition(|group| group.tag == tag) else {
            self.out.problems.add(at, format!("</{}> closes nothing", shown(tag)));
            return;
        };
        while self.groups.len() > outside + found {
            if self.groups.len() > outside + found + 1 {
                let open = self.groups.last().map_or("...", |group| shown(&group.tag));
                self.out.problems.add(at, format!("<{open}> is not closed before </{}>", shown(tag)));
            }
            self.close();
        }
    }

    fn close(&mut self) {
        if let Some(group) = self.groups.pop() {
            self.hears.close(&group);
        }
    }

    fn include(&mut self, target: &str, at: At<'_>) {
        if target.contains("://") {
            if self.out.not_fetched.len() < MOST_PROBLEMS {
                self.out.not_fetched.push(without_secrets(target));
            }
            return;
        }
        let folder = at.file.parent().unwrap_or(Path::new("/"));
        let path: PathBuf = folder.join(target);
        if !wildcard::has_wildcard(target) {
            self.file(&path, at);
            return;
        }
        self.wildcards += 1;
        if self.wildcards > MOST_WILDCARDS {
            self.out.problems.add(at, format!("more than {MOST_WILDCARDS} includes with wildcards"));
            return;
        }
        self.stamp(&wildcard::folder_of(&path));
        for found in wildcard::expand(&path, MOST_FILES) {
            self.file(&found, at);
        }
    }
}

/// A URL without user, password, query and fragment.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = host.rsplit('@').next().unwrap_or_default();
    let whole = path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"));
    whole.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// A group's name, if it is one.
fn shown(tag: &str) -> &str {
    KNOWN_GROUPS.iter().find(|known| **known == tag).copied().unwrap_or("...")
}
