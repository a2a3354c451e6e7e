//! The state folder and the modes of what lies in it (design 3.3). It opens no database: any
//! close of one outside SQLite would drop SQLite's locks.

use super::LedgerError;
use rustix::fs::OFlags;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Paths of everything the ledger keeps.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// 0660 in a group-shared folder, else 0600.
    mode: u32,
    /// The mode of a file before it has its group: in a folder that gives its group to what is made
    /// in it (2770), everybody who shares it may use a file from its first moment on.
    first: u32,
    uid: u32,
    gid: u32,
}

pub(super) const LEDGER: &str = "ledger.db";
pub(super) const BACKUP: &str = "ledger-copy.db";
const SUSPECT: &str = "ledger-suspect";
/// SQLite's own files lie beside the database.
pub(super) const SIDES: [&str; 2] = ["-wal", "-shm"];

impl Folder {
    /// Makes the folder (0700) if it is not there; an existing one stays as its owner wants it.
    pub(super) fn enter(path: &Path) -> Result<Folder, LedgerError> {
        let found = match fs::metadata(path) {
            Err(why) if why.kind() == ErrorKind::NotFound => make(path)?,
            other => other.map_err(|why| denied(path, &why))?,
        };
        if !found.is_dir() {
            return Err(LedgerError::Denied { path: path.to_owned(), why: "not a folder".to_owned() });
        }
        let shared = found.mode() & 0o020 != 0;
        let mode = if shared { 0o660 } else { 0o600 };
        let first = if found.mode() & 0o2000 != 0 { mode } else { 0o600 };
        Ok(Folder { path: path.to_owned(), mode, first, uid: found.uid(), gid: found.gid() })
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.path.join(LEDGER)
    }

    /// Device and inode of the database, without opening it.
    pub(super) fn file(&self) -> Option<(u64, u64)> {
        fs::metadata(self.ledger()).ok().map(|found| (found.dev(), found.ino()))
    }

    pub(super) fn read_only(&self, why: &str) -> LedgerError {
        LedgerError::ReadOnly { folder: self.path.clone(), why: why.to_owned() }
    }

    pub(super) fn backup(&self) -> PathBuf {
        self.path.join(BACKUP)
    }

    /// Its presence says: look at every page before trusting the ledger.
    pub(super) fn suspect(&self) -> PathBuf {
        self.path.join(SUSPECT)
    }

    pub(super) fn side(&self, side: &str) -> PathBuf {
        self.path.join(format!("{LEDGER}{side}"))
    }

    /// The lock's file; `ReadOnly` tells that this user may not write here.
    pub(super) fn lock_file(&self) -> Result<(File, PathBuf), LedgerError> {
        let path = self.path.join("ledger.lock");
        match self.make(&path, false) {
            Ok(file) => Ok((file, path)),
            Err(why) if matches!(why.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
                Err(self.read_only(&why.to_string()))
            }
            Err(why) if why.kind() == ErrorKind::StorageFull => Err(LedgerError::Full),
            Err(why) => Err(LedgerError::io(&path, why)),
        }
    }

    /// An empty file that only those who share the folder can read, from its first moment on; one
    /// that is there is opened as it is, unless it must be `new`.
    pub(super) fn make(&self, path: &Path, new: bool) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(self.first);
        // In another user's folder a link could lead root anywhere.
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        match options.clone().create_new(true).open(path) {
            Ok(file) => {
                self.own(&file)?;
                Ok(file)
            }
            Err(why) if !new && why.kind() == ErrorKind::AlreadyExists => options.open(path),
            Err(why) => Err(why),
        }
    }

    /// Owner first, for a change of owner may drop bits of the mode.
    fn own(&self, file: &File) -> std::io::Result<()> {
        let now = file.metadata()?;
        let root = rustix::process::geteuid().is_root();
        let owner = (root && now.uid() != self.uid).then_some(self.uid);
        let shared = self.mode & 0o060 != 0;
        let group = (now.gid() != self.gid && (root || shared)).then_some(self.gid);
        if owner.is_some() || group.is_some() {
            match fchown(file, owner, group) {
                // Not in the folder's group: then 0660 shares with nobody who should not see it.
                Err(why) if !root && why.kind() == ErrorKind::PermissionDenied => {}
                other => other?,
            }
        }
        file.set_permissions(Permissions::from_mode(self.mode))
    }

    /// What SQLite made beside the database copies its mode, but its group only under root. By
    /// path, because nobody opens these files but SQLite.
    pub(super) fn own_sides(&self) {
        if rustix::process::geteuid().is_root() {
            return;
        }
        for side in SIDES {
            let path = self.side(side);
            // Best effort: a second user whose files nobody shares is told when opening fails.
            let _ = std::os::unix::fs::chown(&path, None, Some(self.gid));
            let _ = fs::set_permissions(&path, Permissions::from_mode(self.mode));
        }
    }

    /// Bytes of all files of the ledger, its copies and damaged ones included.
    pub(super) fn bytes(&self) -> u64 {
        let Ok(entries) = fs::read_dir(&self.path) else { return 0 };
        entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("ledger"))
            .filter_map(|entry| entry.metadata().ok())
            .map(|found| found.len())
            .sum()
    }
}

fn make(path: &Path) -> Result<Metadata, LedgerError> {
    if let Some(parent) = path.parent() {
        let whole = DirBuilder::new().recursive(true).mode(0o755).create(parent);
        whole.map_err(|why| denied(parent, &why))?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // Another run was quicker.
        Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
        other => other.map_err(|why| denied(path, &why))?,
    }
    fs::metadata(path).map_err(|why| denied(path, &why))
}

fn denied(path: &Path, why: &std::io::Error) -> LedgerError {
    LedgerError::Denied { path: path.to_owned(), why: why.to_string() }
}
