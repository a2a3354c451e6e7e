//! PowerMTA's own log, its startup errors, its web monitor's log and panic logs: how often each kind
//! of trouble was written, and the lines that somebody should read. It parses no number from a line.

use super::apart::Apart;
use super::follow::{Disk, Follow, Lines, Records, follow};
use super::said::shown;
use super::{Ask, Place, Source, SourceError};
use crate::record::{HIDDEN, LogLine, Memory, Sample, Seconds, Sink};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use std::collections::BTreeMap;
use std::path::Path;

pub struct PmtaLog;

/// What a line is about, by words that PowerMTA's guide or its users have shown. The texts
/// differ between versions, so they are matched loosely, without case, first match first.
const CLASSES: &[(&str, &[&str])] = &[
    ("startup", &["startup error"]),
    ("license", &["license", "licence", "serial number"]),
    ("disk", &["free space", "no space", "disk full", "min-free-space"]),
    ("descriptors", &["too many open files", "emfile", "enfile", "file descriptors"]),
    ("memory", &["out of memory", "cannot allocate", "bad_alloc"]),
    ("pipe", &["error starting \"", "error writing to \"", "error executing \""]),
    ("reload", &["configuration reloaded"]),
    ("backoff", &["backoff"]),
    ("source-disabled", &["disabled source", "source ip disabled", "disabling", "disable-source-ip"]),
    ("dns", &["statusdnsqueryfailed", "dns query failed", "dns server"]),
    ("tls", &["tls error", "tls handshake", "certificate"]),
    ("connect-timeout", &["etimedout"]),
    ("connect-refused", &["econnrefused"]),
    ("disconnected", &["edisconn", "ediscon"]),
    ("handshake", &["ehlo failed", "helo failed"]),
];
/// A line of the panic log is a crash, whatever it says.
const PANIC: &str = "panic";
/// Classes whose lines are handed to the judge; they begin at 0, so that a host's rate sees the
/// first line.
const TROUBLES: &[&str] = &[
    "startup",
    "license",
    "disk",
    "descriptors",
    "memory",
    "pipe",
    "backoff",
    "source-disabled",
    "reload",
    PANIC,
];
const MOST_LINES: usize = 3;
const COUNTS: &str = "pmta_log/classes";

/// The logs that are read alike; each keeps its own cursors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Log {
    Main,
    /// What is written here kept PowerMTA from starting.
    StartupErrors,
    /// Requests may quote anything: only what the program says of itself counts.
    WebMonitor,
    Panic,
}

impl Log {
    fn name(self) -> &'static str {
        match self {
            Log::Panic => PANIC,
            _ => "pmta",
        }
    }

    /// The tag `source` of its counters, and what its notes begin with.
    fn source(self) -> (&'static str, &'static str) {
        match self {
            Log::Main => ("pmta_log", ""),
            Log::StartupErrors => ("startup_log", "startup/"),
            Log::WebMonitor => ("pmtahttp_log", "http/"),
            Log::Panic => ("panic_log", "panic/"),
        }
    }

    fn class_of(self, text: &[u8]) -> &'static str {
        match (self, class_of(text)) {
            (Log::Panic, _) => PANIC,
            (Log::StartupErrors, "other") => "startup",
            (Log::WebMonitor, class) if quotes_a_request(text) || !TROUBLES.contains(&class) => "web",
            (Log::WebMonitor, "backoff" | "reload" | "source-disabled") => "web",
            (_, class) => class,
        }
    }
}

/// `/var/log/pmta/log` and its neighbour of that name.
fn beside(logs: &[String], name: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for folder in logs.iter().filter_map(|log| Path::new(log).parent()) {
        let path = folder.join(name).to_string_lossy().into_owned();
        if !logs.contains(&path) && !found.contains(&path) {
            found.push(path);
        }
    }
    found
}

fn quotes_a_request(text: &[u8]) -> bool {
    ["GET ", "POST ", "HTTP/", "?"].iter().any(|word| memchr::memmem::find(text, word.as_bytes()).is_some())
}

