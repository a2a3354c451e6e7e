//! What can be chosen about the simulated host before it starts, and what can go wrong then.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::entry::{Column, Kind};

#[derive(Clone, Debug)]
pub struct Options {
    /// The host's root: `etc`, `log`, `spool`, `sbin`, `lib` appear in it.
    pub dir: PathBuf,
    /// 0 = any free port.
    pub http_port: u16,
    pub smtp_port: u16,
    /// `false`: the configuration says `http-mgmt-port 0`, and nobody listens.
    pub web_monitor: bool,
    pub seed: u64,
    /// Recipients per second, as the mean over a day.
    pub rate: f64,
    /// `quiet`, `random`, or `name[@offset+duration[xstrength]][,...]` (see `incidents::NAMES`).
    pub scenario: String,
    /// Unix seconds at which the virtual clock starts.
    pub start: i64,
    pub utc_offset_minutes: i32,
    /// Closed accounting files go to `log/archive` (`move-to`).
    pub move_to: bool,
    /// `t` and `tq` in `diag-*.csv`, the rest in `acct-*.csv`; else all in `acct-*.csv`.
    pub separate_diag: bool,
    /// Are `t` and `tq` records written at all? PowerMTA's own default is no.
    pub transient_records: bool,
    /// `r` records.
    pub receipts: bool,
    /// `rb`, `rs` and `f` records.
    pub reports: bool,
    pub columns: Columns,
    pub epoch_times: bool,
    pub crlf: bool,
    /// Bytes after which an accounting file is closed (`max-size`).
    pub max_size: u64,
    pub vmtas: usize,
    /// How many small domains of nobody's.
    pub small_domains: usize,
    /// Volume follows the hours of a day; else it is flat.
    pub daily_curve: bool,
    /// `http-redirect-to-https`.
    pub https_redirect: bool,
    pub api_key: Option<String>,
    /// `http-access` lines: CIDR and right, first match wins, none = refused.
    pub access: Vec<(String, Access)>,
    /// `http-default-max-items`
    pub default_max_items: usize,
    /// Whether `?maxitems=` in a page's URL does anything (public sources do not say).
    pub url_max_items: bool,
    /// A 4.x host: XML only, and the queue kinds of then.
    pub old_version: bool,
    /// Keep the answers of the `sbin/pmta` stand-in fresh.
    pub command_line: bool,
}

/// Which cells the accounting files have, in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    /// The header of 4.x and 5.x; columns that only `r`, `rb`, `rs`, `f` have are appended if these are on.
    Default23,
    /// 3.x and early 4.x: `timeImprinted`, neither `queue` nor `vmtaPool`.
    Old22,
    /// As a `record-fields` directive orders them; `type` is put first if missing.
    RecordFields(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    None,
    Monitor,
    Operator,
    Admin,
}

impl Access {
    pub fn as_str(self) -> &'static str {
        match self {
            Access::None => "none",
            Access::Monitor => "monitor",
            Access::Operator => "operator",
            Access::Admin => "admin",
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("pmta-sim"),
            http_port: 0,
            smtp_port: 0,
            web_monitor: true,
            seed: 1,
            rate: 20.0,
            scenario: "quiet".to_owned(),
            start: 1_795_433_400,
            utc_offset_minutes: 0,
            move_to: false,
            separate_diag: false,
            transient_records: true,
            receipts: false,
            reports: true,
            columns: Columns::Default23,
            epoch_times: false,
            crlf: false,
            max_size: 250_000_000,
            vmtas: 4,
            small_domains: 40,
            daily_curve: false,
            https_redirect: false,
            api_key: None,
            access: vec![("127.0.0.0/8".to_owned(), Access::Monitor)],
            default_max_items: 10,
            url_max_items: false,
            old_version: false,
            command_line: true,
        }
    }
}

const DEFAULT_23: &str = "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,\
    srcType,srcMta,dlvType,dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,vmtaPool";
const OLD_22: &str = "type,timeLogged,timeQueued,timeImprinted,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,\
    bounceCat,srcType,srcMta,dlvType,dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId";

impl Options {
    /// The columns of a file that holds these record types.
    pub fn file_columns(&self, kinds: &[Kind]) -> Vec<Column> {
        let mut names: Vec<String> = match &self.columns {
            Columns::Default23 => split(DEFAULT_23),
            Columns::Old22 => split(OLD_22),
            Columns::RecordFields(names) => {
                let rest = names.iter().filter(|name| *name != "type").cloned();
                std::iter::once("type".to_owned()).chain(rest).collect()
            }
        };
        if self.columns == Columns::Default23 {
            let mut only = |kind, more| {
                if kinds.contains(&kind) {
                    names.extend(split(more));
                }
            };
            only(Kind::Receipt, "rcvSourceIp,rcvDestinationIp");
            only(Kind::RemoteBounce, "dsnReportingMta,format");
            only(Kind::FeedbackLoop, "repSourceIp,feedbackType,userAgent,reportingMta,reportedDomain");
        }
        names.iter().map(|name| Column::from_name(name)).collect()
    }

    /// Base name and record types of each accounting file.
    pub fn accounting_files(&self) -> Vec<(&'static str, Vec<Kind>)> {
        let mut main = vec![Kind::Delivery, Kind::Bounce];
        let slow = vec![Kind::Transient, Kind::TransientQueue];
        if self.receipts {
            main.push(Kind::Receipt);
        }
        if self.reports && self.columns != Columns::Old22 {
            main.extend([Kind::RemoteBounce, Kind::RemoteStatus, Kind::FeedbackLoop]);
        }
        match (self.transient_records, self.separate_diag) {
            (true, true) => return vec![("acct", main), ("diag", slow)],
            (true, false) => main.extend(slow),
            (false, _) => {}
        }
        vec![("acct", main)]
    }

    pub fn log_folder(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub fn moved_folder(&self) -> Option<PathBuf> {
        self.move_to.then(|| self.log_folder().join("archive"))
    }
}

fn split(names: &str) -> Vec<String> {
    names.split(',').map(str::to_owned).collect()
}

/// Why the simulated host could not do what it was asked.
#[derive(Debug)]
pub enum SimError {
    /// A folder or file of the host could not be written: choose another `dir`.
    File { path: PathBuf, source: io::Error },
    /// A port could not be bound: choose another, or 0.
    Port { port: u16, source: io::Error },
    /// The scenario names something unknown.
    Scenario(String),
    /// The self-signed certificate could not be made.
    Certificate(String),
}

impl SimError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> SimError {
        let path = path.to_owned();
        move |source| SimError::File { path, source }
    }
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SimError::File { path, source } => {
                write!(f, "cannot write {}: {source} (choose another folder)", path.display())
            }
            SimError::Port { port, source } => {
                write!(f, "cannot listen on 127.0.0.1:{port}: {source} (choose another port, or 0)")
            }
            SimError::Scenario(text) => write!(f, "{text}"),
            SimError::Certificate(text) => write!(f, "cannot make a self-signed certificate: {text}"),
        }
    }
}

impl std::error::Error for SimError {}
