//! A PowerMTA host in a temporary folder, healthy until a test breaks it. Owners are pretended,
//! because a test may run as root, whom no mode binds.

use super::host::{Facts, Host, Kind, LocalHost, User, Want, allowed};
use super::{Advice, Examination, Rules, WebProbe, examine};
use crate::config::Config;
use crate::sources::pmta_config::{self, Discovered, Stamp};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PMTA: u32 = 990;
pub(super) const TELEGRAF: u32 = 995;
const NOW: i64 = 1_900_000_000;
const NAMES: &[(&str, u32)] = &[("root", 0), ("pmta", PMTA), ("telegraf", TELEGRAF)];

pub(super) const HEADER: &str = "type,timeLogged,timeQueued,orig,rcpt,dsnStatus,dsnDiag,dsnMta,bounceCat,dlvSourceIp,dlvSize,vmta,queue\n";

pub(super) struct Broken {
    folder: TempDir,
    pub(super) user: User,
    /// What is pretended of a path: of a real one its owner, of another everything.
    pub(super) pretended: BTreeMap<PathBuf, Facts>,
    pub(super) heads: BTreeMap<PathBuf, Vec<u8>>,
    pub(super) web: WebProbe,
    pub(super) config: Config,
    pub(super) now: i64,
    pub(super) rules: Option<Rules>,
    pub(super) patterns: Vec<String>,
    inner: LocalHost,
}

impl Broken {
    /// Nothing is broken yet.
    pub(super) fn healthy() -> Broken {
        let user = User { name: "telegraf".to_owned(), uid: TELEGRAF, groups: vec![TELEGRAF, PMTA] };
        let mut host = Broken {
            folder: tempfile::tempdir().unwrap(),
            inner: LocalHost::seen_by(user.clone()),
            user,
            pretended: BTreeMap::new(),
            heads: BTreeMap::new(),
            web: WebProbe::Answers { version: "5.0r5".to_owned() },
            config: Config::default(),
            now: NOW,
            rules: None,
            patterns: Vec::new(),
        };
        host.config.pmta.config = host.path("etc/config");
        host.config.pmta.command = host.path("pmta");
        host.config.logs.kernel = host.path("kmsg");
        for folder in ["etc", "log", "done", "state"] {
            fs::create_dir_all(host.path(folder)).unwrap();
            host.mode(folder, 0o750);
        }
        host.mode("state", 0o2770);
        host.powermta(&["records d,b,t,tq"]);
        for (name, text, mode) in [
            ("log/log", "", 0o640),
            ("log/acct-2026-11-24-0000.csv", HEADER, 0o640),
            ("kmsg", "", 0o644),
            ("pmta", "", 0o755),
            ("state/ledger", "", 0o660),
        ] {
            fs::write(host.path(name), text).unwrap();
            host.mode(name, mode);
        }
        host
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// PowerMTA's configuration with these lines in its `<acct-file>`.
    pub(super) fn powermta(&self, acct: &[&str]) {
        let root = self.folder.path().display();
        let text = format!(
            "http-mgmt-port 1983\nlog-file {root}/log/log\nsmtp-listener 0/0:25\n<acct-file {root}/log/acct.csv>\n{}\nmove-to {root}/done\n</acct-file>\n",
            acct.join("\n")
        );
        self.configure(&text);
    }

    pub(super) fn configure(&self, text: &str) {
        fs::write(self.path("etc/config"), text).unwrap();
        self.mode("etc/config", 0o640);
    }

    pub(super) fn pretend(&mut self, name: &str, mode: u32, uid: u32, gid: u32) {
        let path = self.folder.path().join(name);
        self.pretended.insert(path, Facts { kind: Kind::Device, mode, uid, gid, size: 0, modified: 0 });
    }

    pub(super) fn examine(&self) -> Vec<Advice> {
        let found = match self.may(Want::Read, &self.config.pmta.config) {
            true => pmta_config::read(&self.config.pmta.config).found,
            false => {
                let path = self.config.pmta.config.clone();
                let stamps =
                    vec![Stamp { path: path.with_file_name("config-defaults"), seen: None, denied: true }];
                Discovered { path, stamps, ..Discovered::default() }
            }
        };
        let config = pmta_config::fill(self.config.clone(), &found);
        let state = self.path("state");
        let web = self.web.clone();
        examine(&Examination {
            config: &config,
            found: &found,
            web,
            state: &state,
            now: self.now,
            host: self,
            rules: &self.rules,
            patterns: &self.patterns,
            rejected: None,
        })
    }
}

impl Host for Broken {
    fn user(&self) -> &User {
        &self.user
    }

    fn facts(&self, path: &Path) -> Option<Facts> {
        let pretended = self.pretended.get(path);
        let real = path.starts_with(self.folder.path()).then(|| self.inner.facts(path)).flatten();
        match (real, pretended) {
            (Some(real), Some(pretended)) => {
                Some(Facts { mode: pretended.mode, uid: pretended.uid, gid: pretended.gid, ..real })
            }
            (Some(real), None) => Some(Facts { uid: 0, gid: PMTA, modified: real.modified.min(NOW), ..real }),
            (None, Some(pretended)) => Some(*pretended),
            (None, None) if path.starts_with(self.folder.path()) => None,
            (None, None) => self.inner.facts(path),
        }
    }

    fn may(&self, want: Want, path: &Path) -> bool {
        let inside = path.starts_with(self.folder.path()) && path != self.folder.path();
        if !inside && !self.pretended.contains_key(path) {
            return true;
        }
        let above = path.ancestors().skip(1).all(|folder| self.may_here(Want::Pass, folder));
        above && self.may_here(want, path)
    }

    fn head(&self, path: &Path, most: usize) -> Vec<u8> {
        self.heads.get(path).cloned().unwrap_or_else(|| self.inner.head(path, most))
    }

    fn expand(&self, glob: &Path) -> Vec<PathBuf> {
        self.inner.expand(glob)
    }

    fn group_name(&self, gid: u32) -> String {
        self.owner_name(gid)
    }

    fn owner_name(&self, uid: u32) -> String {
        NAMES
            .iter()
            .find(|(_, id)| *id == uid)
            .map_or_else(|| uid.to_string(), |(name, _)| (*name).to_owned())
    }

    fn has_user(&self, name: &str) -> bool {
        name == "telegraf"
    }

    fn has_group(&self, name: &str) -> bool {
        name == "pmta"
    }
}

impl Broken {
    fn may_here(&self, want: Want, path: &Path) -> bool {
        let inside = path.starts_with(self.folder.path()) && path != self.folder.path();
        if !inside && !self.pretended.contains_key(path) {
            return true;
        }
        self.facts(path).is_some_and(|facts| allowed(&self.user, want, &facts))
    }
}
