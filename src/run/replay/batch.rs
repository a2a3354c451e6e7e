//! Records of one piece of a file, kept until their time has come. It judges nothing.

use crate::record::{Delivery, Finding, Kind, LogLine, Sample, Seconds, Sink};

/// A record that is so much ahead of its predecessors and its followers has a wrong clock.
const AHEAD: Seconds = 300;
/// How many followers are asked.
const WITNESSES: usize = 9;
const TEXTS: usize = 9;

/// A record's numbers, and where its texts end in the batch's bytes.
struct Row {
    kind: Kind,
    logged: Seconds,
    offset_minutes: i16,
    queued: Option<Seconds>,
    size: u64,
    start: usize,
    ends: [usize; TEXTS],
    believed: bool,
}

#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    rows: Vec<Row>,
    next: usize,
}

impl Batch {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
        self.next = 0;
    }

    pub fn is_done(&self) -> bool {
        self.next >= self.rows.len()
    }

    /// The time of the next record, if its clock is believed.
    pub fn head(&self) -> Option<Seconds> {
        self.rows.get(self.next).filter(|row| row.believed).map(|row| row.logged)
    }

    /// The next record, and whether its time is believed.
    pub fn take(&mut self) -> Option<(Delivery<'_>, bool)> {
        let row = self.rows.get(self.next)?;
        self.next += 1;
        let mut from = row.start;
        let mut text = row.ends.iter().map(|end| {
            let text = self.bytes.get(from..*end).unwrap_or(&[]);
            from = *end;
            text
        });
        let mut next = || text.next().unwrap_or(&[]);
        let delivery = Delivery {
            kind: row.kind,
            logged: row.logged,
            offset_minutes: row.offset_minutes,
            queued: row.queued,
            rcpt_domain: next(),
            status: next(),
            diag: next(),
            mta: next(),
            category: next(),
            source: next(),
            destination: next(),
            vmta: next(),
            queue: next(),
            size: row.size,
        };
        Some((delivery, row.believed))
    }

    /// Finds the records whose clock ran ahead: live, the wall clock would have told them. Returns
    /// how many there are.
    pub fn doubt(&mut self, mut newest: Option<Seconds>) -> u64 {
        let mut doubted = 0;
        for place in 0..self.rows.len() {
            let Some(time) = self.rows.get(place).map(|row| row.logged) else { break };
            if newest.is_none_or(|newest| time > newest + AHEAD) {
                let followers = self.rows.iter().skip(place + 1).take(WITNESSES);
                let (against, all) = followers.fold((0, 0), |(against, all), row| {
                    (against + usize::from(row.logged + AHEAD < time), all + 1)
                });
                if against * 2 > all
                    && let Some(row) = self.rows.get_mut(place)
                {
                    row.believed = false;
                    doubted += 1;
                    continue;
                }
            }
            newest = newest.max(Some(time));
        }
        doubted
    }
}

impl Sink for Batch {
    fn delivery(&mut self, record: &Delivery<'_>) {
        let start = self.bytes.len();
        let texts: [&[u8]; TEXTS] = [
            record.rcpt_domain,
            record.status,
            record.diag,
            record.mta,
            record.category,
            record.source,
            record.destination,
            record.vmta,
            record.queue,
        ];
        let ends = texts.map(|text| {
            self.bytes.extend_from_slice(text);
            self.bytes.len()
        });
        self.rows.push(Row {
            kind: record.kind,
            logged: record.logged,
            offset_minutes: record.offset_minutes,
            queued: record.queued,
            size: record.size,
            start,
            ends,
            believed: true,
        });
    }

    fn sample(&mut self, _sample: Sample) {}
    fn line(&mut self, _line: &LogLine<'_>) {}
    fn event(&mut self, _finding: Finding) {}
    fn watermark(&mut self, _time: Seconds) {}

    fn enough(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(times: &[Seconds]) -> Batch {
        let mut batch = Batch::default();
        for logged in times {
            batch.delivery(&Delivery {
                kind: Kind::Deferred,
                logged: *logged,
                offset_minutes: 60,
                queued: None,
                rcpt_domain: b"a.example",
                status: b"4.0.0",
                diag: b"",
                mta: b"mx",
                category: b"",
                source: b"",
                destination: b"",
                size: 7,
                vmta: b"v1",
                queue: b"a.example/v1",
            });
        }
        batch
    }

    #[test]
    fn a_record_comes_out_as_it_went_in() {
        let mut batch = batch(&[100]);
        let (record, believed) = batch.take().unwrap();
        assert_eq!(
            (record.rcpt_domain, record.mta, record.vmta),
            (&b"a.example"[..], &b"mx"[..], &b"v1"[..])
        );
        assert_eq!((record.queue, record.size, record.logged), (&b"a.example/v1"[..], 7, 100));
        assert!(believed && batch.is_done() && batch.take().is_none());
    }

    #[test]
    fn one_clock_that_is_years_ahead_is_doubted_and_a_gap_in_the_mail_is_not() {
        for (times, newest, expected) in [
            (vec![10, 99_999, 11, 12, 13], Some(9), 1),
            (vec![99_999, 10, 11, 12, 13], None, 1),
            (vec![10, 90_000, 90_001, 90_002], Some(9), 0),
            (vec![10, 90_000, 90_001, 11], Some(9), 0),
            (vec![10, 90_000], Some(9), 0),
            (vec![1_000, 400, 1_001, 300], Some(999), 0),
        ] {
            assert_eq!(batch(&times).doubt(newest), expected, "{times:?}");
        }
    }
}
