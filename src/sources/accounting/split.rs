//! Cuts pieces of an accounting file into records: 64 bytes at a time where all is well, with care where it is not. It knows no file.

use super::careful::{Outcome, Rest, read_one};
use super::header::{Header, MOST_COLUMNS, is_code};
use super::masks::{BLOCK, Masks, masks, parity};
use crate::sources::follow::{Carry, LONGEST_RECORD, Piece, Taken};

/// One record: where its fields end, behind the place before the first one.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub bytes: &'a [u8],
    pub ends: &'a [usize],
}

impl<'a> Row<'a> {
    /// A field as it stands in the file, quotes included.
    #[inline]
    pub fn field(&self, column: usize) -> &'a [u8] {
        match self.ends.get(column..column.wrapping_add(2)) {
            Some([before, end]) => self.bytes.get(before.wrapping_add(1)..*end).unwrap_or(b""),
            _ => b"",
        }
    }
}

/// Places filled at a time; most blocks have no more fields.
const AT_ONCE: usize = 4;
/// The place before the first field, every field of a record, and one block's more.
const ROOM: usize = 1 + MOST_COLUMNS + BLOCK + AT_ONCE;

/// Splits pieces; keeps the header in force and room for one record's fields.
#[derive(Debug)]
pub struct Splitter {
    text: String,
    header: Header,
    ends: Vec<usize>,
}

/// Why the fast way stopped, always at the beginning of a record.
pub enum Stop {
    /// What follows is not whole.
    End,
    /// What follows is no plain record.
    Care,
}

impl Default for Splitter {
    fn default() -> Splitter {
        let header =
            Header::read("").unwrap_or(Header { columns: 1, slots: [usize::MAX; super::header::SLOTS] });
        Splitter { text: String::new(), header, ends: vec![0; ROOM] }
    }
}

