//! Accounting files: the fast splitter against the careful one, whole and in pieces.

use super::reference::{Reading, Record, read};
use pmta_vitals::record::{Delivery, Finding, LogLine, Sample, Sink};
use pmta_vitals::sources::accounting::Reader;
use pmta_vitals::sources::follow::{Carry, Piece, Records};

pub const WORDS: &[&str] = &[
    "\n",
    "\r\n",
    "\"",
    "\"\"",
    ",",
    ",,,",
    "type,timeLogged,rcpt,dsnDiag\n",
    "type,rcpt,timeLogged\n",
    "type,",
    "d,1795433400,a@b.example,\"250 ok\"\n",
    "tq,2026-11-24 10:00:00+0100,",
    "d,1795433400,",
    "\0\0\0",
    "\u{fffd}",
    "2026-02-31T23:59:60Z",
    "99999999999",
];

const NOW: i64 = 1_795_433_400;

pub fn body(data: &[u8]) {
    let expected = read(data, NOW);
    assert_eq!(product(data, &[]), expected, "the whole file at once");
    let cuts = cuts(data);
    assert_eq!(product(data, &cuts), expected, "in pieces that end at {cuts:?}");
}

/// A few places to cut at, made from the bytes themselves.
fn cuts(data: &[u8]) -> Vec<usize> {
    let mut state =
        data.iter().fold(0x9e37_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mut cuts: Vec<usize> = (0..6)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % (data.len() + 1)
        })
        .collect();
    cuts.sort_unstable();
    cuts
}

fn product(data: &[u8], cuts: &[usize]) -> Reading {
    let mut reader = Reader::new(NOW);
    let mut carry = Carry::default();
    let mut heard = Heard::default();
    let mut at = 0;
    for (end, ended) in cuts.iter().map(|cut| (*cut, false)).chain([(data.len(), true)]) {
        while at < end {
            let piece = Piece { bytes: &data[at..end], at: at as u64, ended };
            let taken = reader.take(&piece, &mut carry, &mut heard);
            assert!(taken.bytes <= end - at, "more was taken than there is");
            heard.0.whole += taken.records;
            heard.0.rejected += taken.rejected;
            heard.0.bad_time += taken.bad_time;
            at += taken.bytes;
            if taken.bytes == 0 {
                break;
            }
        }
    }
    assert_eq!(at, data.len(), "something of a finished file was left behind");
    heard.0
}

#[derive(Default)]
struct Heard(Reading);

impl Sink for Heard {
    fn delivery(&mut self, said: &Delivery<'_>) {
        let texts = [
            said.status,
            said.diag,
            said.mta,
            said.category,
            said.source,
            said.destination,
            said.vmta,
            said.queue,
        ];
        self.0.records.push(Record {
            kind: said.kind.code().to_owned(),
            logged: said.logged,
            queued: said.queued,
            domain: said.rcpt_domain.to_vec(),
            texts: texts.map(<[u8]>::to_vec),
            size: said.size,
        });
    }

    fn sample(&mut self, _: Sample) {}
    fn line(&mut self, _: &LogLine<'_>) {}
    fn event(&mut self, _: Finding) {}
    fn watermark(&mut self, _: i64) {}
    fn enough(&self) -> bool {
        false
    }
}
