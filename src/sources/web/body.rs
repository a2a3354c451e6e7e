//! From an answer's bytes to a page, whatever the format: it looks at the content, never at the
//! header that came with it. It knows no network.

use super::list::List;
use super::status::Status;
use super::tree::{Listener, Path, Scalar, cut};
use super::{dom, json, xml};
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read};
use std::time::Instant;

/// The size of one read: what a body costs in memory, whatever its length.
const PIECE: usize = 64 * 1024;

/// A body known to be no longer is read before it is parsed: from memory that takes half the time.
const SHORT: u64 = 256 * 1024;

/// What an answer turned out to be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Xml,
    Dom,
}

impl Format {
    /// As the web monitor's parameter `format` takes it, which knows no DOM.
    pub fn wish(self) -> &'static str {
        if self == Format::Json { "json" } else { "xml" }
    }
}

/// Why an answer is not the page that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("PowerMTA says: {0}")]
    Failed(String),
    #[error(
        "the answer is an HTML page, not data: is this PowerMTA's web monitor, and is its version 3.5 or later?"
    )]
    Html,
    #[error("the answer is empty")]
    Empty,
    #[error("the answer ends in the middle")]
    Truncated,
    #[error("the answer is longer than {} MiB and was not read further", .0 / 1024 / 1024)]
    TooBig(u64),
    #[error("the answer is no readable {0}")]
    Garbage(&'static str),
    #[error("the answer is readable but holds none of the fields of this page")]
    Foreign,
    #[error("the answer was not complete when its time was up")]
    Late,
    #[error("the answer broke off: {0}")]
    Broken(String),
}

/// `/status` or `show status`, in any of the three formats.
pub fn parse_status(body: &[u8]) -> Result<(Status, Format), BodyError> {
    read_status(&mut whole(body))
}

/// A list page (`/queues`, `/vmtas`) of which the `keep` largest rows are wanted.
pub fn parse_list(body: &[u8], keep: usize) -> Result<(List, Format), BodyError> {
    read_list(&mut whole(body), keep)
}

fn whole(body: &[u8]) -> Capped<&[u8]> {
    Capped::new(body, u64::MAX, None).of_length(Some(body.len() as u64))
}

pub fn read_status<R: Read>(body: &mut Capped<R>) -> Result<(Status, Format), BodyError> {
    let mut status = Status::default();
    let format = read(body, &mut status)?;
    if status.is_blank() { Err(BodyError::Foreign) } else { Ok((status, format)) }
}

pub fn read_list<R: Read>(body: &mut Capped<R>, keep: usize) -> Result<(List, Format), BodyError> {
    let mut list = List::new(keep);
    let format = read(body, &mut list)?;
    if list.is_blank() { Err(BodyError::Foreign) } else { Ok((list, format)) }
}

/// Any page, and what PowerMTA remarks on it: whoever listens knows what it looks for.
pub fn read_into<R: Read, P: Listener>(body: &mut Capped<R>, mut page: P) -> Result<(P, String), BodyError> {
    let (_, says) = read_with_remark(body, &mut page)?;
    Ok((page, says))
}

#[cfg(test)]
pub fn read_text<P: Listener + Default>(text: &str) -> Result<(P, String), BodyError> {
    read_into(&mut Capped::new(text.as_bytes(), u64::MAX, None), P::default())
}

/// A body that ends with an error instead of going on for ever.
pub struct Capped<R> {
    inner: R,
    most: u64,
    left: u64,
    until: Option<Instant>,
    /// How long it is going to be, where that is known.
    length: Option<u64>,
    trouble: Option<BodyError>,
}

impl<R: Read> Capped<R> {
    pub fn new(inner: R, most: u64, until: Option<Instant>) -> Capped<R> {
        Capped { inner, most, left: most, until, length: None, trouble: None }
    }

    pub fn of_length(self, length: Option<u64>) -> Capped<R> {
        Capped { length, ..self }
    }

