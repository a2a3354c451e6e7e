//! One record at a time, byte by byte: for records that the fast way does not vouch for. It keeps nothing.

use super::header::Header;

/// What stands at the beginning of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A record of so many bytes, its line end included.
    Record(usize),
    Bad(&'static str),
    /// It may become a record when more is written.
    More,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    FieldStart,
    Plain,
    Quoted,
    /// Behind a quote that closes the field, unless another one follows.
    Closed,
}

/// What may come behind the bytes that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// More, later.
    Open,
    /// More, but no record may be longer than this.
    Full,
    /// Nothing, ever.
    Nothing,
}

/// Reads one record. The ends of its fields are put into `ends`.
///
/// A quote counts only at the beginning of a field. A line end inside quotes belongs to the
/// field, unless what follows it is a whole record by itself: then the quote was a stray one.
pub fn read_one(bytes: &[u8], rest: Rest, header: &Header, ends: &mut Vec<usize>) -> Outcome {
    ends.clear();
    let whole = rest != Rest::Open;
    let mut at = At::FieldStart;
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        let outside = at != At::Quoted;
        match (at, byte) {
            (_, b',') if outside => {
                ends.push(position);
                at = At::FieldStart;
            }
            (_, b'\n') if outside => return finish(bytes, position, position + 1, header, ends),
            (At::Quoted, b'\n') => {
                match follows_record(bytes.get(position + 1..).unwrap_or(&[]), whole, header) {
                    Some(true) => return Outcome::Bad("quote never closed"),
                    Some(false) => {}
                    None => return Outcome::More,
                }
            }
            (At::FieldStart, b'"') | (At::Closed, b'"') => at = At::Quoted,
            (At::Quoted, b'"') => at = At::Closed,
            (At::FieldStart, _) => at = At::Plain,
            (At::Closed, b'\r') => match bytes.get(position + 1) {
                Some(b'\n') => {}
                None if !whole => return Outcome::More,
                None => {}
                Some(_) => return Outcome::Bad("text behind a closing quote"),
            },
            (At::Closed, _) => return Outcome::Bad("text behind a closing quote"),
            (At::Plain | At::Quoted, _) => {}
        }
        if ends.len() >= header.columns.max(1) {
            return too_many(bytes.get(position..).unwrap_or(&[]), whole);
        }
        position += 1;
    }
    match at {
        _ if rest == Rest::Open => Outcome::More,
        _ if rest == Rest::Full => Outcome::Bad("longer than a record may be"),
        At::Quoted => Outcome::Bad("quote never closed"),
        _ => finish(bytes, position, position, header, ends),
    }
}

/// More columns than the header has: however it ends, it is no record.
fn too_many(rest: &[u8], whole: bool) -> Outcome {
    if whole || rest.contains(&b'\n') { Outcome::Bad("too many columns") } else { Outcome::More }
}

fn finish(bytes: &[u8], end: usize, length: usize, header: &Header, ends: &mut Vec<usize>) -> Outcome {
    let cr = end > 0 && bytes.get(end - 1) == Some(&b'\r');
    ends.push(if cr { end - 1 } else { end });
    match ends.len() {
        n if n == header.columns => Outcome::Record(length),
        n if n < header.columns => Outcome::Bad("too few columns"),
        _ => Outcome::Bad("too many columns"),
    }
}

/// Whether these bytes begin with a line that is a whole record by itself; `None` when not
/// enough of the line is there to know.
fn follows_record(bytes: &[u8], whole: bool, header: &Header) -> Option<bool> {
    let end = memchr::memchr(b'\n', bytes);
    let line = end.map_or(bytes, |end| bytes.get(..end).unwrap_or(bytes));
    match (header.begins_record(line), end) {
        (Some(true), Some(_)) => Some(stands_alone(line, header.columns)),
        (Some(true) | None, None) if !whole => None,
        _ => Some(false),
    }
}

/// A line with balanced quotes and the right number of columns.
fn stands_alone(line: &[u8], columns: usize) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut at = At::FieldStart;
    let mut fields = 1;
    for &byte in line {
        at = match (at, byte) {
            (At::Quoted, b'"') => At::Closed,
            (At::Quoted, _) => At::Quoted,
            (_, b',') => {
                fields += 1;
                At::FieldStart
            }
            (At::FieldStart | At::Closed, b'"') => At::Quoted,
            (At::Closed, _) => return false,
            (At::FieldStart | At::Plain, _) => At::Plain,
        };
    }
    at != At::Quoted && fields == columns
}
