//! Plugin output for Nagios and Icinga: a status line, performance data, one line per part. It
//! judges nothing; the caller brings the states.

mod perfdata;
mod range;
mod summary;
#[cfg(test)]
mod tests;

use super::clean;
use super::document::Document;

pub use perfdata::{Perf, Uom};
pub use range::{Range, RangeError};
pub use summary::{about, sentence, status, summary};

/// Nagios reads 8,192 bytes, performance data included.
pub const MAX_OUTPUT: usize = 8_000;
/// Below this not even a status line fits.
const MIN_OUTPUT: usize = 80;
/// A status line is read on a pager.
const HEAD_MAX: usize = 400;

/// The exit code of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Ok,
    Warning,
    Critical,
    Unknown,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "OK",
            Status::Warning => "WARNING",
            Status::Critical => "CRITICAL",
            Status::Unknown => "UNKNOWN",
        }
    }

    pub fn code(self) -> u8 {
        match self {
            Status::Ok => 0,
            Status::Warning => 1,
            Status::Critical => 2,
            Status::Unknown => 3,
        }
    }

    /// The worse of two. What is known to be bad goes before what is not known.
    pub fn worst(self, other: Status) -> Status {
        let rank = |status: Status| match status {
            Status::Ok => 0,
            Status::Unknown => 1,
            Status::Warning => 2,
            Status::Critical => 3,
        };
        if rank(other) > rank(self) { other } else { self }
    }

    /// What a value means under `-w` and `-c`.
    pub fn judge(value: f64, warning: Option<Range>, critical: Option<Range>) -> Status {
        if critical.is_some_and(|range| range.alerts(value)) {
            Status::Critical
        } else if warning.is_some_and(|range| range.alerts(value)) {
            Status::Warning
        } else {
            Status::Ok
        }
    }
}

/// What a check has to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugin {
    pub status: Status,
    /// The problem and the fix, the problem first.
    pub text: String,
    pub perf: Vec<Perf>,
    /// Parts, each with a state of its own, worst first.
    pub lines: Vec<(Status, String)>,
}

impl Plugin {
    pub fn new(status: Status, text: impl Into<String>) -> Plugin {
        Plugin { status, text: text.into(), perf: Vec::new(), lines: Vec::new() }
    }

    /// The bytes for stdout, at most `max_output` of them. Whole performance data go before lines;
    /// what does not fit is left out and counted.
    pub fn print(&self, max_output: usize) -> Vec<u8> {
        let max = max_output.max(MIN_OUTPUT);
        let head = format!("VITALS {} - {}", self.status.name(), plain(&self.text));
        let mut out = clean::cut(&head, HEAD_MAX.min(max - 1)).trim_end().to_owned();
        self.add_perf(&mut out, max - 1);
        self.add_lines(&mut out, max - 1);
        out.push('\n');
        out.into_bytes()
    }

    fn add_perf(&self, out: &mut String, max: usize) {
        let mut separator = " | ";
        for item in self.perf.iter().filter_map(Perf::text) {
            if out.len() + separator.len() + item.len() > max {
                return;
            }
            out.push_str(separator);
            out.push_str(&item);
            separator = " ";
        }
    }

    fn add_lines(&self, out: &mut String, max: usize) {
        /// Room for the line that counts the rest.
        const REST: usize = 20;
        for (shown, (status, text)) in self.lines.iter().enumerate() {
            let left = self.lines.len() - shown;
            let line = format!("\n\\_[{}] - {}", status.name(), plain(clean::cut(text, HEAD_MAX)));
            let reserve = if left > 1 { REST } else { 0 };
            if out.len() + line.len() + reserve > max {
                let rest = format!("\n... and {left} more");
                if out.len() + rest.len() <= max {
                    out.push_str(&rest);
                }
                return;
            }
            out.push_str(&line);
        }
    }
}

/// The document as one check: its worst finding first.
pub fn print(document: &Document) -> Vec<u8> {
    summary(document).print(MAX_OUTPUT)
}

/// Text that means nothing to a host: no `|` (performance data begins there, on any line),
/// nothing that a shell would read within quotes, no control characters.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' => out.push('/'),
            '"' | '`' => out.push('\''),
            '\\' => out.push('/'),
            '$' => out.push('_'),
            '→' => out.push_str("->"),
            c if c.is_control() || c.is_whitespace() => out.push(' '),
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}
