//! Accounting files as PowerMTA names, rotates and moves them. Knows nothing of what a record means.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::calendar::Calendar;
use crate::entry::{Column, Entry, Kind, write_header, write_line};
use crate::options::{Options, SimError};

/// One `<acct-file>` section and the file it is writing.
#[derive(Debug)]
pub struct AccountingFile {
    pub base: &'static str,
    pub kinds: Vec<Kind>,
    columns: Vec<Column>,
    crlf: bool,
    max_size: u64,
    folder: PathBuf,
    moved: Option<PathBuf>,
    path: PathBuf,
    file: File,
    /// Written by the host, not yet by the operating system.
    buffer: Vec<u8>,
    size: u64,
    date: String,
    sequence: u32,
    /// The end of a record whose beginning is on disk already.
    unfinished: Vec<u8>,
}

impl AccountingFile {
    pub fn open(
        base: &'static str,
        kinds: Vec<Kind>,
        options: &Options,
        calendar: Calendar,
        now: i64,
    ) -> Result<Self, SimError> {
        let folder = options.log_folder();
        let moved = options.moved_folder();
        let date = calendar.date(now);
        let columns = options.file_columns(&kinds);
        let (path, sequence) = next_name(&folder, moved.as_deref(), base, &date, 0);
        let file = create(&path)?;
        let mut this = Self {
            base,
            kinds,
            columns,
            crlf: options.crlf,
            max_size: options.max_size.max(4_096),
            folder,
            moved,
            path,
            file,
            buffer: Vec::new(),
            size: 0,
            date,
            sequence,
            unfinished: Vec::new(),
        };
        this.begin()?;
        Ok(this)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn write(&mut self, entry: &Entry<'_>) -> Result<(), SimError> {
        self.finish_partial()?;
        let before = self.buffer.len();
        write_line(entry, &self.columns, self.crlf, &mut self.buffer);
        self.size += (self.buffer.len() - before) as u64;
        if self.buffer.len() > 1 << 16 {
            self.flush()?;
        }
        if self.size >= self.max_size { self.rotate() } else { Ok(()) }
    }

    /// The record is counted as written, but its last part is kept back.
    pub fn write_partial(&mut self, entry: &Entry<'_>, keep: usize) -> Result<(), SimError> {
        self.finish_partial()?;
        let mut line = Vec::new();
        write_line(entry, &self.columns, self.crlf, &mut line);
        self.size += line.len() as u64;
        let cut = keep.clamp(1, line.len().saturating_sub(1));
        self.unfinished = line.split_off(cut);
        self.buffer.extend_from_slice(&line);
        self.flush()
    }

    /// Bytes that are no record of the host's: a torn line, garbage. Nobody counts them.
    pub fn write_raw(&mut self, bytes: &[u8]) -> Result<(), SimError> {
        self.finish_partial()?;
        self.buffer.extend_from_slice(bytes);
        self.size += bytes.len() as u64;
        self.flush()
    }

    pub fn finish_partial(&mut self) -> Result<(), SimError> {
        if self.unfinished.is_empty() {
            return Ok(());
        }
        self.buffer.append(&mut self.unfinished);
        self.flush()
    }

    /// Hands what is buffered to the operating system.
    pub fn flush(&mut self) -> Result<(), SimError> {
        self.file.write_all(&self.buffer).map_err(SimError::file(&self.path))?;
        self.buffer.clear();
        Ok(())
    }

    /// Closes the file and begins the next of the same day.
    pub fn rotate(&mut self) -> Result<(), SimError> {
        self.succeed(self.date.clone(), self.sequence + 1)
    }

    /// Closes the file if the day is over.
    pub fn turn_day(&mut self, date: &str) -> Result<(), SimError> {
        if date == self.date { Ok(()) } else { self.succeed(date.to_owned(), 0) }
    }

    /// The columns of files begun from now on (`record-fields` changed, then a reload and a new file).
    pub fn set_columns(&mut self, columns: Vec<Column>) -> Result<(), SimError> {
        self.columns = columns;
        self.rotate()
    }

    /// The successor appears before the old file is moved away, as real hosts do it.
    fn succeed(&mut self, date: String, sequence: u32) -> Result<(), SimError> {
        self.finish_partial()?;
        self.flush()?;
        let (path, sequence) = next_name(&self.folder, self.moved.as_deref(), self.base, &date, sequence);
        let file = create(&path)?;
        let old = std::mem::replace(&mut self.path, path);
        self.file = file;
        self.size = 0;
        self.date = date;
        self.sequence = sequence;
        self.begin()?;
        if let (Some(moved), Some(name)) = (&self.moved, old.file_name()) {
            let target = moved.join(name);
            fs::rename(&old, &target).map_err(SimError::file(&target))?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), SimError> {
        write_header(&self.columns, self.crlf, &mut self.buffer);
        self.size = self.buffer.len() as u64;
        self.flush()
    }
}

/// `base-YYYY-MM-DD-NNNN.csv`, the first number from `sequence` on that no file bears, here or moved.
fn next_name(
    folder: &Path,
    moved: Option<&Path>,
    base: &str,
    date: &str,
    mut sequence: u32,
) -> (PathBuf, u32) {
    loop {
        let name = format!("{base}-{date}-{sequence:04}.csv");
        let path = folder.join(&name);
        let taken = path.exists() || moved.is_some_and(|moved| moved.join(&name).exists());
        if !taken {
            return (path, sequence);
        }
        sequence += 1;
    }
}

fn create(path: &Path) -> Result<File, SimError> {
    File::options().create_new(true).append(true).open(path).map_err(SimError::file(path))
}
