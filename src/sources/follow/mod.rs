//! The new whole lines of growing, rotating files. It knows no record format: whoever calls says what a whole record is.
//!
//! A one-shot process cannot hold a file open, so a file is known by its content (`identity`),
//! wherever it is moved, renamed, copied or packed to. All that is remembered lives in the
//! caller's `Memory`, in the same transaction as the totals that the records raised.

mod arrivals;
mod book;
mod files;
mod identity;
mod lines;
mod locate;
mod names;
mod packed;
mod pump;
mod search;
mod settle;
mod watch;

#[cfg(test)]
mod failures_tests;
#[cfg(test)]
mod model;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod trial;
#[cfg(test)]
mod world_tests;

pub use book::{Totals, rejected};
pub use files::{Disk, Files, OpenFile, Stat};
pub use identity::hash;
pub use lines::Lines;
pub use names::FOREIGN;
pub use packed::Unpacked;
pub use settle::LOST;

use super::SourceError;
use crate::record::{Memory, Seconds, Sink, Tick};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A record longer than this is skipped and counted.
pub const LONGEST_RECORD: usize = 1 << 20;

/// What to follow.
pub struct Follow<'a> {
    /// The tag `source` of the counters.
    pub name: &'static str,
    /// Paths of live files; `*` and `?` may stand in the last component.
    pub patterns: &'a [String],
    /// Folders that finished files are moved to.
    pub moved: &'a [PathBuf],
    /// Sources without cursors are read from their start.
    pub from_start: bool,
    /// Whether the records' times are what judging goes by (design section 3.6).
    pub tells_time: bool,
    pub tick: Tick,
}

/// A piece of a file that begins where the last record ended.
pub struct Piece<'a> {
    pub bytes: &'a [u8],
    /// Where in the file it begins.
    pub at: u64,
    /// Nothing will ever follow: what stands at the end is all there is of it.
    pub ended: bool,
}

/// What became of a piece.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Bytes that need not be looked at again.
    pub bytes: usize,
    pub records: u64,
    pub rejected: u64,
    pub bad_time: u64,
    /// The newest plausible record time among them.
    pub newest: Option<Seconds>,
    /// What was wrong with the first rejected record, and where in the piece it began.
    pub fault: Option<(&'static str, usize)>,
}

impl Taken {
    /// Adds what became of the piece behind this one.
    pub fn add(&mut self, next: &Taken) {
        self.fault = self.fault.or(next.fault.map(|(fault, at)| (fault, self.bytes + at)));
        self.bytes += next.bytes;
        self.records += next.records;
        self.rejected += next.rejected;
        self.bad_time += next.bad_time;
        self.newest = self.newest.max(next.newest);
    }
}

/// What a reader of records must keep of a file between two pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Carry {
    /// The header line in force, without its end.
    pub header: String,
    /// Looking for the next line that begins like a record.
    pub skipping: bool,
    /// In the middle of a line that is being skipped.
    pub midline: bool,
}

/// Takes whole records out of pieces.
pub trait Records {
    /// Takes every whole record of the piece. Without progress it is asked again with a longer
    /// piece, up to `LONGEST_RECORD` bytes, and must then take at least one byte.
    fn take(&mut self, piece: &Piece<'_>, carry: &mut Carry, sink: &mut dyn Sink) -> Taken;
    /// How many bytes at the beginning of a file stand before its first record. A preface that
    /// is not whole yet is as long as what was shown.
    fn preface(&self, start: &[u8]) -> usize;
}

/// Reads what is new, and pushes the source's counters.
pub fn follow(
    ask: &Follow<'_>,
    files: &dyn Files,
    memory: &mut dyn Memory,
    records: &mut dyn Records,
    sink: &mut dyn Sink,
) -> Result<(), SourceError> {
    let mut book = book::Book::open(memory, ask);
    let mut found = locate::locate(ask, files, &mut book, records);
    let lag = pump::pump(ask, &mut found, &mut book, records, sink);
    settle::settle(ask, &mut found, &mut book, sink);
    if found.more {
        sink.behind();
    }
    book.close(ask.name, lag, sink)
}