impl Source for PmtaLog {
    fn name(&self) -> &'static str {
        "pmta_log"
    }

    fn place(&self) -> Place {
        Place::Locked
    }

    fn collect(&self, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
        let logs = ask.config.logs.pmta.as_deref().unwrap_or(&[]);
        let panics = ask.config.logs.panic.as_slice();
        if logs.is_empty() && panics.is_empty() {
            return Err(SourceError::Absent("no PowerMTA log is known".to_owned()));
        }
        let zone = zone(ask.config.pmta.timezone.as_deref())?;
        let mut counts = read_counts(ask.memory);
        let mut result = Ok(());
        for (log, patterns) in [
            (Log::Main, logs.to_vec()),
            (Log::StartupErrors, beside(logs, "pmta-startuperr.log")),
            (Log::WebMonitor, beside(logs, "pmtahttp.log")),
            (Log::Panic, panics.to_vec()),
        ] {
            let mut told = BTreeMap::new();
            let each = |text: &[u8], sink: &mut dyn Sink| {
                each_line(log, &zone, (&mut counts, &mut told), text, sink)
            };
            let read = follow_one(ask, log, &patterns, &mut Lines { each }, sink);
            result = result.and(read);
        }
        if let Ok(text) = serde_json::to_vec(&counts) {
            ask.memory.put(COUNTS, &text);
        }
        for (class, total) in &counts {
            sink.sample(Sample::new("pmta_log").tag("class", class.as_str()).int("total", *total));
        }
        result
    }
}

fn follow_one(
    ask: &mut Ask<'_>,
    log: Log,
    patterns: &[String],
    lines: &mut dyn Records,
    sink: &mut dyn Sink,
) -> Result<(), SourceError> {
    if patterns.is_empty() {
        return Ok(());
    }
    let (name, prefix) = log.source();
    let from_start = ask.from_start;
    let wanted = Follow { name, patterns, moved: &[], from_start, tells_time: false, tick: ask.tick };
    follow(&wanted, &Disk, &mut Apart { memory: ask.memory, prefix }, lines, sink)
}

/// Counts a line; the first few of a class that somebody should read are handed on.
fn each_line(
    log: Log,
    zone: &TimeZone,
    (counts, told): (&mut BTreeMap<String, i64>, &mut BTreeMap<&'static str, usize>),
    line: &[u8],
    sink: &mut dyn Sink,
) -> Option<Seconds> {
    let (time, text) = split_time(zone, line);
    if text.is_empty() {
        return time;
    }
    let class = log.class_of(text);
    if let Some(count) = counts.get_mut(class) {
        *count += 1;
    } else {
        counts.insert(class.to_owned(), 1);
    }
    if TROUBLES.contains(&class) {
        let lines = told.entry(class).or_default();
        *lines += 1;
        if *lines <= MOST_LINES {
            let row = Sample::new(HIDDEN).tag("class", format!("log-{class}"));
            sink.sample(row.text("text", shown(text)));
        }
    }
    sink.line(&LogLine { log: log.name(), time, text });
    time
}

fn read_counts(memory: &dyn Memory) -> BTreeMap<String, i64> {
    let kept = memory.get(COUNTS).and_then(|text| serde_json::from_slice(&text).ok());
    let mut counts: BTreeMap<String, i64> = kept.unwrap_or_default();
    for class in TROUBLES {
        counts.entry((*class).to_owned()).or_default();
    }
    counts
}

/// A line of an SMTP session quotes what others said: it must not pass for PowerMTA's own word.
fn class_of(text: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(text).to_lowercase();
    if text.contains(">>> ") || text.contains("<<< ") {
        return "session";
    }
    let known = CLASSES.iter().find(|(_, words)| words.iter().any(|word| text.contains(word)));
    known.map_or("other", |(class, _)| class)
}

/// `2018-07-03 18:05:37 text`, in the zone of the host and without saying so.
fn split_time<'a>(zone: &TimeZone, line: &'a [u8]) -> (Option<Seconds>, &'a [u8]) {
    let stamp = line.get(..19).and_then(|stamp| std::str::from_utf8(stamp).ok());
    let local =
        stamp.filter(|stamp| stamp.as_bytes().get(4) == Some(&b'-')).and_then(|stamp| stamp.parse().ok());
    let Some(local) = local else { return (None, line) };
    let text = line.get(19..).unwrap_or(b"").trim_ascii_start();
    (Some(seconds(zone, local)), text)
}

