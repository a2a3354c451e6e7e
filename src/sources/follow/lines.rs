//! Plain log lines for the follower: a line is a record. What a line means is the caller's business.

use super::{Carry, LONGEST_RECORD, Piece, Records, Taken};
use crate::record::{Seconds, Sink};

/// Hands each whole line, without its end, to `each`, which answers with the line's time.
pub struct Lines<F> {
    pub each: F,
}

impl<F: FnMut(&[u8], &mut dyn Sink) -> Option<Seconds>> Records for Lines<F> {
    fn take(&mut self, piece: &Piece<'_>, carry: &mut Carry, sink: &mut dyn Sink) -> Taken {
        let mut taken = Taken::default();
        while let Some(rest) = piece.bytes.get(taken.bytes..).filter(|rest| !rest.is_empty()) {
            let end = memchr::memchr(b'\n', rest);
            let line = match end {
                Some(end) => rest.get(..end).unwrap_or(rest),
                None if piece.ended || rest.len() >= LONGEST_RECORD || carry.midline => rest,
                None => break,
            };
            if end.is_none() && !piece.ended {
                if !carry.midline {
                    taken.rejected += 1;
                    taken.fault = taken.fault.or(Some(("line too long", taken.bytes)));
                }
                carry.midline = true;
                taken.bytes += rest.len();
                continue;
            }
            taken.bytes += end.map_or(rest.len(), |end| end + 1);
            if std::mem::take(&mut carry.midline) {
                continue;
            }
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            taken.records += 1;
            taken.newest = taken.newest.max((self.each)(line, sink));
        }
        taken
    }

    fn preface(&self, _start: &[u8]) -> usize {
        0
    }
}
