//! Accounting files: delivery records as PowerMTA writes them. It counts nothing but what it read.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod careful;
mod clock;
mod fields;
mod header;
mod masks;
#[cfg(test)]
mod record_tests;
mod split;
#[cfg(test)]
mod split_tests;

pub use header::NAMES;

use super::follow::{Carry, Disk, Follow, LONGEST_RECORD, Piece, Records, Taken, follow};
use super::{Ask, Place, Source, SourceError};
use crate::record::{Seconds, Sink};
use fields::Fields;
use split::Splitter;
use std::io::{self, Read};

pub struct AccountingFiles;

impl Source for AccountingFiles {
    fn name(&self) -> &'static str {
        "accounting"
    }

    fn place(&self) -> Place {
        Place::Locked
    }

    fn collect(&self, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
        let Some(patterns) = ask.config.accounting.files.as_deref().filter(|files| !files.is_empty()) else {
            let why = "no accounting file is known: PowerMTA's configuration names none, and neither does [accounting] files";
            return Err(SourceError::Absent(why.to_owned()));
        };
        let moved = ask.config.accounting.moved.as_deref().unwrap_or(&[]);
        let from_start = ask.from_start;
        let wanted =
            Follow { name: "accounting", patterns, moved, from_start, tells_time: true, tick: ask.tick };
        follow(&wanted, &Disk, ask.memory, &mut Reader::new(ask.tick.now()), sink)
    }
}

/// Turns pieces of an accounting file into delivery records.
#[derive(Debug)]
pub struct Reader {
    now: Seconds,
    splitter: Splitter,
    fields: Fields,
}

impl Reader {
    /// Records stamped more than five minutes after `now` have a bad time.
    pub fn new(now: Seconds) -> Reader {
        Reader { now, splitter: Splitter::default(), fields: Fields::default() }
    }

    /// Reads a whole stream, as `replay` does. `stop` is asked between pieces.
    pub fn read_all(
        &mut self,
        input: &mut dyn Read,
        sink: &mut dyn Sink,
        stop: &mut dyn FnMut(&Taken, &mut dyn Sink) -> bool,
    ) -> io::Result<Taken> {
        let mut carry = Carry::default();
        let mut total = Taken::default();
        let mut bytes = vec![0; 2 * LONGEST_RECORD];
        let (mut begin, mut filled, mut ended) = (0, 0, false);
        while !(ended && begin == filled) {
            let room = bytes.get_mut(filled..).unwrap_or(&mut []);
            match input.read(room) {
                Ok(0) if !room.is_empty() => ended = true,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let piece =
                Piece { bytes: bytes.get(begin..filled).unwrap_or(&[]), at: total.bytes as u64, ended };
            let taken = self.take(&piece, &mut carry, sink);
            begin += taken.bytes;
            total.add(&taken);
            if stop(&total, sink) {
                break;
            }
            if filled - begin < LONGEST_RECORD && begin > 0 && filled > LONGEST_RECORD {
                bytes.copy_within(begin..filled, 0);
                (begin, filled) = (0, filled - begin);
            }
        }
        Ok(total)
    }
}

impl Records for Reader {
    fn take(&mut self, piece: &Piece<'_>, carry: &mut Carry, sink: &mut dyn Sink) -> Taken {
        let (fields, now) = (&mut self.fields, self.now);
        let (mut bad_time, mut newest) = (0, None);
        let mut taken = self.splitter.take(piece, carry, &mut |header, row| {
            if let Some(reading) = fields.read(header, row, now) {
                if reading.bad_time {
                    bad_time += 1;
                } else {
                    newest = newest.max(Some(reading.delivery.logged));
                }
                sink.delivery(&reading.delivery);
            }
        });
        (taken.bad_time, taken.newest) = (bad_time, newest);
        taken
    }

    fn preface(&self, start: &[u8]) -> usize {
        if !start.starts_with(b"type,") {
            return 0;
        }
        memchr::memchr(b'\n', start).map_or(start.len(), |end| end + 1)
    }
}
