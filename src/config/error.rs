//! Why a configuration is refused: one line each, naming file, line, key and what would be right.
//! It never repeats a value that could be a secret.

use std::fmt;

/// Where a key was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, or the flag, as the operator named it.
    pub file: String,
    /// `None` for a flag.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "{}:{line}", self.file),
            None => out.write_str(&self.file),
        }
    }
}

/// The two kinds of words that another box owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Reason,
    Provider,
}

impl fmt::Display for Word {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Word::Reason => "reason",
            Word::Provider => "provider",
        })
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {file}: there is no such file (leave --config out to run without one)")]
    Missing { file: String },
    #[error("cannot read {file}: {why} (it must be a text file that the user running this may read)")]
    Unreadable { file: String, why: String },
    #[error("cannot read {file}: it has {bytes} bytes, a configuration has at most {most}")]
    TooLarge { file: String, bytes: u64, most: u64 },
    #[error("{why} at {place} (the file must be valid TOML)")]
    Syntax { place: Place, why: String },
    #[error("unknown section [{section}] at {place}{}", Hint(.near))]
    UnknownSection { section: String, place: Place, near: Option<String> },
    #[error("unknown key \"{key}\" in [{section}] at {place}{}", Hint(.near))]
    UnknownKey { key: String, section: String, place: Place, near: Option<String> },
    #[error("key \"{key}\" in [{section}] at {place} must be {wanted}, not {found}")]
    WrongType { key: String, section: String, place: Place, wanted: &'static str, found: &'static str },
    #[error("key \"{key}\" in [{section}] at {place}: {why}")]
    BadValue { key: String, section: String, place: Place, why: String },
    #[error("unknown {word} \"{text}\" in [{section}] at {place}{}", Hint(.near))]
    UnknownWord { word: Word, text: String, section: String, place: Place, near: Option<String> },
}

/// `; did you mean "providers"?`, or nothing.
struct Hint<'a>(&'a Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(near) => write!(out, "; did you mean \"{near}\"?"),
            None => Ok(()),
        }
    }
}

/// A word from the file, short and on one line.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        short.push_str("...");
    }
    short
}
