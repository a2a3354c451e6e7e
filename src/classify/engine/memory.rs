//! Answers remembered per template: bounded, and as bytes for the next run. Knows no rule.

use crate::classify::{Reason, Stage};
use std::collections::HashMap;

/// Kept in one run.
const MOST: usize = 16_384;
/// Written down for the next run: the largest note is about 70 KB.
const MOST_WRITTEN: usize = 4_096;
const ROW: usize = 13;
const NO_RULE: u16 = u16::MAX;
const NO_STAGE: u8 = u8::MAX;

/// The part of an answer that does not come out of normalising.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub reason: Reason,
    pub stage: Option<Stage>,
    pub throttling: bool,
    pub rule: Option<u16>,
}

#[derive(Debug, Default)]
pub struct Memory {
    kept: HashMap<u64, (Kept, bool), foldhash::fast::FixedState>,
    changed: bool,
}

impl Memory {
    pub fn get(&mut self, key: u64) -> Option<Kept> {
        let (kept, used) = self.kept.get_mut(&key)?;
        *used = true;
        Some(*kept)
    }

    /// When full, what this run has not used goes; failing that, everything.
    pub fn put(&mut self, key: u64, kept: Kept) {
        if self.kept.len() >= MOST {
            self.kept.retain(|_, (_, used)| *used);
            if self.kept.len() >= MOST / 2 {
                self.kept.clear();
            }
        }
        self.kept.insert(key, (kept, true));
        self.changed = true;
    }

    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// Rows of a note that was written with the same rules; anything else is ignored.
    pub fn recall(&mut self, written: &[u8], fingerprint: u64) {
        let Some(rows) = written.strip_prefix(&fingerprint.to_le_bytes()) else { return };
        let (rows, _) = rows.as_chunks::<ROW>();
        self.kept.reserve(rows.len().min(MOST_WRITTEN));
        for row in rows.iter().take(MOST_WRITTEN) {
            if let Some((key, kept)) = read_row(row) {
                self.kept.entry(key).or_insert((kept, false));
            }
        }
    }

    /// The fingerprint and the rows, used ones first; the same bytes for the same contents.
    pub fn write(&mut self, fingerprint: u64) -> Vec<u8> {
        self.changed = false;
        let mut rows: Vec<_> = self.kept.iter().map(|(key, (kept, used))| (!used, *key, *kept)).collect();
        rows.sort_unstable_by_key(|(unused, key, _)| (*unused, *key));
        let mut bytes = Vec::with_capacity(8 + ROW * rows.len().min(MOST_WRITTEN));
        bytes.extend_from_slice(&fingerprint.to_le_bytes());
        for (_, key, kept) in rows.iter().take(MOST_WRITTEN) {
            bytes.extend_from_slice(&key.to_le_bytes());
            bytes.push(kept.reason.number());
            bytes.push(kept.stage.map_or(NO_STAGE, |stage| stage as u8));
            bytes.push(u8::from(kept.throttling));
            bytes.extend_from_slice(&kept.rule.unwrap_or(NO_RULE).to_le_bytes());
        }
        bytes
    }
}

fn read_row(row: &[u8; ROW]) -> Option<(u64, Kept)> {
    let (key, rest) = row.split_first_chunk::<8>()?;
    let [reason, stage, throttling, low, high] = rest else { return None };
    let rule = u16::from_le_bytes([*low, *high]);
    let kept = Kept {
        reason: Reason::from_number(*reason)?,
        stage: Stage::from_number(*stage),
        throttling: *throttling == 1,
        rule: (rule != NO_RULE).then_some(rule),
    };
    Some((u64::from_le_bytes(*key), kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Kept =
        Kept { reason: Reason::Greylisted, stage: Some(Stage::Rcpt), throttling: false, rule: Some(300) };

    #[test]
    fn what_is_written_is_read_back() {
        let mut memory = Memory::default();
        let bare = Kept { reason: Reason::Other, stage: None, throttling: true, rule: None };
        memory.put(1, KEPT);
        memory.put(2, bare);
        assert!(memory.is_changed());
        let written = memory.write(77);
        assert!(!memory.is_changed());
        let mut next = Memory::default();
        next.recall(&written, 77);
        assert_eq!((next.get(1), next.get(2), next.get(3)), (Some(KEPT), Some(bare), None));
        assert!(!next.is_changed(), "an idle run writes nothing");
        assert_eq!(next.write(77), written);
        let mut changed = Memory::default();
        changed.recall(&written, 78);
        assert_eq!(changed.get(1), None, "other rules, other answers");
    }

    #[test]
    fn broken_notes_do_no_harm() {
        let mut written = {
            let mut memory = Memory::default();
            memory.put(1, KEPT);
            memory.write(5)
        };
        written[16] = 200;
        let mut memory = Memory::default();
        for length in 0..=written.len() {
            memory.recall(&written[..length], 5);
        }
        assert_eq!(memory.get(1), None);
    }

    #[test]
    fn it_is_bounded() {
        let mut memory = Memory::default();
        for key in 0..100_000 {
            memory.put(key, KEPT);
        }
        assert!(memory.kept.len() <= MOST);
        assert!(memory.write(1).len() <= 8 + ROW * MOST_WRITTEN);
    }
}
