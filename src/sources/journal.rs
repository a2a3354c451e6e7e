//! The kernel's records as journald keeps them, asked for where the kernel's log itself may not be
//! read: by cursor, so that a reboot loses none. It counts nothing; `kernel` does.

use super::kernel::{class_of, is_open};
use super::web::{BodyError, Capped, ChildError, capture};
use super::{Ask, Place, Source, SourceError};
use crate::record::{HIDDEN, Memory, Sample, Seconds, Sink, Value, tag};
use serde::Deserialize;
use std::io::{BufRead, BufReader, Read};
use std::process::Command;
use std::time::{Duration, Instant};

const EVERY: Seconds = 25;
/// It starts a program: one that gave nothing is left alone for so long.
const REST: Seconds = 600;
const LONGEST: Duration = Duration::from_secs(2);
const MOST_LINES: usize = 1_000;
const CURSOR: &str = "cursor";
const LOOKED: &str = "looked";
const REFUSED: &str = "refused";
/// Tags `class` of the rows for `kernel`: one of a line, and where the journal ends now.
const LINE: &str = "journal";
const END: &str = "journal-end";

pub struct Journal;

impl Source for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    /// It starts a program, which may hang.
    fn place(&self) -> Place {
        Place::Aside
    }

    /// Where the kernel's log can be read itself, and between two looks, no thread is needed.
    fn is_due(&self, ask: &Ask<'_>) -> bool {
        let now = ask.tick.now();
        let rests = within(ask.memory, REFUSED, REST, now) || within(ask.memory, LOOKED, EVERY, now);
        !rests && !is_open(&ask.config.logs.kernel)
    }

    fn collect(&self, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
        let absent = |why: &str| Err(SourceError::Absent(why.to_owned()));
        if is_open(&ask.config.logs.kernel) {
            return absent("the kernel's log is read itself");
        }
        let now = ask.tick.now();
        if within(ask.memory, REFUSED, REST, now) {
            return absent("journald shows this user nothing of the kernel");
        }
        if within(ask.memory, LOOKED, EVERY, now) {
            sink.sample(Sample::new(HIDDEN).tag("class", END));
            return Ok(());
        }
        let cursor = ask.memory.get(CURSOR).and_then(|cursor| String::from_utf8(cursor).ok());
        let until = Instant::now() + ask.tick.left().mul_f64(0.6).min(LONGEST);
        let mut command = Command::new(&ask.config.logs.journal);
        command.args(["_TRANSPORT=kernel", "--output=json", "--no-pager", "--quiet"]);
        command.arg(match &cursor {
            Some(cursor) => format!("--after-cursor={cursor}"),
            None => "--lines=1".to_owned(),
        });
        let told = match capture(command, until, |body| Ok::<_, BodyError>(read(body))) {
            Ok(told) => told,
            Err(ChildError::Late) => return Err(SourceError::Late { what: "journalctl".to_owned() }),
            Err(_) => Vec::new(),
        };
        let Some(last) = told.last().map(|entry| entry.cursor.clone()).or(cursor.clone()) else {
            ask.memory.put(REFUSED, now.to_string().as_bytes());
            return absent("there is no journal that this user may read");
        };
        ask.memory.put(CURSOR, last.as_bytes());
        ask.memory.put(LOOKED, now.to_string().as_bytes());
        // Where it stands at first sight is not news.
        let news = if cursor.is_some() { told.as_slice() } else { &[] };
        let classed = news.iter().filter_map(|entry| Some((entry, entry.class()?)));
        for (entry, class) in classed.take(MOST_LINES) {
            sink.sample(entry.row(LINE).tag("kind", class).text("text", entry.message.text()));
        }
        sink.sample(
            told.last().map_or_else(|| Sample::new(HIDDEN).tag("class", END), |entry| entry.row(END)),
        );
        Ok(())
    }
}

fn within(memory: &dyn Memory, key: &str, span: Seconds, now: Seconds) -> bool {
    let note = memory.get(key).and_then(|note| String::from_utf8(note).ok());
    note.and_then(|note| note.parse::<Seconds>().ok()).is_some_and(|at| (0..span).contains(&(now - at)))
}

/// A record of `journalctl --output=json`; fields that journald adds later are read over.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(rename = "__REALTIME_TIMESTAMP", default)]
    at: String,
    /// What programs write into the kernel's log has another one.
    #[serde(rename = "SYSLOG_FACILITY", default)]
    facility: Option<String>,
    #[serde(rename = "MESSAGE", default)]
    message: Message,
}

/// Text, or bytes where it is none; nothing where it was too long.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Message {
    Text(String),
    Bytes(Vec<u8>),
    #[default]
    None,
}

impl Message {
    fn text(&self) -> String {
        match self {
            Message::Text(text) => text.clone(),
            Message::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Message::None => String::new(),
        }
    }
}

impl Entry {
    fn class(&self) -> Option<&'static str> {
        let ours = self.facility.as_deref().is_none_or(|facility| facility == "0");
        if ours { class_of(self.message.text().as_bytes()) } else { None }
    }

    /// Its place: the number within the journal's set of files (`s=...;i=1f;...`), and the time.
    fn row(&self, class: &'static str) -> Sample {
        let part =
            |name: &str| self.cursor.split(';').find_map(|part| part.strip_prefix(name)).unwrap_or_default();
        let number = i64::from_str_radix(part("i="), 16).unwrap_or(0);
        let row = Sample::new(HIDDEN).tag("class", class).text("set", part("s="));
        row.int("number", number).int("at", self.at.parse().unwrap_or(0))
    }
}

