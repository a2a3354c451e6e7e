//! For tests: a folder, real or simulated, that a mail server writes to and a follower reads. It judges nothing.

use super::files::{Disk, Files, OpenFile, Stat};
use super::{Follow, follow};
use crate::record::{Delivery, Finding, LogLine, Notes, Sample, Seconds, Sink, Tick, Value};
use crate::sources::SourceError;
use crate::sources::accounting::Reader;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

pub const HEADER: &str = "type,timeLogged,rcpt,dlvSize\n";
pub const BEGIN: Seconds = 1_700_000_000;

/// What happens to files; paths are relative to the root.
pub trait Ground: Files {
    fn root(&self) -> PathBuf;
    fn append(&self, path: &str, bytes: &[u8], now: Seconds);
    fn rename(&self, from: &str, to: &str, now: Seconds);
    fn copy(&self, from: &str, to: &str, now: Seconds);
    fn truncate(&self, path: &str, now: Seconds);
    fn remove(&self, path: &str, now: Seconds);
    fn content(&self, path: &str) -> Vec<u8>;
    /// From now on new files get inode numbers that were free, where that can be arranged.
    fn reuse_inodes(&self) {}

    /// As gzip does: the new file is whole before the old one goes, and keeps its time.
    fn gzip(&self, path: &str, now: Seconds) {
        let packed = gzip(&self.content(path));
        self.append(&format!("{path}.gz"), &packed, now);
        self.remove(path, now);
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn gunzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out).ok().map(|_| out)
}

/// A temporary folder. Times are set by hand, so that no test depends on the clock.
pub struct Real(tempfile::TempDir);

impl Real {
    pub fn new() -> Real {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("moved")).unwrap();
        Real(root)
    }

    fn stamp(&self, path: &str, now: Seconds) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(now).unwrap());
        let path = self.root().join(path);
        if let Ok(file) = std::fs::File::open(&path) {
            file.set_modified(time).unwrap();
        }
    }

    fn stamp_folder(&self, path: &str, now: Seconds) {
        self.stamp(path.rsplit_once('/').map_or("", |(folder, _)| folder), now);
    }
}

impl Files for Real {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        Disk.list(folder)
    }
    fn folder_mtime(&self, folder: &Path) -> io::Result<i64> {
        Disk.folder_mtime(folder)
    }
    fn stat(&self, path: &Path) -> io::Result<Stat> {
        Disk.stat(path)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        Disk.open(path)
    }
}

impl Ground for Real {
    fn root(&self) -> PathBuf {
        self.0.path().to_owned()
    }
    fn append(&self, path: &str, bytes: &[u8], now: Seconds) {
        let full = self.root().join(path);
        let new = !full.exists();
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(full).unwrap();
        file.write_all(bytes).unwrap();
        self.stamp(path, now);
        if new {
            self.stamp_folder(path, now);
        }
    }
    fn rename(&self, from: &str, to: &str, now: Seconds) {
        std::fs::rename(self.root().join(from), self.root().join(to)).unwrap();
        self.stamp_folder(from, now);
        self.stamp_folder(to, now);
    }
    fn copy(&self, from: &str, to: &str, now: Seconds) {
        std::fs::copy(self.root().join(from), self.root().join(to)).unwrap();
        self.stamp(to, now);
        self.stamp_folder(to, now);
    }
    fn truncate(&self, path: &str, now: Seconds) {
        std::fs::File::create(self.root().join(path)).unwrap();
        self.stamp(path, now);
    }
    fn remove(&self, path: &str, now: Seconds) {
        std::fs::remove_file(self.root().join(path)).unwrap();
        self.stamp_folder(path, now);
    }
    fn content(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.root().join(path)).unwrap()
    }
}

/// What the follower said in one run.
#[derive(Default)]
pub struct Heard {
    pub records: Vec<u32>,
    pub events: Vec<String>,
    pub counters: BTreeMap<String, i64>,
    pub watermarks: Vec<Seconds>,
    /// More was there than could be read.
    pub behind: bool,
    pub enough_after: Option<usize>,
    pub asked: Cell<usize>,
}

impl Sink for Heard {
    fn sample(&mut self, sample: Sample) {
        for (name, value) in sample.fields {
            if let Value::Int(value) = value {
                self.counters.insert(name.to_owned(), value);
            }
        }
    }
    fn delivery(&mut self, record: &Delivery<'_>) {
        let domain = std::str::from_utf8(record.rcpt_domain).unwrap();
        self.records.push(domain.trim_start_matches('r').trim_end_matches(".example").parse().unwrap());
    }
    fn line(&mut self, _: &LogLine<'_>) {}
    fn event(&mut self, finding: Finding) {
        self.events.push(finding.message);
    }
    fn watermark(&mut self, time: Seconds) {
        self.watermarks.push(time);
    }
    fn behind(&mut self) {
        self.behind = true;
    }
    fn enough(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.enough_after.is_some_and(|pieces| self.asked.get() > pieces)
    }
}

/// A server that writes numbered records, and a follower.
pub struct Trial {
    pub ground: Rc<dyn Ground>,
    pub notes: Notes,
    pub now: Seconds,
    pub written: u32,
    pub from_start: bool,
    /// The deadline is over before the run begins.
    pub late: bool,
    pub pattern: &'static str,
}

impl Trial {
    pub fn new(ground: Rc<dyn Ground>) -> Trial {
        Trial {
            ground,
            notes: Notes::default(),
            now: BEGIN,
            written: 0,
            from_start: false,
            late: false,
            pattern: "acct.csv",
        }
    }

    pub fn record(&mut self) -> String {
        self.written += 1;
        format!("d,{},user@r{}.example,{}\n", self.now, self.written, 400 + self.written % 100)
    }

    /// Appends whole records, with a header when the file is new.
    pub fn write(&mut self, path: &str, count: u32) {
        let mut text = if self.exists(path) { String::new() } else { HEADER.to_owned() };
        for _ in 0..count {
            text += &self.record();
        }
        self.ground.append(path, text.as_bytes(), self.now);
    }

    pub fn exists(&self, path: &str) -> bool {
        self.ground.stat(&self.ground.root().join(path)).is_ok()
    }

    pub fn run(&mut self, heard: &mut Heard) -> Result<(), SourceError> {
        let root = self.ground.root();
        let patterns = [root.join(self.pattern).to_str().unwrap().to_owned()];
        let moved = [root.join("moved")];
        let started = Instant::now();
        let time = Duration::from_secs(if self.late { 0 } else { 600 });
        let tick = Tick { now_ns: self.now * 1_000_000_000, started, deadline: started + time };
        let ask = Follow {
            name: "accounting",
            patterns: &patterns,
            moved: &moved,
            from_start: self.from_start,
            tells_time: true,
            tick,
        };
        let files: &dyn Files = &*self.ground;
        follow(&ask, files, &mut self.notes, &mut Reader::new(self.now), heard)
    }

    /// Ten seconds later, a run.
    pub fn tick(&mut self) -> Heard {
        self.now += 10;
        let mut heard = Heard::default();
        self.run(&mut heard).unwrap();
        heard
    }

    /// Runs until everything that can be settled is.
    pub fn ticks(&mut self, count: usize) -> Vec<u32> {
        (0..count).flat_map(|_| self.tick().records).collect()
    }
}
