//! What PowerMTA's configuration says about ports, files and access: small, remembered between
//! runs, without any secret.

use crate::record::Seconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Discovered {
    /// The main file.
    pub path: PathBuf,
    /// The main file could be read.
    pub readable: bool,
    /// Of the text of every file that was read; 0 where that is not known.
    pub fingerprint: u64,
    /// Every file and folder that had a say, as it was when it was read.
    pub stamps: Vec<Stamp>,
    /// `http-mgmt-port`; `Some(0)` is "no web monitor".
    pub http_port: Option<u16>,
    pub http_redirect_to_https: Option<bool>,
    /// `http-access` lines in their order: the first match wins.
    pub access: Vec<Access>,
    /// How many `http-api-key` lines there are; the keys themselves are not kept.
    pub api_keys: u32,
    pub acct_files: Vec<AcctFile>,
    pub log_file: Option<PathBuf>,
    pub log_world_readable: bool,
    pub spools: Vec<Spool>,
    pub listeners: Vec<Listener>,
    /// Server-wide directives of use elsewhere: `total-max-smtp-out`, `run-as-root` and so on.
    pub server: BTreeMap<String, String>,
    /// Includes by URL, without user, password and query.
    pub not_fetched: Vec<String>,
    pub problems: Vec<Problem>,
}

/// A file or folder as it was when it was read; `seen` is `None` when it was not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub path: PathBuf,
    pub seen: Option<Seen>,
    /// It is there and could not be read.
    pub denied: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub modified_ns: i128,
    pub changed_ns: i128,
    pub size: u64,
    pub inode: u64,
}

/// `http-access CIDR LEVEL[,deny-logs]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub network: String,
    /// `monitor`, `operator`, `admin` or `none`.
    pub level: String,
    pub deny_logs: bool,
}

/// One `<acct-file>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AcctFile {
    /// As configured; PowerMTA writes `acct-DATE-NNNN.csv` for `acct.csv`.
    pub path: PathBuf,
    /// The records go to a program, not to a file.
    pub pipe: bool,
    /// Short forms (`d`, `b`, `t`, `tq`, ...).
    pub records: Vec<String>,
    /// `record-fields TYPE LIST`, in order.
    pub record_fields: Vec<(String, String)>,
    pub move_to: Option<PathBuf>,
    pub move_interval: Option<String>,
    pub delete_after: Option<String>,
    pub max_size: Option<String>,
    pub world_readable: bool,
    /// `queue-filter` is set: records of other queues are not in this file.
    pub filtered: bool,
    /// The file and line of `<acct-file ...>`.
    pub file: PathBuf,
    pub line: usize,
}

/// One spool folder; `min_free_bytes` is what PowerMTA wants left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spool {
    pub path: PathBuf,
    pub min_free_bytes: Option<u64>,
}

/// Where PowerMTA accepts mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// As configured: an address, `0.0.0.0`, `0/0`, `[::]`.
    pub host: String,
    pub port: u16,
}

/// Something that could not be read or understood; it never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub file: PathBuf,
    /// 0 for the file as a whole.
    pub line: usize,
    pub text: String,
}

impl Discovered {
    /// The web monitor's port, PowerMTA's default unless configured; `None` when it is off.
    pub fn web_port(&self) -> Option<u16> {
        Some(self.http_port.unwrap_or(8080)).filter(|port| *port != 0)
    }

    /// When the newest file of it was written.
    pub fn modified(&self) -> Seconds {
        let newest = self.stamps.iter().filter_map(|stamp| Some(stamp.seen.as_ref()?.modified_ns)).max();
        newest.and_then(|ns| Seconds::try_from(ns / 1_000_000_000).ok()).unwrap_or(0)
    }

    /// Globs of all live accounting files, each once.
    pub fn acct_globs(&self) -> Vec<String> {
        unique(self.acct_files.iter().flat_map(AcctFile::globs))
    }

    /// The folders that finished accounting files are moved to, each once.
    pub fn moved_folders(&self) -> Vec<PathBuf> {
        unique(self.acct_files.iter().filter_map(|file| file.move_to.clone()))
    }

    /// Whether any accounting file carries records of this type.
    pub fn records(&self, code: &str) -> bool {
        self.acct_files.iter().any(|file| !file.pipe && file.records.iter().any(|record| record == code))
    }
}

impl AcctFile {
    /// The files that PowerMTA writes for this section, and the plain name.
    pub fn globs(&self) -> Vec<String> {
        let (Some(folder), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return Vec::new();
        };
        if self.pipe || !self.path.is_absolute() {
            return Vec::new();
        }
        let name = Path::new(name);
        let base = name.file_stem().unwrap_or_default().to_string_lossy();
        let ending =
            name.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
        let folder = folder.display();
        let (base, ending) = (escaped(&base), escaped(&ending));
        vec![format!("{folder}/{base}-*{ending}"), format!("{folder}/{base}{ending}")]
    }
}

impl Listener {
    /// Where to try it from this host.
    pub fn address(&self) -> String {
        let bare = self.host.trim_matches(|c| c == '[' || c == ']');
        match bare {
            "" | "*" | "0/0" | "0.0.0.0" | "0.0.0.0/0" => format!("127.0.0.1:{}", self.port),
            "::" | "::/0" => format!("[::1]:{}", self.port),
            _ if bare.contains(':') => format!("[{bare}]:{}", self.port),
            _ => format!("{bare}:{}", self.port),
        }
    }
}

/// A name as a pattern that matches it: `?` stands for a `*` in it.
pub(super) fn escaped(name: &str) -> String {
    name.replace('*', "?")
}

fn unique<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}
