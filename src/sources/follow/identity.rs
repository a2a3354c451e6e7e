//! Which file a file is: by its content, never by its name alone. It keeps no list of files.

use super::files::OpenFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io;

/// Bytes of data that make up a full head.
pub const HEAD: usize = 1_024;
/// Bytes before the offset that make up the tail.
pub const TAIL: usize = 256;
/// What stands before the first record is looked for in this much.
const PREFACE: usize = 64 * 1_024;

/// What is remembered of a file's content: enough to know it again under any name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Behind the last whole record that was taken.
    pub offset: u64,
    /// Where the first record begins.
    pub preface: u64,
    /// How many bytes of whole records `head` covers; 0 says that nothing was taken yet.
    pub head_len: usize,
    pub head: u64,
    /// Hash of the bytes before the offset.
    pub tail: u64,
    /// Hash of the first record: what files are looked up by.
    pub first: u64,
}

/// The beginning of a file's data, read once and compared with many identities.
#[derive(Debug, Clone, Default)]
pub struct Start {
    pub preface: u64,
    pub data: Vec<u8>,
}

/// How a file compares with an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    Same,
    /// It begins alike and is shorter: a copy that is still being written, or a torn one.
    Shorter,
    Other,
}

impl Start {
    /// `preface` tells how many bytes at the beginning are no data.
    pub fn read(file: &mut dyn OpenFile, preface: &dyn Fn(&[u8]) -> usize) -> io::Result<Start> {
        let mut begin = read(file, 0, 4 * HEAD)?;
        let mut before = preface(&begin);
        if before >= begin.len() && begin.len() == 4 * HEAD {
            begin = read(file, 0, PREFACE)?;
            before = preface(&begin);
        }
        let rest = begin.get(before..).unwrap_or(&[]);
        let data = if rest.len() >= HEAD || begin.len() < 4 * HEAD {
            rest.iter().copied().take(HEAD).collect()
        } else {
            read(file, before as u64, HEAD)?
        };
        Ok(Start { preface: before as u64, data })
    }

    /// Hash of the first record, once it is whole.
    pub fn first(&self) -> Option<u64> {
        first_of(&self.data)
    }
}

impl Identity {
    /// Brings head, tail and first up to date with what was taken.
    pub fn settle(&mut self, start: &Start, tail: &[u8]) {
        self.preface = start.preface;
        let taken = usize::try_from(self.offset.saturating_sub(start.preface)).unwrap_or(usize::MAX);
        let head = start.data.get(..taken.min(HEAD)).unwrap_or(&start.data);
        self.head_len = head.len();
        self.head = hash(head);
        self.first = first_of(head).unwrap_or(0);
        self.tail = hash(tail);
    }

    pub fn agrees_at_head(&self, start: &Start) -> bool {
        let head = start.data.get(..self.head_len);
        self.head_len > 0 && start.preface == self.preface && head.is_some_and(|head| hash(head) == self.head)
    }

    pub fn compare(&self, start: &Start, file: &mut dyn OpenFile, size: u64) -> io::Result<Likeness> {
        if size < self.offset {
            let alike = self.head_len > 0 && start.first() == Some(self.first);
            let whole = start.data.get(..self.head_len);
            let differs = whole.is_some_and(|head| hash(head) != self.head);
            return Ok(if alike && !differs { Likeness::Shorter } else { Likeness::Other });
        }
        if self.head_len > 0 && !self.agrees_at_head(start) {
            return Ok(Likeness::Other);
        }
        let same = hash(&tail_of(file, self.offset)?) == self.tail;
        Ok(if same { Likeness::Same } else { Likeness::Other })
    }
}

/// The bytes whose hash is the tail of a file read up to `offset`.
pub fn tail_of(file: &mut dyn OpenFile, offset: u64) -> io::Result<Vec<u8>> {
    let length = offset.min(TAIL as u64);
    read(file, offset - length, usize::try_from(length).unwrap_or(TAIL))
}

pub fn hash(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

fn first_of(data: &[u8]) -> Option<u64> {
    match memchr::memchr(b'\n', data) {
        Some(end) => data.get(..=end).map(hash),
        None if data.len() >= HEAD => data.get(..HEAD).map(hash),
        None => None,
    }
}

fn read(file: &mut dyn OpenFile, at: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let n = file.read_at(&mut bytes, at)?;
    bytes.truncate(n);
    Ok(bytes)
}
