//! What the name of a file says: which source it belongs to, and how it is packed. It opens nothing.

/// How the content of a file is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    /// Compressed in a way that cannot be read here.
    Foreign,
}

/// A file name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The source's base name: `acct.csv` for `acct-2026-11-23-0004.csv`, `acct.csv.3.gz` ...
    pub base: String,
    pub packing: Packing,
    /// The name without the compression's ending.
    pub plain: String,
}

/// Endings of compressed files that cannot be read here.
pub const FOREIGN: &[&str] = &[".bz2", ".xz", ".zst", ".lz4", ".lzma", ".zip", ".Z", ".7z", ".br"];
const OLD: &[&str] = &[".old", ".bak", ".prev"];

pub fn read_name(name: &str) -> Name {
    let (plain, packing) = if let Some(plain) = name.strip_suffix(".gz") {
        (plain, Packing::Gzip)
    } else if let Some(plain) = FOREIGN.iter().find_map(|ending| name.strip_suffix(ending)) {
        (plain, Packing::Foreign)
    } else {
        (name, Packing::Plain)
    };
    Name { base: base_of(plain), packing, plain: plain.to_owned() }
}

/// `*` and `?` in one component of a path.
pub fn glob_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n, mut retry) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(letter) if *letter == b'?' || Some(letter) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((after, from)) = retry else { return false };
                retry = Some((after, from + 1));
                p = after;
                n = from + 1;
            }
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

pub fn is_glob(name: &str) -> bool {
    name.contains(['*', '?'])
}

fn base_of(plain: &str) -> String {
    let plain = OLD.iter().find_map(|ending| plain.strip_suffix(ending)).unwrap_or(plain);
    let plain = without_turn(plain);
    match plain.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.bytes().any(|byte| byte.is_ascii_alphabetic()) => {
            format!("{}.{ending}", without_turn(stem))
        }
        _ => plain.to_owned(),
    }
}

/// Cuts what a rotation adds at the end: `-2026-11-23-0004`, `.20261123`, `.7`. A short number
/// behind a dash is left alone: `acct-1.csv` may be a name that an operator chose.
fn without_turn(text: &str) -> &str {
    let digits = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_' | b'T' | b':');
    let tail = text.bytes().rev().take_while(|byte| digits(byte)).count();
    let start = text.len() - tail;
    for (at, separator) in text.bytes().enumerate().skip(start.max(1)) {
        if !matches!(separator, b'-' | b'.' | b'_') {
            continue;
        }
        let Some(turn) = text.get(at + 1..) else { continue };
        let first = turn.bytes().take_while(u8::is_ascii_digit).count();
        let numbered = separator == b'.' && first > 0 && first == turn.len();
        if first >= 4 || numbered {
            return text.get(..at).unwrap_or(text);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_rotation_belongs_to_its_source() {
        let cases = [
            ("acct.csv", "acct.csv", Packing::Plain),
            ("acct-2026-11-23-0004.csv", "acct.csv", Packing::Plain),
            ("acct-2026-11-23-0004.csv.gz", "acct.csv", Packing::Gzip),
            ("acct.csv.1", "acct.csv", Packing::Plain),
            ("acct.csv.12.gz", "acct.csv", Packing::Gzip),
            ("acct.csv-20261123", "acct.csv", Packing::Plain),
            ("acct.csv-20261123.xz", "acct.csv", Packing::Foreign),
            ("acct.csv.old", "acct.csv", Packing::Plain),
            ("acct.3.csv", "acct.csv", Packing::Plain),
            ("acct-1-2026-11-23-0004.csv", "acct-1.csv", Packing::Plain),
            ("acct-1.csv", "acct-1.csv", Packing::Plain),
            ("diag.csv", "diag.csv", Packing::Plain),
            ("log", "log", Packing::Plain),
            ("log.1", "log", Packing::Plain),
            ("log.2.gz", "log", Packing::Gzip),
            ("pmta.log.2026-11-23T00:00", "pmta.log", Packing::Plain),
            ("2026.csv", "2026.csv", Packing::Plain),
        ];
        for (name, base, packing) in cases {
            let read = read_name(name);
            assert_eq!((read.base.as_str(), read.packing), (base, packing), "{name}");
        }
        assert_eq!(read_name("acct.csv.1.gz").plain, "acct.csv.1");
    }

    #[test]
    fn globs_match_as_a_shell_would() {
        for (pattern, name, expected) in [
            ("acct*.csv", "acct.csv", true),
            ("acct*.csv", "acct-2026-11-23-0000.csv", true),
            ("acct*.csv", "acct.csv.1", false),
            ("a?c*", "abcd", true),
            ("*", "", true),
            ("?", "", false),
            ("*a*b", "xxaxxabb", true),
            ("acct.csv", "acct.csv", true),
        ] {
            assert_eq!(glob_matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
