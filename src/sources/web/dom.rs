//! Walks the lines of `pmta --dom`, `queue[0].name="example.com/vmta1"`. It knows no page.
//!
//! Inner quotes are not escaped there: a value is everything between the first `="` and the
//! line's last quote.

use super::body::{BodyError, broken};
use super::tree::{Listener, Path, Scalar};
use std::borrow::Cow;
use std::io::{BufRead, Read};

/// What is behind this many bytes of one line is read over.
const LONGEST_LINE: usize = 64 * 1024;

pub fn walk(mut body: impl BufRead, listener: &mut dyn Listener) -> Result<(), BodyError> {
    let mut rows = Rows::default();
    let (mut line, mut known) = (Vec::new(), false);
    loop {
        line.clear();
        let taken = body.by_ref().take(LONGEST_LINE as u64).read_until(b'\n', &mut line);
        if taken.map_err(|why| broken(&why))? == 0 {
            break;
        }
        if line.len() == LONGEST_LINE && !line.ends_with(b"\n") {
            body.skip_until(b'\n').map_err(|why| broken(&why))?;
        }
        let text = String::from_utf8_lossy(&line);
        if let Some((keys, value)) = parse_line(text.trim_end_matches(['\r', '\n'])) {
            known = true;
            rows.tell(keys, value, listener);
        }
    }
    rows.close(listener);
    if known { Ok(()) } else { Err(BodyError::Garbage("JSON, XML or DOM")) }
}

/// Which element of which list the lines are telling about: `queue[7].` is one row.
#[derive(Default)]
struct Rows {
    name: String,
    open: Option<Path>,
}

impl Rows {
    fn tell(&mut self, keys: &str, value: &str, listener: &mut dyn Listener) {
        let row = keys.split_once("].").map_or("", |(row, _)| row);
        if row != self.name {
            self.close(listener);
            self.name.push_str(row);
            if let Some((list, _)) = row.split_once('[') {
                let mut path = Path::default();
                list.split('.').for_each(|key| path.push(key));
                listener.open(&path);
                self.open = Some(path);
            }
        }
        let mut path = Path::default();
        for key in keys.split('.') {
            path.push(key.split_once('[').map_or(key, |(key, _)| key));
        }
        listener.leaf(&path, &Scalar::Text(Cow::Borrowed(value)));
    }

    fn close(&mut self, listener: &mut dyn Listener) {
        self.name.clear();
        if let Some(path) = self.open.take() {
            listener.close(&path);
        }
    }
}

fn parse_line(line: &str) -> Option<(&str, &str)> {
    let (keys, rest) = line.split_once("=\"")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._[]-".contains(c);
    if keys.is_empty() || !keys.chars().all(plain) {
        return None;
    }
    // A line cut by the cap has no last quote; its beginning still says something.
    Some((keys, rest.strip_suffix('"').unwrap_or(rest)))
}
