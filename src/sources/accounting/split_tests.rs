//! The splitter against a careful, slow one of another build, on files that mean harm. It tests no field's meaning.

use super::split::Splitter;
use crate::sources::follow::{Carry, LONGEST_RECORD, Piece};
use proptest::prelude::*;

type Rows = Vec<Vec<Vec<u8>>>;

const HEADER: &str = "type,timeLogged,rcpt,dsnDiag\n";

/// What is in a file that will not grow: a recursive descent over the whole of it.
struct Reference<'a> {
    data: &'a [u8],
    columns: usize,
    rows: Rows,
    rejected: u64,
}

impl<'a> Reference<'a> {
    fn read(data: &'a [u8]) -> (Rows, u64) {
        let mut reference = Reference { data, columns: 23, rows: Vec::new(), rejected: 0 };
        let (mut at, mut skipping) = (0, false);
        while at < data.len() {
            let line = line_at(data, at);
            let next = (at + line.len() + 1).min(data.len());
            if data[at] == 0 {
                at += 1;
            } else if line.is_empty() || (line == b"\r" && next > at + 1 && data.get(at + 1) == Some(&b'\n'))
            {
                at = next;
            } else if line.starts_with(b"type,") {
                reference.columns = line.split(|byte| *byte == b',').count();
                (at, skipping) = (next, false);
            } else if skipping && !begins(line) {
                at = next;
            } else if let Some((row, after)) = reference.record(at) {
                reference.rows.push(row);
                (at, skipping) = (after, false);
            } else {
                reference.rejected += 1;
                (at, skipping) = (next, true);
            }
        }
        (reference.rows, reference.rejected)
    }

    fn record(&self, start: usize) -> Option<(Vec<Vec<u8>>, usize)> {
        let (mut row, mut at) = (Vec::new(), start);
        loop {
            let (field, end) = self.field(at)?;
            row.push(field);
            match self.data.get(end) {
                Some(b',') => at = end + 1,
                Some(b'\n') => return self.checked(row, end + 1),
                Some(_) => return self.checked(row, end + 2),
                None => return self.checked(row, end),
            }
        }
    }

    fn checked(&self, row: Vec<Vec<u8>>, after: usize) -> Option<(Vec<Vec<u8>>, usize)> {
        let code = &row[0];
        let plausible = (1..=8).contains(&code.len()) && code.iter().all(u8::is_ascii_lowercase);
        (row.len() == self.columns && plausible).then_some((row, after))
    }

    /// The raw field and where the separator behind it stands (at the CR of a CRLF).
    fn field(&self, at: usize) -> Option<(Vec<u8>, usize)> {
        let data = self.data;
        if data.get(at) != Some(&b'"') {
            let length = data[at..].iter().take_while(|byte| !matches!(byte, b',' | b'\n')).count();
            let mut end = at + length;
            if end > at && data[end - 1] == b'\r' && data.get(end) != Some(&b',') {
                end -= 1;
            }
            return Some((data[at..end].to_vec(), end));
        }
        let mut end = at + 1;
        loop {
            match data.get(end)? {
                b'"' if data.get(end + 1) == Some(&b'"') => end += 2,
                b'"' => break,
                b'\n' if self.alone(line_at(data, end + 1), end + 1) => return None,
                _ => end += 1,
            }
        }
        let separated = match data.get(end + 1) {
            None | Some(b',' | b'\n') => true,
            Some(b'\r') => matches!(data.get(end + 2), Some(b'\n') | None),
            Some(_) => false,
        };
        separated.then(|| (data[at..=end].to_vec(), end + 1))
    }

    /// Whether a line that really ends is a record by itself.
    fn alone(&self, line: &[u8], at: usize) -> bool {
        if !begins(line) || at + line.len() >= self.data.len() {
            return false;
        }
        let text = String::from_utf8(line.iter().map(|byte| byte & 0x7f).collect()).unwrap();
        let text = text.strip_suffix('\r').unwrap_or(&text);
        let field = "(?:\"(?:[^\"]|\"\")*\"|[^\",][^,]*|)";
        let whole = format!("^(?s){field}(?:,{field}){{{}}}$", self.columns - 1);
        regex::Regex::new(&whole).unwrap().is_match(text)
    }
}

fn line_at(data: &[u8], at: usize) -> &[u8] {
    data[at..].split(|byte| *byte == b'\n').next().unwrap()
}

/// A type and a time.
fn begins(line: &[u8]) -> bool {
    let mut fields = line.split(|byte| matches!(byte, b',' | b'\r'));
    let code = fields.next().unwrap_or(b"");
    let time = fields.next().unwrap_or(b"");
    let plausible = (1..=8).contains(&code.len()) && code.iter().all(u8::is_ascii_lowercase);
    plausible && line.get(code.len()) == Some(&b',') && super::clock::Clock::default().read(time).is_some()
}

