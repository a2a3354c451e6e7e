//! A careful, slow reader of whole accounting files, built another way than the product's: it is
//! what the fast one must agree with. It cuts nothing into pieces.

use std::collections::BTreeMap;

/// What a record says, in the reader's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub kind: String,
    pub logged: i64,
    pub queued: Option<i64>,
    pub domain: Vec<u8>,
    /// dsnStatus, dsnDiag, dsnMta, bounceCat, source, destination, vmta, queue.
    pub texts: [Vec<u8>; 8],
    pub size: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Of the types that are known.
    pub records: Vec<Record>,
    /// Whole records of any type.
    pub whole: u64,
    pub rejected: u64,
    pub bad_time: u64,
}

const KNOWN: [&str; 8] = ["d", "b", "t", "tq", "r", "rb", "rs", "f"];
const TEXTS: [&str; 8] =
    ["dsnStatus", "dsnDiag", "dsnMta", "bounceCat", "dlvSourceIp", "dlvDestinationIp", "vmta", "queue"];
/// The columns of 4.5 and later for d and b records: what a file without a header is taken for.
const UNSAID: &str = "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,vmtaPool";

pub fn read(data: &[u8], now: i64) -> Reading {
    let mut reader = Reader { data, now, header: Header::of(UNSAID), last: None, out: Reading::default() };
    reader.all();
    reader.out
}

struct Header {
    columns: usize,
    at: BTreeMap<String, usize>,
}

impl Header {
    fn of(line: &str) -> Header {
        let mut at = BTreeMap::new();
        let names = line.split(',').map(|name| name.trim().trim_matches('"').to_owned());
        for (column, name) in names.enumerate() {
            at.entry(name).or_insert(column);
        }
        Header { columns: line.split(',').count(), at }
    }
}

struct Reader<'a> {
    data: &'a [u8],
    now: i64,
    header: Header,
    last: Option<i64>,
    out: Reading,
}

impl Reader<'_> {
    fn all(&mut self) {
        let (mut at, mut lost) = (0, false);
        while let Some(rest) = self.data.get(at..).filter(|rest| !rest.is_empty()) {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let line = &rest[..end.unwrap_or(rest.len())];
            let next = at + end.map_or(rest.len(), |end| end + 1);
            let empty = end.is_some() && matches!(line, b"" | b"\r");
            if rest[0] == 0 {
                at += 1;
            } else if empty {
                at = next;
            } else if line.starts_with(b"type,") && line.iter().filter(|byte| **byte == b',').count() < 512 {
                self.header = Header::of(String::from_utf8_lossy(line).trim_end_matches('\r'));
                (at, lost) = (next, false);
            } else if lost && !self.begins(rest) {
                at = next;
            } else if let Some((fields, after)) = self.record(at) {
                self.keep(&fields);
                (at, lost) = (after, false);
            } else {
                self.out.rejected += 1;
                (at, lost) = (next, true);
            }
        }
    }

    /// The raw fields of the record that begins here, and where the next one may begin.
    fn record(&self, start: usize) -> Option<(Vec<Vec<u8>>, usize)> {
        let mut fields = Vec::new();
        let mut at = start;
        let after = loop {
            let (field, end) =
                if self.data.get(at) == Some(&b'"') { self.quoted(at)? } else { self.plain(at) };
            fields.push(field);
            match self.data.get(end) {
                Some(b',') => at = end + 1,
                Some(b'\r') => break (end + 2).min(self.data.len()),
                Some(_) => break end + 1,
                None => break end,
            }
        };
        let good = fields.len() == self.header.columns && is_code(&fields[0]);
        good.then_some((fields, after))
    }

    /// The field, and where its end is: a comma, LF, CR of the line's end, or nothing more.
    fn plain(&self, at: usize) -> (Vec<u8>, usize) {
        let mut end = at;
        while self.data.get(end).is_some_and(|byte| !matches!(byte, b',' | b'\n')) {
            end += 1;
        }
        if self.data.get(end) != Some(&b',') && self.data[at..end].ends_with(b"\r") {
            end -= 1;
        }
        (self.data[at..end].to_vec(), end)
    }

    fn quoted(&self, at: usize) -> Option<(Vec<u8>, usize)> {
        let mut end = at + 1;
        while self.data.get(end..end + 2) == Some(b"\"\"") || *self.data.get(end)? != b'"' {
            // A line end belongs to the text, unless a whole record stands behind it.
            if self.data[end] == b'\n' && self.stands_alone(end + 1) {
                return None;
            }
            end += if self.data[end] == b'"' { 2 } else { 1 };
        }
        let closes = matches!(
            self.data.get(end + 1..).unwrap_or(b""),
            [] | [b',' | b'\n', ..] | [b'\r'] | [b'\r', b'\n', ..]
        );
        closes.then(|| (self.data[at..=end].to_vec(), end + 1))
    }

    /// Whether the line that begins here ends, begins like a record and reads as one by itself.
    fn stands_alone(&self, at: usize) -> bool {
        let Some(length) = self.data[at..].iter().position(|byte| *byte == b'\n') else { return false };
        let line = &self.data[at..at + length];
        self.begins(line) && self.alone(line.strip_suffix(b"\r").unwrap_or(line), 1)
    }

    /// Whether this is exactly the rest of the columns from the `column`-th on.
    fn alone(&self, text: &[u8], column: usize) -> bool {
        let length = match text {
            [b'"', inner @ ..] => {
                let mut closed = None;
                let mut at = 0;
                while closed.is_none() && at < inner.len() {
                    match (inner[at], inner.get(at + 1)) {
                        (b'"', Some(b'"')) => at += 2,
                        (b'"', _) => closed = Some(at),
                        _ => at += 1,
                    }
                }
                let Some(closed) = closed else { return false };
                closed + 2
            }
            _ => text.iter().position(|byte| *byte == b',').unwrap_or(text.len()),
        };
        match text.get(length) {
            None => column == self.header.columns,
            Some(b',') => self.alone(&text[length + 1..], column + 1),
            Some(_) => false,
        }
    }

    /// A type, and a time where the header says that one comes next.
    fn begins(&self, text: &[u8]) -> bool {
        let letters = text.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        if !(1..=8).contains(&letters) || text.get(letters) != Some(&b',') {
            return false;
        }
        let rest = &text[letters + 1..];
        let ends = rest.iter().position(|byte| matches!(byte, b',' | b'\n' | b'\r'));
        self.header.at.get("timeLogged") != Some(&1) || ends.is_some_and(|end| time(&rest[..end]).is_some())
    }

    fn keep(&mut self, fields: &[Vec<u8>]) {
        self.out.whole += 1;
        let kind = String::from_utf8_lossy(&fields[0]).into_owned();
        if !KNOWN.contains(&kind.as_str()) {
            return;
        }
        let cell = |name: &str| self.header.at.get(name).map_or(Vec::new(), |at| said(&fields[*at]));
        let logged = time(&cell("timeLogged"));
        let good = logged.filter(|time| *time <= self.now + 300);
        self.out.bad_time += u64::from(good.is_none());
        self.last = good.or(self.last);
        let rcpt = cell("rcpt");
        let size = String::from_utf8_lossy(&cell("dlvSize")).into_owned();
        let digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
        self.out.records.push(Record {
            kind,
            logged: logged.or(self.last).unwrap_or(self.now),
            queued: time(&cell("timeQueued")),
            domain: rcpt
                .iter()
                .rposition(|byte| *byte == b'@')
                .map_or(Vec::new(), |at| rcpt[at + 1..].to_vec()),
            texts: TEXTS.map(cell),
            size: if digits { size.parse().unwrap_or(u64::MAX) } else { 0 },
        });
    }
}

