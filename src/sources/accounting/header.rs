//! Which column holds what: by the header's names, never by position. It reads no record.

use super::clock::Clock;

/// What a file without a header is taken to have: the columns of 4.5 and later for `d,b`.
const DEFAULT: &str = "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,\
bounceCat,srcType,srcMta,dlvType,dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,vmtaPool";

/// The columns that are looked at, by the names that PowerMTA gives them.
pub const NAMES: [&str; SLOTS] = [
    "timeLogged",
    "timeQueued",
    "rcpt",
    "dsnStatus",
    "dsnDiag",
    "dsnMta",
    "bounceCat",
    "dlvSourceIp",
    "dlvDestinationIp",
    "dlvSize",
    "vmta",
    "queue",
];
pub const SLOTS: usize = 12;
/// A header with more columns is no header.
pub const MOST_COLUMNS: usize = 512;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub columns: usize,
    /// The column of each name; `usize::MAX` where the file has none.
    pub slots: [usize; SLOTS],
}

impl Header {
    /// Reads a header line; `None` when it cannot be one. An empty one means the default.
    pub fn read(line: &str) -> Option<Header> {
        let line = if line.is_empty() { DEFAULT } else { line.trim_end_matches(['\r', '\n']) };
        let names: Vec<&str> = line.split(',').map(|name| name.trim().trim_matches('"')).collect();
        if names.first() != Some(&"type") || names.len() > MOST_COLUMNS {
            return None;
        }
        let slots = NAMES.map(|wanted| names.iter().position(|name| *name == wanted).unwrap_or(usize::MAX));
        Some(Header { columns: names.len(), slots })
    }

    /// Whether a line may be the beginning of a record; `None` when too little of it is there.
    /// After damage nothing else is taken for one.
    pub fn begins_record(&self, line: &[u8]) -> Option<bool> {
        let letters = line.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        let rest = line.get(letters..).unwrap_or(&[]);
        match rest {
            [] if letters <= LONGEST_CODE => None,
            [b',', rest @ ..] if (1..=LONGEST_CODE).contains(&letters) => {
                if self.slots.first() != Some(&1) {
                    return Some(true);
                }
                let end = rest.iter().take(26).position(|byte| matches!(byte, b',' | b'\n' | b'\r'));
                match end {
                    None if rest.len() < 26 => None,
                    None => Some(false),
                    Some(end) => Some(Clock::default().read(rest.get(..end).unwrap_or(&[])).is_some()),
                }
            }
            _ => Some(false),
        }
    }
}

/// The longest code of a record type, with room for types to come.
pub const LONGEST_CODE: usize = 8;

/// Whether this can be the `type` column of a record, known to us or not.
pub fn is_code(text: &[u8]) -> bool {
    (1..=LONGEST_CODE).contains(&text.len()) && text.iter().all(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name() {
        let default = Header::read("").unwrap();
        assert_eq!((default.columns, default.slots[0], default.slots[11]), (23, 1, 21));
        let old = Header::read("type,timeLogged,timeQueued,timeImprinted,orig,rcpt\r").unwrap();
        assert_eq!((old.columns, old.slots[2], old.slots[11]), (6, 5, usize::MAX));
        let planted = Header::read("type,header_rcpt,rcpt,header_timeLogged,timeLogged").unwrap();
        assert_eq!((planted.slots[2], planted.slots[0]), (2, 4));
        assert_eq!(Header::read("d,2026"), None);
        assert_eq!(Header::read(&format!("type{}", ",x".repeat(600))), None);
    }

    #[test]
    fn only_a_record_begins_like_one() {
        let header = Header::read("").unwrap();
        for (line, expected) in [
            ("d,2026-11-24 10:00:00+0000,x", Some(true)),
            ("tq,1178807903,x", Some(true)),
            ("d,2026-11-24 10:00:00+0000\n", Some(true)),
            ("d,2026", None),
            ("d", None),
            ("", None),
            ("d,hello,x", Some(false)),
            (" d,1178807903,", Some(false)),
            ("D,1178807903,", Some(false)),
            ("delivering,1178807903,", Some(false)),
        ] {
            assert_eq!(header.begins_record(line.as_bytes()), expected, "{line}");
        }
        let reordered = Header::read("type,rcpt,timeLogged").unwrap();
        assert_eq!(reordered.begins_record(b"d,a@b.example,"), Some(true));
    }
}
