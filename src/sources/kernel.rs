//! The kernel's log, record by record, by its own sequence numbers: how often it said what ends
//! or slows mail. It judges no line.

use super::apart::Apart;
use super::follow::{Disk, Follow, Lines, follow};
use super::journal::Told;
use super::said::shown;
use super::{Ask, Place, Source, SourceError};
use crate::record::{HIDDEN, Memory, Sample, Seconds, Sink};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// The device hands out its whole memory from the oldest record on, each time it is opened.
const EVERY: Seconds = 25;
const MOST_RECORDS: usize = 100_000;
const MOST_LINES: usize = 20;
/// The kernel's records end at 8 KiB, escapes included.
const LONGEST: usize = 16 * 1024;

const CURSOR: &str = "cursor";
const COUNTS: &str = "counts";
const MISSED: &str = "missed";

/// Class, and the phrases that must all be in its line. Phrases and not whole lines: what stands
/// before them changes from one version of the kernel to the next.
const CLASSES: &[(&str, &[&str])] = &[
    ("oom-kill", &["ut of memory: Kill"]),
    ("segfault", &["pmta", ": segfault at"]),
    ("segfault", &["pmta", "general protection fault"]),
    ("conntrack-full", &["nf_conntrack", "table full"]),
    ("syn-flood", &["Possible SYN flooding"]),
    ("tcp-memory", &["TCP: out of memory"]),
    ("tcp-memory", &["too many orphaned sockets"]),
    ("io-error", &["I/O error, dev "]),
    ("io-error", &["Buffer I/O error on dev"]),
    ("read-only", &["Remounting filesystem read-only"]),
    ("read-only", &["Aborting journal on device"]),
    ("read-only", &["XFS", "Shutting down filesystem"]),
    ("hung-task", &["blocked for more than", "seconds"]),
    ("link-down", &["Link is Down"]),
    ("link-down", &["Link is down"]),
    ("link-down", &["link status definitely down"]),
    ("limit", &["VFS: file-max limit"]),
    ("limit", &["neighbor table overflow"]),
    ("lockup", &["soft lockup"]),
    ("lockup", &["[Hardware Error]"]),
    ("clock", &["Marking clocksource", "unstable"]),
];

pub struct Kernel;

impl Source for Kernel {
    fn name(&self) -> &'static str {
        "kernel"
    }

    /// Its cursor and its counts belong together, and nothing it does can block.
    fn place(&self) -> Place {
        Place::Locked
    }

    fn collect(&self, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
        let path = &ask.config.logs.kernel;
        let boot = boot_id(&ask.config.host.proc);
        let cursor = Cursor::recall(ask.memory);
        let now = ask.tick.now();
        let due = cursor.as_ref().is_none_or(|cursor| !(0..EVERY).contains(&(now - cursor.looked)));
        let read = match open(path) {
            _ if !due => Ok(()),
            Ok(records) => look((path, records), (cursor, boot, now), ask.memory, sink),
            Err(closed) => elsewhere(closed, ask, sink),
        };
        for (class, total) in counts(ask.memory) {
            sink.sample(match class.as_str() {
                MISSED => Sample::new("pmta_kernel").int("missed_total", total),
                _ => Sample::new("pmta_kernel").tag("class", class).int("total", total),
            });
        }
        read
    }
}

/// The last record that was seen, and when.
struct Cursor {
    boot: String,
    /// -1 before the first.
    last: i64,
    looked: Seconds,
}

impl Cursor {
    fn recall(memory: &dyn Memory) -> Option<Cursor> {
        let note = String::from_utf8(memory.get(CURSOR)?).ok()?;
        let mut words = note.split(' ');
        let (boot, last, looked) = (words.next()?, words.next()?, words.next()?);
        Some(Cursor { boot: boot.to_owned(), last: last.parse().ok()?, looked: looked.parse().ok()? })
    }
}

