//! How many recipients waited, from a file of JSON lines. It judges nothing.

use super::super::RunError;
use super::unreadable;
use crate::judge::Surroundings;
use crate::record::Seconds;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

const LONGEST_LINE: u64 = 64 * 1_024;

#[derive(Deserialize)]
struct Line {
    time: String,
    provider: String,
    recipients: i64,
}

/// Reads on as time passes; lines of one time belong together.
pub struct Backlogs {
    path: PathBuf,
    lines: BufReader<File>,
    number: u64,
    /// The first line of the next time.
    ahead: Option<(Seconds, Line)>,
}

impl Backlogs {
    pub fn open(path: &Path) -> Result<Backlogs, RunError> {
        let file = File::open(path).map_err(|source| unreadable(path, source))?;
        let mut backlogs =
            Backlogs { path: path.to_owned(), lines: BufReader::new(file), number: 0, ahead: None };
        backlogs.ahead = backlogs.line()?;
        Ok(backlogs)
    }

    /// The next state of things that was known before or at `time`.
    pub fn next_before(&mut self, time: Seconds) -> Result<Option<(Seconds, Surroundings)>, RunError> {
        let Some((at, first)) = self.ahead.take_if(|(at, _)| *at <= time) else { return Ok(None) };
        let mut around = Surroundings { complete: true, ..Surroundings::default() };
        let mut line = Some((at, first));
        while let Some((_, held)) = line.take_if(|(next, _)| *next == at) {
            *around.providers.entry(held.provider).or_default() += held.recipients;
            line = self.line()?;
        }
        self.ahead = line;
        around.backlog = Some(around.providers.values().sum());
        Ok(Some((at, around)))
    }

    fn line(&mut self) -> Result<Option<(Seconds, Line)>, RunError> {
        loop {
            let mut text = Vec::new();
            let mut input = self.lines.by_ref().take(LONGEST_LINE);
            let read = input.read_until(b'\n', &mut text).map_err(|source| unreadable(&self.path, source))?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if text.trim_ascii().is_empty() {
                continue;
            }
            let wrong = |why: String| RunError::Line { path: self.path.clone(), line: self.number, why };
            let line: Line = serde_json::from_slice(&text)
                .map_err(|why| wrong(format!("{why}; each line needs time, provider and recipients")))?;
            let time = seconds(&line.time).ok_or_else(|| wrong(format!("`{}` is no time", line.time)))?;
            return Ok(Some((time, line)));
        }
    }
}

/// RFC 3339, or as PowerMTA writes it: a blank before the time, no colon in the offset.
fn seconds(text: &str) -> Option<Seconds> {
    let mut text = text.replacen(' ', "T", 1);
    let bytes = text.as_bytes();
    let colon =
        text.len().checked_sub(2).filter(|_| text.len() == 24 && matches!(bytes.get(19), Some(b'+' | b'-')));
    if let Some(colon) = colon.filter(|at| text.is_char_boundary(*at)) {
        text.insert(colon, ':');
    }
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_either_way() {
        for (text, expected) in [
            ("2026-11-24T03:00:00Z", Some(1_795_489_200)),
            ("2026-11-24T04:00:00+01:00", Some(1_795_489_200)),
            ("2026-11-24 04:00:00+0100", Some(1_795_489_200)),
            ("2026-11-24 04:00:00", None),
            ("yesterday", None),
            ("äääääääää+ääää", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn lines_of_one_time_are_one_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.jsonl");
        let line = |time, provider, recipients| {
            format!(
                "{{\"time\":\"2026-11-24T03:0{time}:00Z\",\"provider\":\"{provider}\",\"recipients\":{recipients}}}\n"
            )
        };
        let text = [line(0, "Yahoo", 5), line(0, "GMX", 2), "\n".to_owned(), line(5, "Yahoo", 9)].concat();
        std::fs::write(&path, text).unwrap();
        let mut backlogs = Backlogs::open(&path).unwrap();
        assert!(backlogs.next_before(1_795_489_199).unwrap().is_none());
        let (at, around) = backlogs.next_before(1_795_489_400).unwrap().unwrap();
        assert_eq!((at, around.backlog, around.waiting("Yahoo")), (1_795_489_200, Some(7), Some(5)));
        assert!(backlogs.next_before(1_795_489_400).unwrap().is_none());
        let (_, around) = backlogs.next_before(1_795_489_500).unwrap().unwrap();
        assert_eq!((around.backlog, around.waiting("GMX")), (Some(9), Some(0)));
        assert!(backlogs.next_before(Seconds::MAX).unwrap().is_none());
        std::fs::write(&path, "{\"time\":1}\n").unwrap();
        assert!(Backlogs::open(&path).is_err());
    }
}