/// An hour that happens twice is taken as its first pass, one that does not happen as if the
/// clock had not been moved.
fn seconds(zone: &TimeZone, local: DateTime) -> Seconds {
    let offset = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
    };
    offset.to_timestamp(local).or_else(|_| Offset::UTC.to_timestamp(local)).map_or(0, |time| time.as_second())
}

fn zone(name: Option<&str>) -> Result<TimeZone, SourceError> {
    let Some(name) = name else { return Ok(TimeZone::system()) };
    TimeZone::get(name).or_else(|_| TimeZone::posix(name)).map_err(|_| SourceError::Malformed {
        what: "[pmta] timezone".to_owned(),
        why: format!("`{name}` is no time zone known to this host; write it as `Europe/Berlin` or `CET-1CEST,M3.5.0,M10.5.0/3`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_classed_by_their_words() {
        for (line, class) in [
            ("Startup error: No logging file specified", "startup"),
            ("ETIMEDOUT connecting to mail.example.com (192.0.2.1)", "connect-timeout"),
            ("Unable to parse serial number: number missing", "license"),
            ("License expires in 5 days", "license"),
            ("accept: Too many open files", "descriptors"),
            ("example.com/vmta1 entering backoff mode", "backoff"),
            ("Error writing to \"/opt/feed\": broken pipe", "pipe"),
            ("(   20)starting example.com", "other"),
            ("(in 2283)<<< 550 5.7.1 no space left", "session"),
            (">>> 421 backoff", "session"),
            ("\u{fffd}\u{0}", "other"),
        ] {
            assert_eq!(class_of(line.as_bytes()), class, "{line}");
        }
    }

    #[test]
    fn each_log_is_read_by_what_it_is() {
        for (log, line, class) in [
            (Log::StartupErrors, "spool: permission denied", "startup"),
            (Log::StartupErrors, "License expired", "license"),
            (Log::WebMonitor, "192.0.2.1 GET /queues?mode=backoff", "web"),
            (Log::WebMonitor, "accept: Too many open files", "descriptors"),
            (Log::WebMonitor, "access denied for 192.0.2.1", "web"),
            (Log::Panic, "anything", "panic"),
            (Log::Main, "Configuration reloaded.", "reload"),
        ] {
            assert_eq!(log.class_of(line.as_bytes()), class, "{line}");
        }
        let logs = ["/var/log/pmta/log".to_owned(), "/var/log/pmta/pmta.log".to_owned()];
        assert_eq!(beside(&logs, "pmtahttp.log"), ["/var/log/pmta/pmtahttp.log"]);
    }

    #[test]
    fn local_times_are_read_in_the_zone_of_the_host() {
        let berlin = zone(Some("CET-1CEST,M3.5.0,M10.5.0/3")).unwrap();
        let read = |line: &'static str| {
            let (time, text) = split_time(&berlin, line.as_bytes());
            (time, String::from_utf8_lossy(text).into_owned())
        };
        assert_eq!(read("2018-07-03 18:05:37 Startup error"), (Some(1_530_633_937), "Startup error".into()));
        // The clock goes back: 02:30 happens twice. Forward: it does not happen.
        assert_eq!(read("2025-10-26 02:30:00 x").0, Some(1_761_438_600));
        assert_eq!(read("2025-03-30 02:30:00 x").0, Some(1_743_298_200));
        assert_eq!(read("no time at all"), (None, "no time at all".into()));
        assert_eq!(read("2018-99-03 18:05:37 x").0, None);
        assert!(zone(Some("Mars/Olympus")).is_err());
    }
}