fn look(
    (path, mut records): (&Path, Box<dyn Records>),
    (cursor, boot, now): (Option<Cursor>, String, Seconds),
    memory: &mut dyn Memory,
    sink: &mut dyn Sink,
) -> Result<(), SourceError> {
    let first_sight = cursor.is_none();
    let same_boot = cursor.as_ref().is_some_and(|cursor| cursor.boot == boot);
    // After another boot every record is new.
    let mut last = cursor.filter(|_| same_boot).map_or(-1, |cursor| cursor.last);
    let mut counts = counts(memory);
    if first_sight {
        begin(&mut counts);
    }
    let mut told = 0;
    let mut buffer = vec![0; LONGEST];
    let refused = |why| SourceError::Io { what: path.display().to_string(), why };
    for turn in 0..MOST_RECORDS {
        let length = match records.next(&mut buffer).map_err(refused)? {
            Next::Record(length) => length,
            // The gap in the numbers tells how many.
            Next::Overwritten => continue,
            Next::Nothing => break,
        };
        let Some(record) = buffer.get(..length).and_then(Record::parse) else { continue };
        if record.number <= last {
            continue;
        }
        if !first_sight {
            // A saved log may hold any number: what no kernel counts up to must not fall back to less.
            let gap = record.number.saturating_sub(last).saturating_sub(1);
            if same_boot && gap > 0 {
                add(&mut counts, MISSED, gap);
            }
            if let Some(class) = record.class() {
                count(&mut counts, &mut told, (class, record.text), sink);
            }
        }
        last = record.number;
        if turn % 1_000 == 999 && sink.enough() {
            break;
        }
    }
    memory.put(CURSOR, format!("{boot} {last} {now}").as_bytes());
    keep(&counts, memory);
    Ok(())
}

/// Where the device is closed to us: journald, else what syslog wrote.
fn elsewhere(closed: SourceError, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
    let mut counts = counts(ask.memory);
    begin(&mut counts);
    let mut told = 0;
    let result = if let Some(told_by) = Told::of(ask.brought) {
        told_by.take(
            ask.memory,
            |class, text, sink| count(&mut counts, &mut told, (class, text), sink),
            sink,
        );
        Ok(())
    } else if ask.config.logs.kernel_files.iter().any(|file| Path::new(file).exists()) {
        let each = |line: &[u8], sink: &mut dyn Sink| {
            let line = of_syslog(line).and_then(|text| Some((class_of(text)?, text)));
            line.into_iter().for_each(|line| count(&mut counts, &mut told, line, sink));
            None
        };
        let (patterns, from_start) = (ask.config.logs.kernel_files.as_slice(), ask.from_start);
        let name = "kernel";
        let wanted = Follow { name, patterns, moved: &[], from_start, tells_time: false, tick: ask.tick };
        let mut memory = Apart { memory: ask.memory, prefix: "file/" };
        follow(&wanted, &Disk, &mut memory, &mut Lines { each }, sink)
    } else {
        return Err(closed);
    };
    keep(&counts, ask.memory);
    result
}

/// Whether the kernel's log can be read here without anybody's help.
pub(super) fn is_open(path: &Path) -> bool {
    open(path).is_ok()
}

/// `Nov 24 10:00:00 host kernel: [12.345] text`, or with a time in one word. A program that calls
/// itself so stands elsewhere: this file holds the kernel's facility alone.
fn of_syslog(line: &[u8]) -> Option<&[u8]> {
    let tag = b" kernel: ";
    let at = memchr::memmem::find(line, tag)?;
    let before = line.get(..at)?.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).count();
    let text = line.get(at + tag.len()..)?.trim_ascii_start();
    let bare = match text.strip_prefix(b"[") {
        Some(rest) => rest.iter().position(|byte| *byte == b']').and_then(|end| rest.get(end + 1..)),
        None => Some(text),
    };
    bare.filter(|_| matches!(before, 2 | 4)).map(<[u8]>::trim_ascii_start)
}

/// Every class begins at 0, so that a host's rate sees the first line.
fn begin(counts: &mut BTreeMap<String, i64>) {
    for class in CLASSES.iter().map(|(class, _)| *class).chain([MISSED]) {
        counts.entry(class.to_owned()).or_default();
    }
}

fn count(
    counts: &mut BTreeMap<String, i64>,
    told: &mut usize,
    (class, text): (&str, &[u8]),
    sink: &mut dyn Sink,
) {
    add(counts, class, 1);
    if *told < MOST_LINES {
        *told += 1;
        let row = Sample::new(HIDDEN).tag("log", "kernel").tag("class", class);
        sink.sample(row.text("text", shown(text)));
    }
}

fn keep(counts: &BTreeMap<String, i64>, memory: &mut dyn Memory) {
    if let Ok(text) = serde_json::to_vec(counts) {
        memory.put(COUNTS, &text);
    }
}

fn add(counts: &mut BTreeMap<String, i64>, class: &str, more: i64) {
    let count = counts.entry(class.to_owned()).or_default();
    *count = count.saturating_add(more);
}

