//! Plain log files with dated lines: PowerMTA's own log and the web monitor's. Rotates as `log`, `log.1` ...

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::calendar::Calendar;
use crate::options::SimError;

/// `log-rotate`: how many files are kept, the current one included.
const KEPT: u32 = 8;

#[derive(Debug)]
pub struct Diary {
    path: PathBuf,
    file: File,
    buffer: String,
    calendar: Calendar,
}

impl Diary {
    pub fn open(path: &Path, calendar: Calendar) -> Result<Self, SimError> {
        Ok(Self { path: path.to_owned(), file: append(path)?, buffer: String::new(), calendar })
    }

    pub fn line(&mut self, at: i64, text: &str) {
        self.buffer.push_str(&self.calendar.stamp(at));
        self.buffer.push(' ');
        self.buffer.push_str(text);
        self.buffer.push('\n');
    }

    pub fn flush(&mut self) -> Result<(), SimError> {
        self.file.write_all(self.buffer.as_bytes()).map_err(SimError::file(&self.path))?;
        self.buffer.clear();
        Ok(())
    }

    pub fn rotate(&mut self) -> Result<(), SimError> {
        self.flush()?;
        for n in (1..KEPT).rev() {
            let from = if n == 1 { self.path.clone() } else { self.numbered(n - 1) };
            if from.exists() {
                fs::rename(&from, self.numbered(n)).map_err(SimError::file(&from))?;
            }
        }
        self.file = append(&self.path)?;
        Ok(())
    }

    fn numbered(&self, n: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{n}"));
        name.into()
    }
}

fn append(path: &Path) -> Result<File, SimError> {
    File::options().create(true).append(true).open(path).map_err(SimError::file(path))
}
