//! What every race needs: the programs, folders of its own, and how much is asked for.

use crate::product::{empty_program, product};
use crate::race::fast_folder;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What a run is asked for by its arguments.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Sections; none is all of them but `growth`.
    pub sections: Vec<String>,
    pub bytes: u64,
    pub rounds: Option<usize>,
    pub days: u32,
    pub python: PathBuf,
    /// Where large files may lie; a temporary folder in it is used.
    pub folder: PathBuf,
    /// Into the README and `docs/growth.md`.
    pub write: bool,
}

pub struct Stage {
    pub product: PathBuf,
    pub empty: PathBuf,
    pub python: PathBuf,
    pub bytes: u64,
    rounds: Option<usize>,
    /// On disk, in the page cache after the warm-up.
    data: TempDir,
    /// On tmpfs.
    state: TempDir,
}

pub const USAGE: &str = "\
cargo bench --profile quick --bench speed -- [SECTION...] [OPTION...]
  sections: tick delta queues history start growth (default: all but growth)
  --bytes N       size of the delta, 1 GB for the budget (default 100000000)
  --days N        length of the longest history (default 7)
  --rounds N      instead of each race's own number
  --python FILE   a Python with the packages duckdb, polars and chdb (default python3)
  --folder DIR    where large files may lie (default: the folder for temporary files)
  --write         the table into README.md, the plots into docs/";

impl Wish {
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Wish, String> {
        let mut wish = Wish {
            sections: Vec::new(),
            bytes: 100_000_000,
            rounds: None,
            days: 7,
            python: "python3".into(),
            folder: std::env::temp_dir(),
            write: false,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                // Cargo says that to every bench.
                "--bench" => {}
                "--bytes" => wish.bytes = number(&value()?)?,
                "--days" => wish.days = number(&value()?)?,
                "--rounds" => wish.rounds = Some(number(&value()?)?),
                "--python" => wish.python = value()?.into(),
                "--folder" => wish.folder = value()?.into(),
                "--write" => wish.write = true,
                "tick" | "delta" | "queues" | "history" | "start" | "growth" => wish.sections.push(word),
                other => return Err(format!("`{other}` is not understood")),
            }
        }
        Ok(wish)
    }

    /// The words that decide what is measured; where the files and programs lie does not.
    pub fn words(&self) -> String {
        let mut words = self.sections.clone();
        words.push(format!("--bytes {}", self.bytes));
        if self.has("history") || self.has("growth") {
            words.push(format!("--days {}", self.days));
        }
        words.extend(self.rounds.map(|rounds| format!("--rounds {rounds}")));
        words.join(" ")
    }

    /// Whether any row of the table is wanted.
    pub fn has_table(&self) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|name| name != "growth")
    }

    pub fn has(&self, section: &str) -> bool {
        let named = self.sections.iter().any(|name| name == section);
        named || (self.sections.is_empty() && section != "growth")
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.replace('_', "").parse().map_err(|_| format!("`{text}` is no number that fits"))
}

impl Stage {
    pub fn set(wish: &Wish) -> Stage {
        let state = fast_folder();
        Stage {
            product: product(),
            empty: empty_program(state.path()),
            python: wish.python.clone(),
            bytes: wish.bytes,
            rounds: wish.rounds,
            data: tempfile::tempdir_in(&wish.folder).unwrap(),
            state,
        }
    }

    pub fn data(&self) -> &Path {
        self.data.path()
    }

    pub fn state(&self) -> &Path {
        self.state.path()
    }

    pub fn rounds(&self, usual: usize) -> usize {
        self.rounds.unwrap_or(usual)
    }
}
