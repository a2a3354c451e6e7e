//! From the fields of a row to a delivery record, without copying what need not be copied. It knows no file.

use super::clock::Clock;
use super::header::{Header, SLOTS};
use super::split::Row;
use crate::record::{Delivery, Kind, Seconds};

/// Reads rows; remembers the last good time. Each column has a clock of its own: what the one
/// remembers is of no use to the other.
#[derive(Debug, Default)]
pub struct Fields {
    logged: Clock,
    queued: Clock,
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
        let mut texts: [&'a [u8]; SLOTS] = [b""; SLOTS];
        let mut doubled = 0_u32;
        for (slot, (text, column)) in texts.iter_mut().zip(&header.slots).enumerate() {
            *text = row.field(*column);
            if let [b'"', inner @ ..] = *text {
                *text = inner.strip_suffix(b"\"").unwrap_or(inner);
                doubled |= u32::from(memchr::memchr(b'"', text).is_some()) << slot;
            }
        }
        if doubled != 0 {
            undo(&mut texts, doubled, &mut self.scratch);
        }
        let [logged, queued, rcpt, status, diag, mta, category, source, destination, size, vmta, queue] =
            texts;
        let time = self.logged.read(logged);
        let good = time.filter(|(time, _)| *time <= now.saturating_add(AHEAD));
        if let Some((time, _)) = good {
            self.last = Some(time);
        }
        let (logged, offset_minutes) = time.unwrap_or((self.last.unwrap_or(now), 0));
        let queued = if queued.is_empty() { None } else { self.queued.read(queued).map(|(time, _)| time) };
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

/// Copies the texts whose bit is set without their doubled quotes: they are rare, and only they
/// are copied.
#[cold]
fn undo<'a>(texts: &mut [&'a [u8]; SLOTS], which: u32, scratch: &'a mut Vec<u8>) {
    scratch.clear();
    let mut ends = [0; SLOTS];
    for (slot, (text, end)) in texts.iter().zip(&mut ends).enumerate() {
        if which >> slot & 1 == 1 {
            copy_once(text, scratch);
        }
        *end = scratch.len();
    }
    let scratch: &'a [u8] = scratch;
    let mut begin = 0;
    for (slot, (text, end)) in texts.iter_mut().zip(ends).enumerate() {
        if which >> slot & 1 == 1 {
            *text = scratch.get(begin..end).unwrap_or(b"");
        }
        begin = end;
    }
}

/// Of two quotes in a row the second is kept.
fn copy_once(mut rest: &[u8], scratch: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'"', rest) {
        scratch.extend_from_slice(rest.get(..at).unwrap_or(&[]));
        rest = rest.get(at + 1..).unwrap_or(&[]);
        if let [b'"', after @ ..] = rest {
            scratch.push(b'"');
            rest = after;
        }
    }
    scratch.extend_from_slice(rest);
}

/// What stands behind the last `@`; the local part goes no further than this line.
#[inline]
fn domain(rcpt: &[u8]) -> &[u8] {
    memchr::memrchr(b'@', rcpt).and_then(|at| rcpt.get(at + 1..)).unwrap_or(b"")
}

#[inline]
fn number(text: &[u8]) -> u64 {
    if text.is_empty() {
        return 0;
    }
    // Beyond 19 digits it stops growing.
    let sum = |sum: u64, byte: &u8| sum.wrapping_mul(10).wrapping_add(u64::from(byte.wrapping_sub(b'0')));
    match text.iter().all(u8::is_ascii_digit) {
        true if text.len() <= 19 => text.iter().fold(0, sum),
        true => u64::MAX,
        false => 0,
    }
}
