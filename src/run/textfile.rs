//! A file that is whole or not there: for node_exporter, which may read it at any moment.

use super::RunError;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Writes beside the target and renames. The new file is world-readable, because the exporter is
/// another user; it holds nothing but numbers.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    let failed = |source| RunError::Textfile { path: path.to_owned(), source };
    let beside = temporary(path);
    let result = File::create(&beside)
        .and_then(|mut file| {
            file.set_permissions(Permissions::from_mode(0o644))?;
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&beside, path));
    if result.is_err() {
        let _ = fs::remove_file(&beside);
    }
    result.map_err(failed)
}

/// Not `*.prom`, so that the exporter never reads the half-written one; with our process id, so
/// that two runs do not write into each other's.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_replaced_whole_and_readable_by_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pmta.prom");
        write(&path, b"first\n").unwrap();
        write(&path, b"second\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_missing_folder_is_told_with_its_path() {
        let error = write(Path::new("/nonexistent/pmta.prom"), b"").unwrap_err();
        assert!(error.to_string().contains("/nonexistent/pmta.prom"), "{error}");
    }
}
