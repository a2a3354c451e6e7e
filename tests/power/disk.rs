//! What a disk may hold after the power was cut: everything up to the last fsync, and of what was
//! written since then anything from nothing to all of it. It knows no ledger.
//!
//! Names follow a journal, as on ext4 and XFS: they are made, moved and removed in order, and no
//! later than the next fsync of any file. Contents follow nothing but their own file's fsync; a
//! sector of 512 bytes is written whole or not at all.

use crate::dice::Dice;
use std::collections::BTreeMap;
use std::path::Path;

const SECTOR: usize = 512;

/// One change of the folder, by the names that files had then.
#[derive(Debug, Clone)]
pub enum Change {
    Make(String),
    Write(String, usize, Vec<u8>),
    /// Behind what the file holds.
    Append(String, Vec<u8>),
    Cut(String, usize),
    Sync(String),
    /// The folder itself.
    SyncNames,
    Rename(String, String),
    Remove(String),
}

/// How much of what no fsync has confirmed is on the disk.
#[derive(Debug, Clone, Copy)]
pub enum Luck {
    Nothing,
    Everything,
    /// What was written first.
    Prefix,
    /// Any of the writes.
    Some,
    /// Any of their sectors.
    Torn,
}

impl Luck {
    pub const ALL: [Luck; 5] = [Luck::Nothing, Luck::Everything, Luck::Prefix, Luck::Some, Luck::Torn];
}

/// A file that was made: what happened to it, by the number of the change.
#[derive(Default)]
struct File {
    changes: Vec<(usize, Piece)>,
    synced: usize,
    length: usize,
}

enum Piece {
    Write(usize, Vec<u8>),
    Cut(usize),
}

#[derive(Default)]
struct Disk {
    files: Vec<File>,
    /// Names as the running system saw them.
    names: BTreeMap<String, usize>,
    /// Names as the journal left them.
    durable: BTreeMap<String, usize>,
}

/// Writes into `folder` what a power cut after `history` may have left.
pub fn cut_power(history: &[Change], luck: Luck, dice: &mut Dice, folder: &Path) {
    let is_sync = |change: &Change| matches!(change, Change::Sync(_) | Change::SyncNames);
    let confirmed = history.iter().rposition(is_sync).map_or(0, |at| at + 1);
    let journal = match luck {
        Luck::Nothing => confirmed,
        Luck::Everything => history.len(),
        _ => confirmed + dice.below(history.len() - confirmed + 1),
    };
    let mut disk = Disk::default();
    for (number, change) in history.iter().enumerate() {
        disk.apply(number, change, number < journal);
    }
    for (name, file) in &disk.durable {
        std::fs::write(folder.join(name), disk.files[*file].content(luck, journal, dice)).unwrap();
    }
}

impl Disk {
    fn apply(&mut self, number: usize, change: &Change, durable: bool) {
        match change {
            Change::Make(name) => {
                self.files.push(File::default());
                self.name(name, self.files.len() - 1, durable);
            }
            Change::Write(name, at, bytes) => self.write(number, name, *at, bytes),
            Change::Append(name, bytes) => {
                let end = self.file(name).length;
                self.write(number, name, end, bytes);
            }
            Change::Cut(name, length) => {
                let file = self.file(name);
                file.changes.push((number, Piece::Cut(*length)));
                file.length = *length;
            }
            Change::Sync(name) => self.file(name).synced = number,
            Change::SyncNames => {}
            Change::Rename(from, to) => {
                let file = self.names.remove(from).unwrap();
                if durable {
                    self.durable.remove(from);
                }
                self.name(to, file, durable);
            }
            Change::Remove(name) => {
                self.names.remove(name).unwrap();
                if durable {
                    self.durable.remove(name);
                }
            }
        }
    }

    fn name(&mut self, name: &str, file: usize, durable: bool) {
        self.names.insert(name.to_owned(), file);
        if durable {
            self.durable.insert(name.to_owned(), file);
        }
    }

    fn file(&mut self, name: &str) -> &mut File {
        let at = *self.names.get(name).unwrap_or_else(|| panic!("{name} was never made"));
        &mut self.files[at]
    }

    fn write(&mut self, number: usize, name: &str, at: usize, bytes: &[u8]) {
        let file = self.file(name);
        file.length = file.length.max(at + bytes.len());
        file.changes.push((number, Piece::Write(at, bytes.to_owned())));
    }
}

impl File {
    fn content(&self, luck: Luck, journal: usize, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = Vec::new();
        let unconfirmed = self.changes.iter().filter(|(number, _)| *number > self.synced).count();
        let first = dice.below(unconfirmed + 1);
        let mut passed = 0;
        for (number, piece) in &self.changes {
            let sure = *number <= self.synced;
            passed += usize::from(!sure);
            match piece {
                Piece::Cut(length) if sure || *number < journal => bytes.resize(*length, 0),
                Piece::Cut(_) => {}
                Piece::Write(at, data) => match luck {
                    _ if sure => put(&mut bytes, *at, data),
                    Luck::Everything => put(&mut bytes, *at, data),
                    Luck::Nothing => {}
                    Luck::Prefix if passed <= first => put(&mut bytes, *at, data),
                    Luck::Prefix => {}
                    Luck::Some if dice.below(2) == 0 => put(&mut bytes, *at, data),
                    Luck::Some => {}
                    Luck::Torn => put_sectors(&mut bytes, *at, data, dice),
                },
            }
        }
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
    if bytes.len() < at + data.len() {
        bytes.resize(at + data.len(), 0);
    }
    bytes[at..at + data.len()].copy_from_slice(data);
}

fn put_sectors(bytes: &mut Vec<u8>, mut at: usize, mut data: &[u8], dice: &mut Dice) {
    while !data.is_empty() {
        let (sector, rest) = data.split_at((SECTOR - at % SECTOR).min(data.len()));
        if dice.below(2) == 0 {
            put(bytes, at, sector);
        }
        (at, data) = (at + sector.len(), rest);
    }
}
