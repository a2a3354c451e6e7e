//! The memory that the kernel grants a process's control group, and what the group uses of it:
//! version 2, else version 1. It knows no process by name.

use std::path::{Path, PathBuf};

/// Version 1 writes "no limit" as the largest number of whole pages.
const NO_LIMIT: i64 = 1 << 60;
const MOST_DEPTH: usize = 16;

/// Bytes in use that cannot just be dropped, and how many are granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    pub used: i64,
    pub most: i64,
}

/// The tightest limit on the way from the group to the root; `None` where there is none, or none
/// can be seen. `of` is the process's own `cgroup` file.
pub fn grant(of: &str, root: &Path, read: impl Fn(PathBuf) -> Option<String>) -> Option<Grant> {
    let whole = |path: PathBuf| read(path)?.trim().parse::<i64>().ok();
    let mut tightest: Option<Grant> = None;
    for line in of.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(kinds), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (root, limit, current, cached) = match kinds {
            "" => (root.to_owned(), "memory.max", "memory.current", "inactive_file"),
            _ if kinds.split(',').any(|kind| kind == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            }
            _ => continue,
        };
        // A path that leaves the root is another namespace's.
        let path = Path::new(path.trim_start_matches('/'));
        if path.components().any(|part| part.as_os_str() == "..") {
            continue;
        }
        for group in path.ancestors().take(MOST_DEPTH) {
            let folder = root.join(group);
            let most = whole(folder.join(limit)).filter(|most| (1..NO_LIMIT).contains(most));
            let (Some(most), Some(used)) = (most, whole(folder.join(current))) else { continue };
            // The kernel drops what it only keeps of files before it kills anybody.
            let stat = read(folder.join("memory.stat")).unwrap_or_default();
            let dropped = stat.lines().find_map(|line| line.strip_prefix(cached)?.trim().parse::<i64>().ok());
            let found = Grant { used: (used - dropped.unwrap_or(0)).max(0), most };
            let fuller = |known: Grant| {
                i128::from(found.used) * i128::from(known.most)
                    > i128::from(known.used) * i128::from(found.most)
            };
            if tightest.is_none_or(fuller) {
                tightest = Some(found);
            }
        }
    }
    tightest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn found(of: &str, files: &[(&str, &str)]) -> Option<Grant> {
        let files: BTreeMap<PathBuf, String> =
            files.iter().map(|(path, text)| (Path::new("/cg").join(path), (*text).to_owned())).collect();
        grant(of, Path::new("/cg"), |path| files.get(&path).cloned())
    }

    #[test]
    fn the_tightest_limit_on_the_way_up_holds() {
        let files = [
            ("a/b/memory.max", "max\n"),
            ("a/b/memory.current", "70\n"),
            ("a/memory.max", "100\n"),
            ("a/memory.current", "90\n"),
            ("a/memory.stat", "anon 60\ninactive_file 20\n"),
        ];
        assert_eq!(found("0::/a/b\n", &files), Some(Grant { used: 70, most: 100 }));
        assert_eq!(found("0::/\n", &files), None);
        assert_eq!(found("0::/../a\n", &files), None);
        assert_eq!(found("nonsense", &files), None);
    }

    #[test]
    fn version_1_says_no_limit_with_a_number() {
        let files = [
            ("memory/x/memory.limit_in_bytes", "200"),
            ("memory/x/memory.usage_in_bytes", "150"),
            ("memory/x/memory.stat", "inactive_file 1\ntotal_inactive_file 50\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712"),
            ("memory/memory.usage_in_bytes", "900"),
        ];
        assert_eq!(found("5:cpu,memory:/x\n4:pids:/y\n", &files), Some(Grant { used: 100, most: 200 }));
        assert_eq!(found("5:memory:/\n", &files), None);
    }
}
