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
    clear(path);
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

/// Removes what killed runs left beside the target: their process is gone.
fn clear(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let prefix = format!("{}.", name.to_string_lossy());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(prefix.as_str()));
        if process.is_some_and(|id| id.parse::<u32>().is_ok() && !Path::new("/proc").join(id).exists()) {
            // Whoever may not remove it leaves it to its owner.
            let _ = fs::remove_file(entry.path());
        }
    }
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

    /// Process ids end far below these numbers.
    #[test]
    fn what_killed_runs_left_is_cleared_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let living = format!("pmta.prom.{}", std::process::id());
        for name in ["pmta.prom.4194999", "pmta.prom.bak", "other.prom.4194999", "pmta.prom.", &living] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        clear(&folder.path().join("pmta.prom"));
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut left: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        let mut kept = ["other.prom.4194999", "pmta.prom.", "pmta.prom.bak", living.as_str()];
        kept.sort_unstable();
        assert_eq!(left, kept);
    }

    #[test]
    fn a_missing_folder_is_told_with_its_path() {
        let error = write(Path::new("/nonexistent/pmta.prom"), b"").unwrap_err();
        assert!(error.to_string().contains("/nonexistent/pmta.prom"), "{error}");
    }
}
