//! What can go wrong with the ledger, and what the operator can do about it.

use rusqlite::ErrorCode;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("no folder for the state: neither HOME nor XDG_STATE_HOME is set (give --state DIR)")]
    NoPlace,
    #[error(
        "the ledger is in use by another run (this one shows the last committed totals; if it lasts, give runs a longer interval)"
    )]
    Busy,
    #[error(
        "cannot write in {folder}: {why} (make the folder group-shared, `chmod 2770`, and add this user to its group)"
    )]
    ReadOnly { folder: PathBuf, why: String },
    #[error("cannot open {path}: {why} (its owner and mode must let this user or its group read and write)")]
    Denied { path: PathBuf, why: String },
    #[error(
        "the ledger in {folder} was written by a newer version (its format {found}, ours {known}); it is left untouched: upgrade this program"
    )]
    Newer { folder: PathBuf, found: i64, known: i64 },
    #[error("no room for the ledger (free some space; totals go on from the last commit)")]
    Full,
    #[error("the ledger is damaged: {why} (the next run sets it aside and goes back to the last good copy)")]
    Damaged { why: String },
    #[error("cannot use {path}: {why}")]
    Io { path: PathBuf, why: std::io::Error },
    #[error("this run was not committed: {why} (the next one reads the same bytes again)")]
    Abandoned { why: String },
    #[error("the ledger refuses: {0}")]
    Store(rusqlite::Error),
}

impl LedgerError {
    pub(super) fn io(path: &std::path::Path, why: std::io::Error) -> LedgerError {
        LedgerError::Io { path: path.to_owned(), why }
    }

    /// A row that we wrote cannot be read back: that is damage, too.
    pub(super) fn unreadable(what: &str) -> LedgerError {
        LedgerError::Damaged { why: format!("{what} cannot be read back") }
    }

    pub(super) fn is_damage(&self) -> bool {
        matches!(self, LedgerError::Damaged { .. })
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> LedgerError {
        match &error {
            // A column of another type than the one we declared was not written by us.
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..) => LedgerError::Damaged { why: error.to_string() },
            _ => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    LedgerError::Damaged { why: error.to_string() }
                }
                Some(ErrorCode::DiskFull) => LedgerError::Full,
                _ if extended(&error) == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => LedgerError::Full,
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LedgerError::Busy,
                // A table or column is gone although the version says that it is there.
                _ if error.to_string().contains("no such ") => {
                    LedgerError::Damaged { why: error.to_string() }
                }
                _ => LedgerError::Store(error),
            },
        }
    }
}

fn extended(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}