    /// What is written for people, as it comes; longer than `most` is not read.
    pub fn text(&mut self, most: u64) -> Result<String, BodyError> {
        let mut bytes = Vec::new();
        let got = (&mut *self).take(most).read_to_end(&mut bytes);
        match (self.trouble.take(), got) {
            (Some(why), _) => Err(why),
            (None, Err(why)) => Err(broken(&why)),
            (None, Ok(0)) => Err(BodyError::Empty),
            (None, Ok(_)) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    fn stop(&mut self, why: BodyError) -> io::Error {
        self.trouble = Some(why.clone());
        io::Error::other(why)
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return Err(self.stop(BodyError::Late));
        }
        if self.left == 0 {
            return Err(self.stop(BodyError::TooBig(self.most)));
        }
        let got = match self.inner.read(buffer) {
            Err(_) if self.until.is_some_and(|until| Instant::now() >= until) => {
                return Err(self.stop(BodyError::Late));
            }
            got => got?,
        };
        self.left = self.left.saturating_sub(got as u64);
        Ok(got)
    }
}

fn read<R: Read>(body: &mut Capped<R>, page: &mut dyn Listener) -> Result<Format, BodyError> {
    read_with_remark(body, page).map(|(format, _)| format)
}

fn read_with_remark<R: Read>(
    body: &mut Capped<R>,
    page: &mut dyn Listener,
) -> Result<(Format, String), BodyError> {
    let mut envelope = Envelope { page, verdict: None, says: String::new() };
    let walked = match body.length.filter(|length| *length <= SHORT) {
        Some(length) => walk_short(body, length, &mut envelope),
        None => walk_long(BufReader::with_capacity(PIECE, &mut *body), &mut envelope),
    };
    let (verdict, says) = (envelope.verdict, envelope.says);
    // A reader reports a body that was cut short in its own words; the body knows why.
    if let Some(why) = body.trouble.take() {
        return Err(why);
    }
    let format = walked?;
    match (verdict, format) {
        (Some(false), _) => Err(BodyError::Failed(clean(&says))),
        // In XML success is said by an element; its absence is a failure.
        (None, Format::Xml) => Err(BodyError::Failed(clean(&says))),
        _ => Ok((format, says)),
    }
}

/// Reads a short body into memory of just its size, and then what was read.
fn walk_short<R: Read>(
    body: &mut Capped<R>,
    length: u64,
    envelope: &mut Envelope<'_>,
) -> Result<Format, BodyError> {
    let mut text = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    let read = body.read_to_end(&mut text);
    if let (true, Err(why)) = (text.is_empty(), &read) {
        return Err(broken(why));
    }
    let mut rest = text.as_slice();
    // What is no data is told as that, also when it broke off.
    let format = sniff(&mut rest)?;
    read.map_err(|why| broken(&why))?;
    match format {
        Format::Json => json::walk_text(rest, envelope),
        Format::Xml => xml::walk(rest, envelope),
        Format::Dom => dom::walk(rest, envelope),
    }?;
    Ok(format)
}

fn walk_long(mut reader: impl BufRead, envelope: &mut Envelope<'_>) -> Result<Format, BodyError> {
    let format = sniff(&mut reader)?;
    match format {
        Format::Json => json::walk(reader, envelope),
        Format::Xml => xml::walk(reader, envelope),
        Format::Dom => dom::walk(reader, envelope),
    }?;
    Ok(format)
}

/// Tells the formats apart by their first bytes and leaves the reader where data begin.
fn sniff(reader: &mut impl BufRead) -> Result<Format, BodyError> {
    loop {
        let head = reader.fill_buf().map_err(|why| broken(&why))?;
        if head.is_empty() {
            return Err(BodyError::Empty);
        }
        let blank = |byte: &u8| byte.is_ascii_whitespace() || b"\xEF\xBB\xBF".contains(byte);
        match head.iter().position(|byte| !blank(byte)) {
            None => {
                let all = head.len();
                reader.consume(all);
            }
            Some(at) => {
                reader.consume(at);
                break;
            }
        }
    }
    let head = reader.fill_buf().map_err(|why| broken(&why))?;
    let word: Vec<u8> = head.iter().take(16).map(u8::to_ascii_lowercase).collect();
    match word.as_slice() {
        [b'{', ..] => Ok(Format::Json),
        [b'[' | b'"', ..] => Err(BodyError::Garbage("JSON")),
        [b'<', b'r', b's', b'p', ..] | [b'<', b'?', b'x', b'm', b'l', ..] => Ok(Format::Xml),
        [b'<', ..] => Err(BodyError::Html),
        [first, ..] if first.is_ascii_alphabetic() => Ok(Format::Dom),
        _ => Err(BodyError::Garbage("JSON, XML or DOM")),
    }
}

/// What stands around the data: did it work, and what does PowerMTA say to it.
struct Envelope<'p> {
    page: &'p mut dyn Listener,
    verdict: Option<bool>,
    says: String,
}

impl Listener for Envelope<'_> {
    fn open(&mut self, path: &Path) {
        self.page.open(path);
    }

    fn leaf(&mut self, path: &Path, value: &Scalar<'_>) {
        // Nearly all leaves hang deeper than the envelope.
        if path.depth() > 2 {
            return self.page.leaf(path, value);
        }
        let in_xml = path.keys().next() == Some("rsp");
        match (path.depth(), path.key()) {
            (1, "status") => self.verdict = Some(value.text() == "success"),
            (1, "message") => self.says = cut(&value.text(), 400).to_owned(),
            (2, "succ") if in_xml => {
                self.verdict = Some(true);
                self.says = cut(&value.text(), 400).to_owned();
            }
            (2, key) if in_xml && key != "data" => {
                self.verdict = Some(false);
                self.says = cut(&value.text(), 400).to_owned();
            }
            _ => self.page.leaf(path, value),
        }
    }

    fn close(&mut self, path: &Path) {
        self.page.close(path);
    }

    fn list(&mut self, path: &Path) {
        self.page.list(path);
    }

    fn wants(&self, path: &Path) -> bool {
        self.page.wants(path)
    }
}

/// The innermost reason: what wraps it only says that a body could not be read.
pub fn broken(why: &io::Error) -> BodyError {
    let mut last: &dyn Error = why;
    while let Some(inner) = last.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        last = inner;
    }
    while let Some(inner) = last.source() {
        last = inner;
    }
    BodyError::Broken(last.to_string())
}

/// PowerMTA's own words for one line of an error: short, without control characters, and
/// without anything that looks like an address.
pub fn clean(says: &str) -> String {
    let line = says.trim().lines().next().unwrap_or_default();
    let words = line.split_whitespace().map(|word| if word.contains('@') { "(address)" } else { word });
    let text: String = words.collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).collect();
    if text.is_empty() { "failed, without a reason".to_owned() } else { cut(&text, 160).to_owned() }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
