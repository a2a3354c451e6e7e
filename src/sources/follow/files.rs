//! The file system as a follower needs it, small enough to be simulated. It knows no record and no cursor.

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// What a stat of a regular file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub dev: u64,
    pub ino: u64,
    pub size: u64,
    pub mtime_ns: i64,
}

pub trait Files {
    /// The names in a folder, in any order; names that are not UTF-8 are left out.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// When something was last created, renamed or removed in a folder.
    fn folder_mtime(&self, folder: &Path) -> io::Result<i64>;
    /// Follows symbolic links; refuses what is no regular file.
    fn stat(&self, path: &Path) -> io::Result<Stat>;
    /// Never blocks, and refuses what is no regular file.
    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;
}

/// An open file keeps its identity whatever happens to its path.
pub trait OpenFile {
    fn stat(&self) -> io::Result<Stat>;
    /// Fills as much of `into` as there is from `at` on; less than that only at the end.
    fn read_at(&mut self, into: &mut [u8], at: u64) -> io::Result<usize>;
    /// The same open file once more, with a life of its own.
    fn twin(&self) -> io::Result<Box<dyn OpenFile>>;
}

/// The real file system.
pub struct Disk;

impl Files for Disk {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn folder_mtime(&self, folder: &Path) -> io::Result<i64> {
        let stat = fs::metadata(folder)?;
        Ok(nanoseconds(&stat))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        regular(&fs::metadata(path)?)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        // A named pipe or a device in the folder must not hold the run up.
        let file =
            fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
        regular(&file.metadata()?)?;
        Ok(Box::new(file))
    }
}

impl OpenFile for fs::File {
    fn stat(&self) -> io::Result<Stat> {
        regular(&self.metadata()?)
    }

    fn read_at(&mut self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match FileExt::read_at(self, rest, at.saturating_add(done as u64)) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn twin(&self) -> io::Result<Box<dyn OpenFile>> {
        Ok(Box::new(self.try_clone()?))
    }
}

fn regular(stat: &fs::Metadata) -> io::Result<Stat> {
    if !stat.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(Stat { dev: stat.dev(), ino: stat.ino(), size: stat.size(), mtime_ns: nanoseconds(stat) })
}

fn nanoseconds(stat: &fs::Metadata) -> i64 {
    stat.mtime().saturating_mul(1_000_000_000).saturating_add(stat.mtime_nsec())
}
