//! What the operator may set: typed sections, defaults first, then the file, then the flags.
//! It opens nothing but its own file and knows no box; words that other boxes own (reasons,
//! providers) are checked against lists that the caller passes in.

mod check;
mod error;
mod keys;
mod load;
#[cfg(test)]
mod load_tests;
mod nearest;
mod render;

pub use check::is_plain_address;
pub use error::{ConfigError, Place, Word};
pub use load::{DEFAULT_PATH, Loaded, Origin, Origins};
pub use nearest::nearest;
pub use render::{keys_as_markdown, render};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The whole of `/etc/pmta-vitals.toml`. `None` means "find it yourself from PowerMTA's
/// configuration" (design section 2).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub pmta: Pmta,
    pub accounting: Accounting,
    pub logs: Logs,
    pub smtp: Smtp,
    pub host: Host,
    pub providers: BTreeMap<String, Vec<String>>,
    pub rules: Rules,
    pub limits: Limits,
    pub judge: Judge,
    pub suppress: Vec<Suppress>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pmta {
    /// Where the web monitor answers; default: loopback and the port in PowerMTA's config.
    pub url: Option<String>,
    pub api_key_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub pin_sha256: Option<String>,
    pub insecure: bool,
    pub config: PathBuf,
    pub command: PathBuf,
    /// PowerMTA prints local times without a zone; default: the host's own zone.
    pub timezone: Option<String>,
    /// How many rows of queues, domains and VMTAs to ask for; PowerMTA shows 10 unasked.
    pub rows: u32,
}

impl Default for Pmta {
    fn default() -> Pmta {
        Pmta {
            url: None,
            api_key_file: None,
            ca_file: None,
            pin_sha256: None,
            insecure: false,
            config: PathBuf::from("/etc/pmta/config"),
            command: PathBuf::from("/usr/sbin/pmta"),
            timezone: None,
            rows: 100,
        }
    }
}

impl Pmta {
    /// The zone of the times that PowerMTA prints without one.
    pub fn zone(&self) -> jiff::tz::TimeZone {
        self.timezone.as_deref().and_then(check::zone).unwrap_or_else(jiff::tz::TimeZone::system)
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accounting {
    /// Globs of live accounting files.
    pub files: Option<Vec<String>>,
    /// Folders that finished files are moved to.
    pub moved: Option<Vec<PathBuf>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logs {
    pub pmta: Option<Vec<String>>,
    pub panic: Vec<String>,
    pub kernel: PathBuf,
    /// Asked where the kernel's log itself may not be read.
    pub journal: PathBuf,
    /// Read where neither may be.
    pub kernel_files: Vec<String>,
}

impl Default for Logs {
    fn default() -> Logs {
        Logs {
            pmta: None,
            panic: Vec::new(),
            kernel: PathBuf::from("/dev/kmsg"),
            journal: PathBuf::from("/usr/bin/journalctl"),
            kernel_files: vec!["/var/log/kern.log".to_owned()],
        }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Smtp {
    /// One listener, or several with commas between them; default: every one of PowerMTA's.
    pub address: Option<String>,
    /// With both set a probe also asks whether mail between them would be taken; none is sent.
    pub mail_from: Option<String>,
    pub rcpt_to: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Host {
    /// Where the kernel shows its processes.
    pub proc: PathBuf,
    /// Where it shows its control groups.
    pub cgroup: PathBuf,
    /// Folders whose disks are watched; default: what PowerMTA's configuration says.
    pub folders: Option<Vec<PathBuf>>,
    /// PowerMTA's spools, found and never set.
    #[serde(skip)]
    pub spools: Vec<PathBuf>,
    /// What PowerMTA wants left free of a spool's disk, in bytes; found and never set.
    #[serde(skip)]
    pub min_free: BTreeMap<PathBuf, u64>,
}

impl Default for Host {
    fn default() -> Host {
        Host {
            proc: PathBuf::from("/proc"),
            cgroup: PathBuf::from("/sys/fs/cgroup"),
            folders: None,
            spools: Vec::new(),
            min_free: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// A folder of rule tables that extend or override the built-in ones.
    pub directory: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub providers: usize,
    pub vmtas: usize,
    pub pairs: usize,
    /// Lines printed in one run at most.
    pub lines: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { providers: 50, vmtas: 100, pairs: 400, lines: 2_000 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    #[serde(rename = "reasons")]
    Reasons,
    #[serde(rename = "mean-stddev")]
    MeanStddev,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Judge {
    pub method: Method,
    /// Tail probability below which a window counts as a hit.
    pub alpha: f64,
    /// Attempts above the expected ones before anything may fire.
    pub smallest_excess: f64,
    /// Complaints (f records) of a day per delivery from which on they are told.
    pub complaint_ratio: f64,
    /// For `mean-stddev` only.
    pub sigmas: f64,
    /// What goes on is told again after so many seconds; 0 is never.
    pub remind_seconds: u64,
}

impl Default for Judge {
    fn default() -> Judge {
        Judge {
            method: Method::Reasons,
            alpha: 1e-7,
            smallest_excess: 40.0,
            complaint_ratio: 0.003,
            sigmas: 2.0,
            remind_seconds: 14_400,
        }
    }
}

/// A visible suppression: the finding is still shown, with the word.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Suppress {
    pub provider: Option<String>,
    pub reason: Option<String>,
    /// Minutes of the hour, `0-10`: from 0:00.0 up to, not including, 10:00.0.
    pub minutes: Option<String>,
    pub hours: Option<String>,
    pub weekdays: Option<Vec<String>>,
    pub dates: Option<Vec<String>>,
    /// Waiting recipients above which nothing is suppressed.
    pub unless_backlog: Option<i64>,
    /// A single stretch of time, RFC 3339.
    pub from: Option<String>,
    pub until: Option<String>,
    /// The name of planned work: then the host's own signals are suppressed, too.
    pub maintenance: Option<String>,
}