/// A field without its quotes.
fn said(raw: &[u8]) -> Vec<u8> {
    if raw.first() != Some(&b'"') {
        return raw.to_vec();
    }
    let mut out = Vec::new();
    let mut bytes = raw[1..raw.len() - 1].iter();
    while let Some(byte) = bytes.next() {
        out.push(*byte);
        if *byte == b'"' {
            bytes.next();
        }
    }
    out
}

fn is_code(text: &[u8]) -> bool {
    (1..=8).contains(&text.len()) && text.iter().all(u8::is_ascii_lowercase)
}

/// A local time with its offset, or seconds since the epoch of eight to eleven digits.
fn time(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
    let digits =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok())?;
    if (8..=11).contains(&text.len())
        && let Some(seconds) = digits(text)
    {
        return Some(seconds);
    }
    let (local, zone) = text.split_at_checked(19)?;
    let (sign, hours, minutes) = match (zone.len(), zone) {
        (0, _) | (1, "Z") => ("+", 0, 0),
        (5, zone) => (&zone[..1], digits(&zone[1..3])?, digits(&zone[3..])?),
        (6, zone) if &zone[3..4] == ":" => (&zone[..1], digits(&zone[1..3])?, digits(&zone[4..])?),
        _ => return None,
    };
    let sign = match sign {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let marks: String = [4, 7, 10, 13, 16].map(|at| char::from(local.as_bytes()[at])).iter().collect();
    if marks != "-- ::" && marks != "--T::" {
        return None;
    }
    let [year, month, day, hour, minute, second] =
        [0..4, 5..7, 8..10, 11..13, 14..16, 17..19].map(|at| digits(&local[at]));
    let (year, month, day, hour, minute, second) = (year?, month?, day?, hour?, minute?, second?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_before(year) + days_of_months(year, month) + day - 1;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second - sign * (hours * 60 + minutes) * 60)
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_before(year: i64) -> i64 {
    let length = |year: i64| if is_leap(year) { 366 } else { 365 };
    if year >= 1970 { (1970..year).map(length).sum() } else { -(year..1970).map(length).sum::<i64>() }
}

fn days_of_months(year: i64, month: i64) -> i64 {
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    lengths.iter().zip(1..month).map(|(length, _)| length).sum()
}
