//! From the fields of a row to a delivery record, without copying what need not be copied. It knows no file.

use super::clock::Clock;
use super::header::{Header, SLOTS};
use super::split::Row;
use crate::record::{Delivery, Kind, Seconds};

/// Where the text of a field is.
#[derive(Clone, Copy)]
enum Text<'a> {
    InFile(&'a [u8]),
    /// Doubled quotes were undone: it is in the scratch space, from here to there.
    Undone(usize, usize),
}

/// Reads rows; remembers the date and the last good time.
#[derive(Debug, Default)]
pub struct Fields {
    clock: Clock,
    scratch: Vec<u8>,
    last: Option<Seconds>,
}

/// A record and what is to be said of its time.
pub struct Reading<'a> {
    pub delivery: Delivery<'a>,
    /// Its time cannot be read, or lies too far ahead.
    pub bad_time: bool,
}

/// A record stamped further ahead than this says nothing about the time.
const AHEAD: Seconds = 300;

impl Fields {
    /// `None` when the record is of a type that is not known.
    pub fn read<'a>(&'a mut self, header: &Header, row: Row<'a>, now: Seconds) -> Option<Reading<'a>> {
        let kind = Kind::from_code(row.field(0))?;
        let scratch = &mut self.scratch;
        scratch.clear();
        let texts: [Text<'a>; SLOTS] = header.slots.map(|column| undo(row.field(column), scratch));
        let scratch: &'a [u8] = scratch;
        let texts = texts.map(|text| match text {
            Text::InFile(text) => text,
            Text::Undone(from, to) => scratch.get(from..to).unwrap_or(b""),
        });
        let [logged, queued, rcpt, status, diag, mta, category, source, destination, size, vmta, queue] =
            texts;
        let time = self.clock.read(logged);
        let good = time.filter(|(time, _)| *time <= now.saturating_add(AHEAD));
        if let Some((time, _)) = good {
            self.last = Some(time);
        }
        let (logged, offset_minutes) = time.unwrap_or((self.last.unwrap_or(now), 0));
        let queued = if queued.is_empty() { None } else { self.clock.read(queued).map(|(time, _)| time) };
        let delivery = Delivery {
            kind,
            logged,
            offset_minutes,
            queued,
            rcpt_domain: domain(rcpt),
            status,
            diag,
            mta,
            category,
            source,
            destination,
            size: number(size),
            vmta,
            queue,
        };
        Some(Reading { delivery, bad_time: good.is_none() })
    }
}

#[inline]
fn undo<'a>(raw: &'a [u8], scratch: &mut Vec<u8>) -> Text<'a> {
    let Some(inner) = raw.strip_prefix(b"\"") else { return Text::InFile(raw) };
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    if memchr::memchr(b'"', inner).is_none() {
        return Text::InFile(inner);
    }
    let from = scratch.len();
    let mut doubled = false;
    for &byte in inner {
        doubled = byte == b'"' && !doubled;
        if !doubled {
            scratch.push(byte);
        }
    }
    Text::Undone(from, scratch.len())
}

/// What stands behind the last `@`; the local part goes no further than this line.
#[inline]
fn domain(rcpt: &[u8]) -> &[u8] {
    memchr::memrchr(b'@', rcpt).and_then(|at| rcpt.get(at + 1..)).unwrap_or(b"")
}

#[inline]
fn number(text: &[u8]) -> u64 {
    let digit = |sum: u64, byte: &u8| {
        byte.is_ascii_digit().then(|| sum.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
    };
    text.iter().try_fold(0, digit).unwrap_or(0)
}
