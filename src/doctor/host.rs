//! What the doctor may ask of the host: who we are, what a file looks like, whether we may read
//! it. The only place of the doctor that touches the disk.

use crate::record::Seconds;
use crate::sources::pmta_config::wildcard;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    Device,
    Other,
}

/// What `stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    pub kind: Kind,
    /// The permission bits, set-group-id among them.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub modified: Seconds,
}

/// Who asks for access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    /// The main group first.
    pub groups: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    Read,
    Write,
    /// Run a file, or pass through a folder.
    Pass,
}

pub trait Host {
    fn user(&self) -> &User;
    /// `None`: there is no such file, or a folder above it is closed to us.
    fn facts(&self, path: &Path) -> Option<Facts>;
    /// Whether the user may, by modes and, for this very process, access lists.
    fn may(&self, want: Want, path: &Path) -> bool;
    /// The first bytes of a file; empty when it cannot be read.
    fn head(&self, path: &Path, most: usize) -> Vec<u8>;
    fn expand(&self, glob: &Path) -> Vec<PathBuf>;
    fn group_name(&self, gid: u32) -> String;
    fn owner_name(&self, uid: u32) -> String;
    fn has_user(&self, name: &str) -> bool;
    fn has_group(&self, name: &str) -> bool;
}

/// This host, seen by this process or on behalf of another user.
#[derive(Debug, Clone)]
pub struct LocalHost {
    user: User,
    /// Asked for another user: only modes can answer.
    by_modes: bool,
    passwd: String,
    group: String,
}

const MOST_OF_A_DATABASE: usize = 4 << 20;
const MOST_MATCHES: usize = 2_000;

impl LocalHost {
    /// As this process sees it.
    pub fn here() -> LocalHost {
        let mut host = LocalHost::seen_by(User { name: String::new(), uid: 0, groups: Vec::new() });
        let uid = rustix::process::geteuid().as_raw();
        let more = rustix::process::getgroups().unwrap_or_default();
        let main = rustix::process::getegid().as_raw();
        let more = more.into_iter().map(|gid| gid.as_raw()).filter(|gid| *gid != main);
        host.user =
            User { name: host.owner_name(uid), uid, groups: std::iter::once(main).chain(more).collect() };
        host.by_modes = false;
        host
    }

    /// As the named user would see it; `None` when /etc/passwd does not know him.
    pub fn on_behalf_of(name: &str) -> Option<LocalHost> {
        let mut host = LocalHost::seen_by(User { name: name.to_owned(), uid: 0, groups: Vec::new() });
        let mut entry = host.passwd.lines().map(|line| line.split(':')).find_map(|mut parts| {
            (parts.next() == Some(name))
                .then(|| parts.skip(1).map(str::to_owned).collect::<Vec<_>>().into_iter())
        })?;
        host.user.uid = entry.next()?.parse().ok()?;
        host.user.groups.push(entry.next()?.parse().ok()?);
        let member = |line: &str| {
            let mut parts = line.split(':').skip(2);
            let gid = parts.next()?.parse().ok()?;
            parts.next()?.split(',').any(|member| member == name).then_some(gid)
        };
        let more: Vec<u32> = host.group.lines().filter_map(member).collect();
        host.user.groups.extend(more);
        Some(host)
    }

    /// As a user of these ids would see it, judged by modes alone.
    pub fn seen_by(user: User) -> LocalHost {
        let text = |path: &str| {
            String::from_utf8_lossy(&read_head(Path::new(path), MOST_OF_A_DATABASE)).into_owned()
        };
        LocalHost { user, by_modes: true, passwd: text("/etc/passwd"), group: text("/etc/group") }
    }

    fn allowed(&self, want: Want, path: &Path) -> bool {
        self.facts(path).is_some_and(|facts| allowed(&self.user, want, &facts))
    }
}

/// What the mode bits alone say.
pub(super) fn allowed(user: &User, want: Want, facts: &Facts) -> bool {
    if user.uid == 0 {
        return want != Want::Pass || facts.kind == Kind::Folder || facts.mode & 0o111 != 0;
    }
    let shift = if facts.uid == user.uid {
        6
    } else if user.groups.contains(&facts.gid) {
        3
    } else {
        0
    };
    let bit = match want {
        Want::Read => 4,
        Want::Write => 2,
        Want::Pass => 1,
    };
    facts.mode >> shift & bit != 0
}

impl Host for LocalHost {
    fn user(&self) -> &User {
        &self.user
    }

    fn facts(&self, path: &Path) -> Option<Facts> {
        let found = std::fs::metadata(path).ok()?;
        let kind = match found.mode() & 0o170_000 {
            0o100_000 => Kind::File,
            0o040_000 => Kind::Folder,
            0o020_000 | 0o060_000 => Kind::Device,
            _ => Kind::Other,
        };
        let (mode, modified) = (found.mode() & 0o7777, found.mtime());
        Some(Facts { kind, mode, uid: found.uid(), gid: found.gid(), size: found.size(), modified })
    }

    fn may(&self, want: Want, path: &Path) -> bool {
        if self.by_modes {
            let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
            return folders.into_iter().all(|folder| self.allowed(Want::Pass, folder))
                && self.allowed(want, path);
        }
        let access = match want {
            Want::Read => rustix::fs::Access::READ_OK,
            Want::Write => rustix::fs::Access::WRITE_OK,
            Want::Pass => rustix::fs::Access::EXEC_OK,
        };
        let flags = rustix::fs::AtFlags::EACCESS;
        rustix::fs::accessat(rustix::fs::CWD, path, access, flags).is_ok()
    }

    fn head(&self, path: &Path, most: usize) -> Vec<u8> {
        read_head(path, most)
    }

    fn expand(&self, glob: &Path) -> Vec<PathBuf> {
        wildcard::expand(glob, MOST_MATCHES)
    }

    fn group_name(&self, gid: u32) -> String {
        name_of(&self.group, gid)
    }

    fn owner_name(&self, uid: u32) -> String {
        name_of(&self.passwd, uid)
    }

    fn has_user(&self, name: &str) -> bool {
        has(&self.passwd, name)
    }

    fn has_group(&self, name: &str) -> bool {
        has(&self.group, name)
    }
}

/// The name of an id in a database of `name:x:id:...` lines, else the id itself.
fn name_of(database: &str, id: u32) -> String {
    let known = database.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    known.unwrap_or_else(|| id.to_string())
}

fn has(database: &str, name: &str) -> bool {
    database.lines().any(|line| line.split(':').next() == Some(name))
}

fn read_head(path: &Path, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A device or pipe could keep us waiting for ever.
    if !std::fs::metadata(path).is_ok_and(|found| found.is_file()) {
        return bytes;
    }
    if let Ok(file) = std::fs::File::open(path) {
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        if file.take(most).read_to_end(&mut bytes).is_err() {
            bytes.clear();
        }
    }
    bytes
}
