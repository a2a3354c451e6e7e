//! Where the state lives: a pure choice among what the command line and the host offer.

use super::LedgerError;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The folder that everyone on this host shares when nobody says otherwise.
pub const SHARED_FOLDER: &str = "/var/lib/pmta-vitals";

/// What the choice depends on; `run` reads it from the command line and the environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// `--state`
    pub state: Option<&'a Path>,
    /// `$STATE_DIRECTORY`, which systemd sets; several folders are separated by colons.
    pub state_directory: Option<&'a OsStr>,
    /// Whether `SHARED_FOLDER` exists.
    pub shared_exists: bool,
    pub xdg_state_home: Option<&'a OsStr>,
    pub home: Option<&'a OsStr>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub folder: PathBuf,
    /// `false`: a user's own folder, so other hosts on this machine count for themselves.
    pub shared: bool,
}

/// `--state`, else `$STATE_DIRECTORY`, else the shared folder if it exists, else this user's own
/// state folder.
pub fn resolve(around: &Surroundings<'_>) -> Result<Place, LedgerError> {
    if let Some(folder) = around.state {
        return Ok(Place { folder: folder.to_owned(), shared: true });
    }
    let first = around.state_directory.and_then(|list| list.as_bytes().split(|byte| *byte == b':').next());
    if let Some(folder) = first.filter(|folder| !folder.is_empty()) {
        return Ok(Place { folder: PathBuf::from(OsStr::from_bytes(folder)), shared: true });
    }
    if around.shared_exists {
        return Ok(Place { folder: PathBuf::from(SHARED_FOLDER), shared: true });
    }
    // The XDG rules: a relative path is to be ignored.
    let own = around.xdg_state_home.map(PathBuf::from).filter(|folder| folder.is_absolute()).or_else(|| {
        around.home.filter(|home| !home.is_empty()).map(|home| Path::new(home).join(".local/state"))
    });
    own.map(|base| Place { folder: base.join("pmta-vitals"), shared: false }).ok_or(LedgerError::NoPlace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_applies_is_taken() {
        let all = Surroundings {
            state: Some(Path::new("/flag")),
            state_directory: Some(OsStr::new("/unit:/second")),
            shared_exists: true,
            xdg_state_home: Some(OsStr::new("/xdg")),
            home: Some(OsStr::new("/home/me")),
        };
        let table = [
            (all, "/flag", true),
            (Surroundings { state: None, ..all }, "/unit", true),
            (Surroundings { state: None, state_directory: None, ..all }, SHARED_FOLDER, true),
            (Surroundings { state: None, state_directory: Some(OsStr::new("")), ..all }, SHARED_FOLDER, true),
            (
                Surroundings { state: None, state_directory: None, shared_exists: false, ..all },
                "/xdg/pmta-vitals",
                false,
            ),
            (
                Surroundings { home: Some(OsStr::new("/home/me")), ..Surroundings::default() },
                "/home/me/.local/state/pmta-vitals",
                false,
            ),
            (
                Surroundings {
                    xdg_state_home: Some(OsStr::new("relative")),
                    home: Some(OsStr::new("/home/me")),
                    ..Surroundings::default()
                },
                "/home/me/.local/state/pmta-vitals",
                false,
            ),
        ];
        for (around, folder, shared) in table {
            assert_eq!(resolve(&around).unwrap(), Place { folder: PathBuf::from(folder), shared });
        }
        assert!(matches!(resolve(&Surroundings::default()), Err(LedgerError::NoPlace)));
    }
}