fn counts(memory: &dyn Memory) -> BTreeMap<String, i64> {
    memory.get(COUNTS).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Another name after each start of the host; `-` where nobody tells.
pub fn boot_id(proc: &Path) -> String {
    let mut text = String::new();
    let read = File::open(proc.join("sys/kernel/random/boot_id"))
        .and_then(|file| file.take(64).read_to_string(&mut text));
    let id: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    if read.is_ok() && !id.is_empty() { id } else { "-".to_owned() }
}

/// One record: `prefix,number,microseconds,flags[,more];text`.
struct Record<'a> {
    number: i64,
    /// 0 is the kernel's own; programs may write into its log, too.
    facility: u32,
    text: &'a [u8],
}

impl<'a> Record<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Record<'a>> {
        let at = bytes.iter().position(|byte| *byte == b';')?;
        let (head, text) = (std::str::from_utf8(bytes.get(..at)?).ok()?, bytes.get(at + 1..)?);
        let mut fields = head.split(',');
        let prefix: u32 = fields.next()?.parse().ok()?;
        let number = fields.next()?.parse().ok()?;
        // Lines ` KEY=value` may follow the text.
        let text = text.split(|byte| *byte == b'\n').next()?;
        Some(Record { number, facility: prefix >> 3, text })
    }

    fn class(&self) -> Option<&'static str> {
        if self.facility == 0 { class_of(self.text) } else { None }
    }
}

pub(super) fn class_of(text: &[u8]) -> Option<&'static str> {
    let has = |phrase: &&str| memchr::memmem::find(text, phrase.as_bytes()).is_some();
    CLASSES.iter().find(|(_, phrases)| phrases.iter().all(has)).map(|(class, _)| *class)
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Record(usize),
    Nothing,
    /// The kernel needed the room: older records than the next one are gone.
    Overwritten,
}

/// Whatever hands out one record at a time.
trait Records {
    fn next(&mut self, buffer: &mut [u8]) -> io::Result<Next>;
}

fn open(path: &Path) -> Result<Box<dyn Records>, SourceError> {
    let what = || path.display().to_string();
    let opened = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = opened.map_err(|why| match why.kind() {
        ErrorKind::NotFound => SourceError::Absent(format!("there is no {}", path.display())),
        ErrorKind::PermissionDenied => SourceError::Denied {
            what: what(),
            why: "permission denied".to_owned(),
            advice: "`setcap cap_syslog+ep` on this program, `usermod -aG systemd-journal` its user, or let it read /var/log/kern.log".to_owned(),
        },
        _ => SourceError::Io { what: what(), why },
    })?;
    let kind = file.metadata().map_err(|why| SourceError::Io { what: what(), why })?.file_type();
    if kind.is_char_device() {
        Ok(Box::new(Device(file)))
    } else if kind.is_file() {
        Ok(Box::new(Saved(BufReader::new(file))))
    } else {
        Err(SourceError::Malformed {
            what: what(),
            why: "it is neither /dev/kmsg nor a file of its records".to_owned(),
        })
    }
}

/// `/dev/kmsg`: each read is one record.
struct Device(File);

impl Records for Device {
    fn next(&mut self, buffer: &mut [u8]) -> io::Result<Next> {
        loop {
            return match self.0.read(buffer) {
                Ok(0) => Ok(Next::Nothing),
                Ok(length) => Ok(Next::Record(length)),
                Err(why) if why.kind() == ErrorKind::WouldBlock => Ok(Next::Nothing),
                Err(why) if why.kind() == ErrorKind::Interrupted => continue,
                // EINVAL: longer than the buffer; it is passed over.
                Err(why) if matches!(why.raw_os_error(), Some(libc::EPIPE | libc::EINVAL)) => {
                    Ok(Next::Overwritten)
                }
                Err(why) => Err(why),
            };
        }
    }
}

/// The same records in a file, one a line (`cat /dev/kmsg`, or what a log shipper keeps).
struct Saved(BufReader<File>);

impl Records for Saved {
    fn next(&mut self, buffer: &mut [u8]) -> io::Result<Next> {
        let mut line = Vec::new();
        let most = buffer.len() as u64;
        let got = (&mut self.0).take(most).read_until(b'\n', &mut line)?;
        // A line without its end is still being written.
        if got == 0 || (!line.ends_with(b"\n") && (got as u64) < most) {
            return Ok(Next::Nothing);
        }
        if let Some(place) = buffer.get_mut(..got) {
            place.copy_from_slice(&line);
        }
        Ok(Next::Record(got))
    }
}

#[cfg(test)]
#[path = "kernel_tests.rs"]
mod tests;