impl Splitter {
    /// Hands every whole record of the piece to `each`.
    pub fn take(
        &mut self,
        piece: &Piece<'_>,
        carry: &mut Carry,
        each: &mut dyn FnMut(&Header, Row<'_>),
    ) -> Taken {
        let bytes = piece.bytes;
        let mut taken = Taken::default();
        self.set_header(&carry.header);
        while taken.bytes < bytes.len() {
            if !carry.skipping && !carry.midline {
                let stop = self.run(bytes, &mut taken, each);
                let rest = bytes.len() - taken.bytes;
                if matches!(stop, Stop::End) && (rest == 0 || (!piece.ended && rest < LONGEST_RECORD)) {
                    break;
                }
            }
            if !self.step(piece, &mut taken, carry, each) {
                break;
            }
        }
        taken
    }

    fn set_header(&mut self, text: &str) {
        if self.text != text
            && let Some(header) = Header::read(text)
        {
            self.header = header;
            text.clone_into(&mut self.text);
        }
    }

    /// Takes well-formed records until something else comes. Everything that it takes, `step`
    /// would take just so.
    fn run(&mut self, bytes: &[u8], taken: &mut Taken, each: &mut dyn FnMut(&Header, Row<'_>)) -> Stop {
        let (header, ends) = (&self.header, self.ends.as_mut_slice());
        #[cfg(target_arch = "x86_64")]
        if let Some(stop) = super::avx2::run(header, ends, bytes, taken, each) {
            return stop;
        }
        run_with(masks, header, ends, bytes, taken, each)
    }

    /// Deals with whatever stands at the beginning of a line; `false` when that needs more bytes.
    fn step(
        &mut self,
        piece: &Piece<'_>,
        taken: &mut Taken,
        carry: &mut Carry,
        each: &mut dyn FnMut(&Header, Row<'_>),
    ) -> bool {
        let all = piece.bytes.get(taken.bytes..).unwrap_or(&[]);
        let bytes = all.get(..LONGEST_RECORD).unwrap_or(all);
        let rest = match (bytes.len() < LONGEST_RECORD, piece.ended) {
            (true, false) => Rest::Open,
            (true, true) => Rest::Nothing,
            (false, _) => Rest::Full,
        };
        let line = memchr::memchr(b'\n', bytes);
        if carry.midline {
            carry.midline = line.is_none() && rest != Rest::Nothing;
            taken.bytes += line.map_or(bytes.len(), |end| end + 1);
            return true;
        }
        // A file that is written on after it was cut short begins with a hole of zeroes.
        let blank = bytes.iter().take_while(|byte| **byte == 0).count();
        let blank = if blank == 0 { blank_line(bytes) } else { blank };
        if blank > 0 {
            taken.bytes += blank;
            return true;
        }
        if let Some(whole) = self.step_header(bytes, line, rest, carry) {
            taken.bytes += if whole { line.map_or(bytes.len(), |end| end + 1) } else { 0 };
            return whole;
        }
        self.step_record(piece, (bytes, line, rest), taken, carry, each)
    }

    /// `None` when no header stands here; else whether it is whole.
    fn step_header(
        &mut self,
        bytes: &[u8],
        line: Option<usize>,
        rest: Rest,
        carry: &mut Carry,
    ) -> Option<bool> {
        if bytes.len() < 5 && b"type,".starts_with(bytes) && rest == Rest::Open {
            return Some(false);
        }
        if !bytes.starts_with(b"type,") {
            return None;
        }
        let text = match (line, rest) {
            (Some(end), _) => bytes.get(..end).unwrap_or(bytes),
            (None, Rest::Open) => return Some(false),
            (None, _) => bytes,
        };
        let text = String::from_utf8_lossy(text).trim_end_matches('\r').to_owned();
        Header::read(&text)?;
        self.set_header(&text);
        carry.header = text;
        carry.skipping = false;
        Some(true)
    }

    fn step_record(
        &mut self,
        piece: &Piece<'_>,
        (bytes, line, rest): (&[u8], Option<usize>, Rest),
        taken: &mut Taken,
        carry: &mut Carry,
        each: &mut dyn FnMut(&Header, Row<'_>),
    ) -> bool {
        let begins = self.header.begins_record(bytes);
        if carry.skipping && begins.is_none() && rest == Rest::Open {
            return false;
        }
        let fault = if carry.skipping && begins != Some(true) {
            None
        } else {
            match read_one(bytes, rest, &self.header, &mut self.ends) {
                Outcome::More => {
                    self.room();
                    return false;
                }
                Outcome::Bad(fault) => Some(fault),
                Outcome::Record(length) => {
                    let start = taken.bytes;
                    self.ends.iter_mut().for_each(|end| *end += start);
                    self.ends.insert(0, start.wrapping_sub(1));
                    let row = Row { bytes: piece.bytes, ends: &self.ends };
                    let known = is_code(row.field(0));
                    if known {
                        each(&self.header, row);
                        taken.records += 1;
                        taken.bytes += length;
                        carry.skipping = false;
                    }
                    self.room();
                    if known {
                        return true;
                    }
                    Some("no record type")
                }
            }
        };
        self.room();
        if let Some(fault) = fault {
            taken.rejected += 1;
            taken.fault = taken.fault.or(Some((fault, taken.bytes)));
        }
        carry.skipping = true;
        carry.midline = line.is_none() && rest != Rest::Nothing;
        taken.bytes += line.map_or(bytes.len(), |end| end + 1);
        true
    }

    fn room(&mut self) {
        self.ends.resize(ROOM, 0);
    }
}

/// The loop of `Splitter::run`, to be compiled for each way to look at a block.
#[inline(always)]
pub fn run_with(
    look: impl Fn(&[u8; BLOCK]) -> Masks,
    header: &Header,
    ends: &mut [usize],
    bytes: &[u8],
    taken: &mut Taken,
    each: &mut dyn FnMut(&Header, Row<'_>),
) -> Stop {
    let mut start = taken.bytes;
    let mut base = start;
    let mut filled = open(ends, start);
    let mut quoting = Quoting::default();
    let mut last = [0; BLOCK];
    while base < bytes.len() {
        let rest = bytes.get(base..).unwrap_or(&[]);
        let (block, length) = match rest.first_chunk::<BLOCK>() {
            Some(block) => (block, BLOCK),
            None => {
                last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                (&last, rest.len())
            }
        };
        let (mut commas, mut newlines, bad) = quoting.read(look(block), length);
        let sound = if bad == 0 { u64::MAX } else { (bad & bad.wrapping_neg()) - 1 };
        newlines &= sound;
        commas &= sound;
        while newlines != 0 {
            let upto = newlines ^ (newlines - 1);
            filled = push(ends, filled, base, (commas | newlines) & upto);
            commas &= !upto;
            newlines &= !upto;
            let end = base + upto.count_ones() as usize - 1;
            if filled != 1 + header.columns || !close(bytes, start, end, ends, filled) {
                return Stop::Care;
            }
            let row = Row { bytes, ends: ends.get(..filled).unwrap_or(&[]) };
            if !is_code(row.field(0)) || row.field(0) == b"type" {
                return Stop::Care;
            }
            each(header, row);
            taken.records += 1;
            start = end + 1;
            taken.bytes = start;
            filled = open(ends, start);
        }
        filled = push(ends, filled, base, commas);
        if bad != 0 || filled > 1 + MOST_COLUMNS {
            return Stop::Care;
        }
        base += BLOCK;
    }
    Stop::End
}

/// An empty line, which is neither a record nor damage.
fn blank_line(bytes: &[u8]) -> usize {
    match bytes {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => 0,
    }
}

/// Cuts the carriage return off the last field; a record must fit into its limit.
#[inline(always)]
fn close(bytes: &[u8], start: usize, end: usize, ends: &mut [usize], filled: usize) -> bool {
    if end > start
        && bytes.get(end - 1) == Some(&b'\r')
        && let Some(last) = ends.get_mut(filled - 1)
    {
        *last -= 1;
    }
    end - start < LONGEST_RECORD
}

/// The first entry stands for the byte before the record, which need not exist.
#[inline(always)]
fn open(ends: &mut [usize], start: usize) -> usize {
    if let Some(slot) = ends.first_mut() {
        *slot = start.wrapping_sub(1);
    }
    1
}

/// Notes where the bits stand. Several at once, whether there are as many or not: what stands
/// behind `filled` is no place yet, and to ask after each bit costs more than to write it.
#[inline(always)]
fn push(ends: &mut [usize], filled: usize, base: usize, mut bits: u64) -> usize {
    let all = filled + bits.count_ones() as usize;
    let mut at = filled;
    while at < all {
        let Some(slots) = ends.get_mut(at..).and_then(|ends| ends.first_chunk_mut::<AT_ONCE>()) else {
            return all;
        };
        for slot in slots {
            *slot = base + bits.trailing_zeros() as usize;
            bits &= bits.wrapping_sub(1);
        }
        at += AT_ONCE;
    }
    all
}

/// What of the quotes is carried from block to block.
struct Quoting {
    /// All ones inside quotes.
    inside: u64,
    /// Whether a quote may open a field at the next byte.
    may_open: u64,
    /// Whether the last byte closed a field.
    closed: u64,
}

impl Default for Quoting {
    fn default() -> Quoting {
        Quoting { inside: 0, may_open: 1, closed: 0 }
    }
}

impl Quoting {
    /// The commas and line ends outside quotes, and where quotes are not as they should be.
    #[inline(always)]
    fn read(&mut self, found: Masks, length: usize) -> (u64, u64, u64) {
        let real = if length < BLOCK { (1 << length) - 1 } else { u64::MAX };
        let (raw_commas, raw_newlines) = (found.commas & real, found.newlines & real);
        if (found.quotes & real) | self.inside | self.closed == 0 {
            self.may_open = (raw_commas | raw_newlines) >> 63;
            return (raw_commas, raw_newlines, 0);
        }
        let quotes = found.quotes & real;
        let within = parity(quotes) ^ self.inside;
        let (opens, closes) = (quotes & within, quotes & !within);
        let (commas, newlines) = (raw_commas & !within, raw_newlines & !within);
        let before = commas | newlines | closes;
        let wrong_open = opens & !((before << 1) | self.may_open);
        let wrong_close = ((closes << 1) | self.closed) & !(raw_commas | raw_newlines | quotes);
        self.may_open = before >> 63;
        self.closed = closes >> 63;
        self.inside = if within >> 63 == 1 { u64::MAX } else { 0 };
        (commas, newlines, (wrong_open | wrong_close | (raw_newlines & within)) & real)
    }
}
