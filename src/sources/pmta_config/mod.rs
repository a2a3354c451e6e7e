//! PowerMTA's own configuration files, read to find everything else. It stores no secret and
//! fetches no URL; it knows nothing of accounting records or pages.
//!
//! `discover` is what a tick calls: it only stats the files that were read last time and reads
//! them again when one changed. `queues` gives the limits of each queue, which are larger and
//! asked for seldom.

mod discovered;
mod dkim;
mod fill;
mod gather;
mod lines;
mod pattern;
mod queues;
mod reader;
mod remembered;
mod settings;
mod values;
pub mod wildcard;

#[cfg(test)]
mod queues_tests;
#[cfg(test)]
mod tests;

pub use discovered::{Access, AcctFile, Discovered, Listener, Problem, Spool, Stamp};
pub use dkim::{DkimKey, KeyState};
pub use fill::fill;
pub use queues::{Block, Pool, Queues, ReplyPattern, Rollup, Vmta};
pub use remembered::{discover, queues};
pub use settings::{Level, SETTINGS, Settings};
pub use values::{Rate, count, flag, interval, intervals, rate, size};

use std::path::Path;

/// Everything that one reading of the configuration gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    pub found: Discovered,
    pub queues: Queues,
}

/// Reads the configuration at `path` (behind `config-defaults` beside it) and all its includes.
/// It never fails: what could not be read or understood is in `found.problems`.
pub fn read(path: &Path) -> Parsed {
    let mut gatherer = gather::Gatherer::default();
    let mut reading = reader::read(path, &mut gatherer);
    if gatherer.lacked_a_macro {
        // It may be defined behind its first use.
        gatherer = gatherer.again();
        reading = reader::read(path, &mut gatherer);
    }
    gatherer.finish(path, reading)
}
