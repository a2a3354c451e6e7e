//! The only input: each source turns one part of the world into records and samples. No source
//! keeps state of its own, judges, or knows another box than `config` and `record`.
//!
//! A source is a unit struct in a file (or folder) of its own and one line of `SOURCES`.

pub mod accounting;
mod apart;
mod cgroup;
pub mod disk;
pub mod follow;
pub mod journal;
pub mod kernel;
pub mod keys;
pub mod pmta_config;
pub mod pmta_log;
mod pressure;
pub mod process;
pub mod queues;
mod said;
pub mod smtp;
#[cfg(test)]
mod stage;
pub mod web;

use crate::config::Config;
use crate::record::{Memory, Sample, Seconds, Sink, Tick};

/// Where a source runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On a thread of its own before the ledger is locked: whatever may hang.
    Aside,
    /// Under the ledger's lock, because its cursors must move together with the totals.
    Locked,
}

/// What a source is given.
pub struct Ask<'a> {
    pub config: &'a Config,
    pub tick: Tick,
    /// The source's own notes from earlier runs.
    pub memory: &'a mut dyn Memory,
    /// `--from-start`: read everything of a source that has no cursor yet.
    pub from_start: bool,
    /// What the sources beside brought home in this run, for one that reads files.
    pub brought: &'a [Sample],
}

impl Ask<'_> {
    /// Whether so many seconds have passed since the time that is noted under `key`.
    fn is_over(&self, key: &str, every: Seconds) -> bool {
        let note = self.memory.get(key).and_then(|note| String::from_utf8(note).ok());
        let last: Option<Seconds> = note.and_then(|note| note.parse().ok());
        last.is_none_or(|last| !(0..every).contains(&(self.tick.now() - last)))
    }

    /// Keeps what a seldom look came to when it was refused or found nothing to read: the runs until
    /// the next look must not say that all is well.
    fn keep(&mut self, told: Result<(), SourceError>) -> Result<(), SourceError> {
        let note = match &told {
            Err(SourceError::Absent(why)) => Some(why.clone()),
            Err(SourceError::Denied { what, why, advice }) => Some(format!("{what}\t{why}\t{advice}")),
            _ => None,
        };
        match note {
            Some(note) => self.memory.put(STANDING, note.as_bytes()),
            None if self.memory.get(STANDING).is_some() => self.memory.remove(STANDING),
            None => {}
        }
        told
    }

    /// What the last look came to, for a run between two looks.
    fn standing(&self) -> Result<(), SourceError> {
        let note = self.memory.get(STANDING).and_then(|note| String::from_utf8(note).ok());
        match note.as_deref().map(|note| note.split('\t').collect::<Vec<_>>()).as_deref() {
            Some([what, why, advice]) => Err(SourceError::Denied {
                what: (*what).to_owned(),
                why: (*why).to_owned(),
                advice: (*advice).to_owned(),
            }),
            Some([why]) => Err(SourceError::Absent((*why).to_owned())),
            _ => Ok(()),
        }
    }
}

const STANDING: &str = "standing";

pub trait Source: Sync {
    /// Its name in `--only`, in `pmta_collector`'s tag and in errors.
    fn name(&self) -> &'static str;
    fn place(&self) -> Place;
    /// Whether this run has work for it. An aside source that has none is asked at once instead of
    /// on a thread: its `collect` must then answer from its notes alone.
    fn is_due(&self, _ask: &Ask<'_>) -> bool {
        true
    }
    /// Pushes what is new. What was pushed before an error stands.
    fn collect(&self, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError>;
}

/// Every source, in the order in which they are started and printed.
pub const SOURCES: &[&dyn Source] = &[
    &web::Web,
    &queues::Queues,
    &smtp::Smtp,
    &process::Process,
    &disk::Disk,
    &keys::DkimKeys,
    &journal::Journal,
    &kernel::Kernel,
    &accounting::AccountingFiles,
    &pmta_log::PmtaLog,
];

/// Why a source has nothing (more) to say; each variant tells the operator what to do.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is nothing to read on this host, and that is no fault.
    #[error("{0}")]
    Absent(String),
    /// We lack a right: the state is unknown, which is no finding about PowerMTA.
    #[error("cannot read {what}: {why} ({advice})")]
    Denied { what: String, why: String, advice: String },
    /// The other side does not answer.
    #[error("{what} does not answer: {why} ({advice})")]
    Unreachable { what: String, why: String, advice: String },
    /// It answers, but not with what it should.
    #[error("{what}: {why}")]
    Malformed { what: String, why: String },
    /// The run's deadline came first.
    #[error("{what} took longer than the deadline allows")]
    Late { what: String },
    #[error("cannot read {what}: {why}")]
    Io { what: String, why: std::io::Error },
}