/// Every record that came in time; a torn last line is asked for again.
fn read(body: &mut Capped<impl Read>) -> Vec<Entry> {
    let mut reader = BufReader::new(body);
    let (mut told, mut line) = (Vec::new(), Vec::new());
    while reader.read_until(b'\n', &mut line).is_ok_and(|got| got > 0) {
        told.extend(serde_json::from_slice::<Entry>(&line));
        line.clear();
    }
    told
}

/// What the journal told in this run, for `kernel`.
pub(super) struct Told<'a>(Vec<&'a Sample>);

impl<'a> Told<'a> {
    /// Nothing while journald is not asked here.
    pub(super) fn of(brought: &'a [Sample]) -> Option<Told<'a>> {
        let class =
            |row: &&Sample| row.measurement == HIDDEN && matches!(tag(&row.tags, "class"), LINE | END);
        let rows: Vec<&Sample> = brought.iter().filter(class).collect();
        (!rows.is_empty()).then_some(Told(rows))
    }

    /// Hands each line on that was not counted before: two runs may have asked at the same time.
    pub(super) fn take(
        &self,
        memory: &mut dyn Memory,
        mut each: impl FnMut(&str, &[u8], &mut dyn Sink),
        sink: &mut dyn Sink,
    ) {
        let mut place = Spot::recall(memory);
        let first_sight = place.is_none();
        for row in &self.0 {
            let Some(spot) = Spot::of(row) else { continue };
            if place.as_ref().is_some_and(|place| !spot.is_behind(place)) {
                continue;
            }
            if let (false, LINE, Some(Value::Text(text))) =
                (first_sight, tag(&row.tags, "class"), row.field("text"))
            {
                each(tag(&row.tags, "kind"), text.as_bytes(), sink);
            }
            place = Some(spot);
        }
        if let Some(place) = place {
            memory.put("journal", format!("{} {} {}", place.set, place.number, place.at).as_bytes());
        }
    }
}

/// A place in the journal.
struct Spot {
    set: String,
    number: i64,
    at: i64,
}

impl Spot {
    fn of(row: &Sample) -> Option<Spot> {
        match (row.field("set"), row.field("number"), row.field("at")) {
            (Some(Value::Text(set)), Some(Value::Int(number)), Some(Value::Int(at))) => {
                Some(Spot { set: set.replace(' ', ""), number: *number, at: *at })
            }
            _ => None,
        }
    }

    fn recall(memory: &dyn Memory) -> Option<Spot> {
        let note = String::from_utf8(memory.get("journal")?).ok()?;
        let mut words = note.split(' ');
        let (set, number, at) = (words.next()?, words.next()?, words.next()?);
        Some(Spot { set: set.to_owned(), number: number.parse().ok()?, at: at.parse().ok()? })
    }

    fn is_behind(&self, other: &Spot) -> bool {
        if self.set == other.set { self.number > other.number } else { self.at > other.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Notes;
    use crate::sources::stage::Heap;

    fn entry(number: i64, facility: &str, message: &str) -> String {
        format!(
            "{{\"__CURSOR\":\"s=a1;i={number:x};b=c;m=1;t=2;x=3\",\"__REALTIME_TIMESTAMP\":\"{number}\",\"SYSLOG_FACILITY\":\"{facility}\",\"MESSAGE\":{message}}}\n"
        )
    }

    #[test]
    fn records_are_read_as_journald_writes_them() {
        let text = [
            entry(30, "0", "\"Out of memory: Killed process 7 (pmtad)\""),
            entry(31, "3", "\"Out of memory: Killed process 7 (pmtad)\""),
            entry(
                32,
                "0",
                "[110,102,95,99,111,110,110,116,114,97,99,107,58,32,116,97,98,108,101,32,102,117,108,108]",
            ),
            entry(33, "0", "null"),
            "{\"__CURSOR\":\"s=a1;i=22;torn".to_owned(),
        ]
        .concat();
        let told = read(&mut Capped::new(text.as_bytes(), u64::MAX, None));
        let classes: Vec<_> = told.iter().map(Entry::class).collect();
        assert_eq!(classes, [Some("oom-kill"), None, Some("conntrack-full"), None]);
    }

    #[test]
    fn a_line_that_two_runs_brought_is_counted_once() {
        let rows = |text: &str| -> Vec<Sample> {
            let told = read(&mut Capped::new(text.as_bytes(), u64::MAX, None));
            told.iter().map(|entry| entry.row(LINE).tag("kind", "oom-kill").text("text", "x")).collect()
        };
        let mut notes = Notes::default();
        let mut count = |rows: &[Sample]| {
            let mut lines = 0;
            let each = |_: &str, _: &[u8], _: &mut dyn Sink| lines += 1;
            Told::of(rows).unwrap().take(&mut notes, each, &mut Heap::default());
            lines
        };
        assert_eq!(count(&rows(&entry(9, "0", "\"x\""))), 0, "first sight");
        let two = [entry(10, "0", "\"x\""), entry(20, "0", "\"x\"")].concat();
        assert_eq!(count(&rows(&two)), 2);
        assert_eq!(count(&rows(&two)), 0, "the other run had them, too");
        assert_eq!(count(&rows(&[two, entry(21, "0", "\"x\"")].concat())), 1);
        assert!(Told::of(&[Sample::new("pmta")]).is_none());
    }
}