/// The product's way, over pieces that end at the cuts.
fn split(data: &[u8], cuts: &[usize]) -> (Rows, u64) {
    let (mut splitter, mut carry) = (Splitter::default(), Carry::default());
    let (mut rows, mut rejected, mut at) = (Vec::new(), 0, 0);
    for end in cuts.iter().copied().chain([data.len(), data.len()]) {
        let end = end.clamp(at, data.len());
        let ended = end == data.len() && at <= end;
        let piece = Piece { bytes: &data[at..end], at: at as u64, ended };
        let taken = splitter.take(&piece, &mut carry, &mut |_, row| {
            rows.push((0..row.ends.len() - 1).map(|column| row.field(column).to_vec()).collect());
        });
        at += taken.bytes;
        rejected += taken.rejected;
    }
    assert_eq!(at, data.len(), "something was left behind");
    (rows, rejected)
}

fn parts() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        6 => Just("d,1178807903,a@b.example,smtp;250 ok\n".to_owned()),
        4 => Just("t,2026-11-24 10:00:00+0000,a@b.example,\"smtp;450 a, b\"\r\n".to_owned()),
        2 => Just("b,1178807903,x,\"said \"\"no\"\"\nand went\"\n".to_owned()),
        2 => Just("d,1178807903,a,\"never closed\n".to_owned()),
        2 => Just("d,1178807903,a\n".to_owned()),
        2 => Just("d,1178807903,a,b,c\n".to_owned()),
        1 => Just("d,1178807903,a\"b,c\"d\n".to_owned()),
        1 => Just("d,1178807903,\"a\"b,c\n".to_owned()),
        1 => Just("type,timeLogged,rcpt\n".to_owned()),
        1 => Just(HEADER.to_owned()),
        1 => Just("garbage, with \"some\n".to_owned()),
        3 => "[d,\"\n\r0 \u{0}]{0,6}",
        1 => Just("\u{fffd}".to_owned()),
        1 => Just("\0\0\0".to_owned()),
        1 => (0..300_usize).prop_map(|n| "x".repeat(n)),
    ];
    prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_files_are_split_as_the_careful_reference_does(data in parts(), header in any::<bool>()) {
        let mut file = if header { HEADER.as_bytes().to_vec() } else { Vec::new() };
        file.extend(&data);
        prop_assert_eq!(split(&file, &[]), Reference::read(&file));
    }

    #[test]
    fn any_cut_into_pieces_gives_the_same_records(data in parts(), mut cuts in prop::collection::vec(0..2_000_usize, 0..12)) {
        let file = [HEADER.as_bytes(), &data].concat();
        cuts.sort_unstable();
        cuts.retain(|cut| *cut < file.len());
        prop_assert_eq!(split(&file, &cuts), split(&file, &[]));
    }

    #[test]
    fn any_bytes_at_all_are_survived(data in prop::collection::vec(any::<u8>(), 0..600)) {
        let file = [HEADER.as_bytes(), &data].concat();
        prop_assert_eq!(split(&file, &[]), Reference::read(&file));
    }
}

#[test]
fn one_damaged_record_costs_itself_only() {
    let good = "d,1178807903,a@b.example,smtp;250 ok\n";
    for bad in [
        "d,1178807903,a@b.example,\"a stray quote\n",
        "d,1178807903,a@b.ex\n",
        "d,1178807903,a@b.example,\"text\" behind\n",
        "d,11788d,1178807903,a@b.example,two in one,\n",
        "\u{1}\u{2}\u{3}\n",
        "torn\nin\nthree\n",
    ] {
        let file = [HEADER, &good.repeat(10), bad, &good.repeat(1_000)].concat();
        let (rows, rejected) = split(file.as_bytes(), &[]);
        assert_eq!((rows.len(), rejected), (1_010, 1), "{bad:?}");
    }
}

#[test]
fn a_record_may_be_a_mebibyte_long_and_not_more() {
    let record = |length: usize| format!("d,1178807903,a,{}\n", "x".repeat(length - 16));
    let good = "d,1178807903,a,b\n";
    for (length, rows, rejected) in
        [(LONGEST_RECORD, 3, 0), (LONGEST_RECORD + 1, 2, 1), (5 * LONGEST_RECORD, 2, 1)]
    {
        let file = [HEADER, good, &record(length), good].concat();
        let cuts: Vec<usize> = (1..20).map(|n| n * LONGEST_RECORD / 3).collect();
        for cuts in [cuts.as_slice(), &[]] {
            let (found, lost) = split(file.as_bytes(), cuts);
            assert_eq!((found.len(), lost), (rows, rejected), "{length}");
        }
    }
}

#[test]
fn a_quote_that_is_never_closed_does_not_wait_for_ever() {
    let open = "d,1178807903,a,\"open\n";
    let no_record = "neither a record nor a quote\n".repeat(LONGEST_RECORD / 20);
    let file = [HEADER, open, &no_record, "d,1178807903,a,b\n"].concat();
    assert_eq!(split(file.as_bytes(), &[]).0.len(), 1);
}
