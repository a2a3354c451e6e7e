//! File names with `*`, `?` and `[...]`, in any component of a path. It only lists folders and
//! promises an order; it opens no file.

use std::path::{Path, PathBuf};

/// Every path that matches, sorted, at most `most`. A path without wildcards matches itself when
/// it exists.
pub fn expand(glob: &Path, most: usize) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in glob.components() {
        let text = part.as_os_str().to_string_lossy();
        if !has_wildcard(&text) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let mut next = Vec::new();
        for folder in &found {
            let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let Ok(entries) = std::fs::read_dir(here) else { continue };
            // A folder of a million files must not be held in memory for ten of them.
            let names = entries.take(LISTED).filter_map(Result::ok).map(|entry| entry.file_name());
            next.extend(
                names.filter(|name| matches(&text, &name.to_string_lossy())).map(|name| folder.join(name)),
            );
        }
        next.sort();
        next.truncate(most);
        found = next;
    }
    found.retain(|path| path.symlink_metadata().is_ok());
    found
}

/// The folder that holds the first wildcard: what is in it decides what matches.
pub(super) fn folder_of(glob: &Path) -> PathBuf {
    glob.components().take_while(|part| !has_wildcard(&part.as_os_str().to_string_lossy())).collect()
}

pub(super) fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

const LISTED: usize = 100_000;

/// Whether a name matches. A hidden file is matched only by a pattern that begins with a dot.
pub fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where to go on when what follows the last star does not fit.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match step(pattern.get(p..).unwrap_or_default(), name.get(n).copied().unwrap_or_default()) {
            Step::Star => {
                retry = Some((p, n));
                p += 1;
            }
            Step::Fits(taken) => (p, n) = (p + taken, n + 1),
            Step::Fails => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                (p, n) = (star + 1, from + 1);
            }
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|letter| *letter == '*')
}

enum Step {
    Star,
    /// One letter of the name fits so many letters of the pattern.
    Fits(usize),
    Fails,
}

fn step(pattern: &[char], letter: char) -> Step {
    match pattern.first() {
        Some('*') => Step::Star,
        Some('?') => Step::Fits(1),
        Some('[') => match class(pattern, letter) {
            Some((true, taken)) => Step::Fits(taken),
            Some((false, _)) => Step::Fails,
            None if letter == '[' => Step::Fits(1),
            None => Step::Fails,
        },
        Some(other) if *other == letter => Step::Fits(1),
        _ => Step::Fails,
    }
}

/// `[a-z]`, `[!x]`: whether the letter is in it, and how long it is; `None` if it never ends.
fn class(pattern: &[char], letter: char) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = if negated { 2 } else { 1 };
    let end = first + 1 + pattern.get(first + 1..)?.iter().position(|c| *c == ']')?;
    let (mut at, mut inside) = (first, false);
    while at < end {
        let low = *pattern.get(at)?;
        if pattern.get(at + 1) == Some(&'-') && at + 2 < end {
            inside |= (low..=*pattern.get(at + 2)?).contains(&letter);
            at += 3;
        } else {
            inside |= low == letter;
            at += 1;
        }
    }
    Some((inside != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("acct-*.csv", "acct-2026-11-24-0000.csv", true),
            ("acct-*.csv", "acct.csv", false),
            ("*", "a", true),
            ("*", ".hidden", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a[0-9]c", "a5c", true),
            ("a[!0-9]c", "a5c", false),
            ("a[*]c", "a*c", true),
            ("a[*]c", "abc", false),
            ("a[", "a[", true),
            ("*a*b*c*", "xxaxxbxxcxx", true),
            ("*a*b*c*", "xxaxxcxxbxx", false),
            ("", "", true),
            ("bü*", "bücher", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        // What makes a naive matcher exponential.
        assert!(!matches(&"*a".repeat(60), &"a".repeat(59)));
    }

    #[test]
    fn wildcards_are_found_in_any_component() {
        let folder = tempfile::tempdir().unwrap();
        for (inner, file) in [("a1", "x.conf"), ("a2", "y.conf"), ("b", "z.conf")] {
            std::fs::create_dir_all(folder.path().join(inner)).unwrap();
            std::fs::write(folder.path().join(inner).join(file), "").unwrap();
        }
        let found = |glob: &str| {
            let paths = expand(&folder.path().join(glob), 10);
            paths
                .iter()
                .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(found("a*/*.conf"), ["x.conf", "y.conf"]);
        assert_eq!(found("b/z.conf"), ["z.conf"]);
        assert!(found("b/none.conf").is_empty());
        assert_eq!(folder_of(Path::new("/etc/pmta/*/x")), Path::new("/etc/pmta"));
    }
}
