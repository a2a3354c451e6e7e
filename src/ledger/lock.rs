//! One writer at a time: `flock` on a file of its own, so that no close of any other file can
//! drop it. It knows nothing of what it guards.

use super::LedgerError;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Nobody waits longer than this, whatever the deadline.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Latch {
    file: File,
    path: PathBuf,
}

/// The lock, until it is dropped (or the process dies).
#[derive(Debug)]
pub(super) struct Held<'a> {
    file: &'a File,
}

impl Latch {
    pub(super) fn new(file: File, path: &Path) -> Latch {
        Latch { file, path: path.to_owned() }
    }

    /// Tries at least once, then every ten milliseconds until `until` or one second is over.
    pub(super) fn acquire(&self, until: Instant) -> Result<Held<'_>, LedgerError> {
        let until = until.min(Instant::now() + LONGEST_WAIT);
        loop {
            match self.file.try_lock() {
                Ok(()) => return Ok(Held { file: &self.file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(why)) => return Err(LedgerError::io(&self.path, why)),
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(LedgerError::Busy);
            }
            std::thread::sleep(left.min(STEP));
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Nothing can be done about a failure: the lock goes with the file at the latest.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_handles_exclude_each_other_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Latch::new(File::create(&path).unwrap(), &path);
        let second = Latch::new(File::create(&path).unwrap(), &path);
        let held = first.acquire(Instant::now()).unwrap();
        assert!(matches!(second.acquire(Instant::now()), Err(LedgerError::Busy)));
        drop(held);
        drop(second.acquire(Instant::now()).unwrap());
        first.acquire(Instant::now()).unwrap();
    }
}
