//! Which ways to PowerMTA worked before, so that a run does not try the others first. It holds
//! one short note per page and one for the whole; every hour the better ways get another try.

use super::body::Format;
use super::page::{Page, Rows};
use crate::record::{Memory, Seconds};

const PATIENCE: Seconds = 3_600;
const SLOW: &str = "slow";

/// How to reach PowerMTA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Web { format: Format, secure: bool },
    Command,
}

impl Way {
    pub const BEST: Way = Way::Web { format: Format::Json, secure: false };

    /// Https is no worse than http: only what is worse is worth another try.
    fn is_best(self) -> bool {
        matches!(self, Way::Web { format: Format::Json, .. })
    }

    fn word(self) -> &'static str {
        match self {
            Way::Web { format: Format::Json, secure: false } => "json",
            Way::Web { format: Format::Json, secure: true } => "json+https",
            Way::Web { secure: false, .. } => "xml",
            Way::Web { secure: true, .. } => "xml+https",
            Way::Command => "command",
        }
    }

    fn from_word(word: &str) -> Option<Way> {
        let ways = [Format::Json, Format::Xml]
            .into_iter()
            .flat_map(|format| [false, true].map(|secure| Way::Web { format, secure }));
        ways.chain([Way::Command]).find(|way| way.word() == word)
    }
}

/// The way that worked last, for this address and as long as it is fresh.
pub fn way(memory: &dyn Memory, address: &str, now: Seconds) -> Way {
    let Some(note) = read(memory, "mode") else { return Way::BEST };
    let mut parts = note.splitn(3, ' ');
    let (word, since, about) = (parts.next(), parts.next(), parts.next());
    let Some(way) = word.and_then(Way::from_word).filter(|_| about == Some(address)) else {
        return Way::BEST;
    };
    match way {
        _ if way.is_best() || is_fresh(since, now) => way,
        Way::Web { secure, .. } => Way::Web { format: Format::Json, secure },
        Way::Command => Way::BEST,
    }
}

pub fn note_way(memory: &mut dyn Memory, address: &str, now: Seconds, before: Way, way: Way) {
    if way.is_best() {
        // No time in it: a note that does not change costs no write.
        memory.put("mode", format!("{} 0 {address}", way.word()).as_bytes());
    } else if way != before || read(memory, "mode").is_none() {
        memory.put("mode", format!("{} {now} {address}", way.word()).as_bytes());
    }
}

pub fn rows(memory: &dyn Memory, page: Page, now: Seconds) -> Rows {
    let note = read(memory, &key(page)).unwrap_or_default();
    let (word, since) = note.split_once(' ').unwrap_or((&note, ""));
    match word {
        "command" if is_fresh(Some(since), now) => Rows::Command,
        "unasked" if is_fresh(Some(since), now) => Rows::Unasked,
        _ => Rows::Parameter,
    }
}

pub fn note_rows(memory: &mut dyn Memory, page: Page, now: Seconds, before: Rows, rows: Rows) {
    match rows {
        Rows::Parameter => memory.remove(&key(page)),
        Rows::Command if rows != before => memory.put(&key(page), format!("command {now}").as_bytes()),
        Rows::Unasked if rows != before => memory.put(&key(page), format!("unasked {now}").as_bytes()),
        _ => {}
    }
}

/// Whether a page was slow within the last hour.
pub fn is_slow(memory: &dyn Memory, now: Seconds) -> bool {
    is_fresh(read(memory, SLOW).as_deref(), now)
}

/// `slow`: a page was, in this run; it is asked with the others side by side for an hour.
pub fn note_slow(memory: &mut dyn Memory, now: Seconds, slow: bool) {
    if slow {
        memory.put(SLOW, now.to_string().as_bytes());
    } else if !is_slow(memory, now) {
        memory.remove(SLOW);
    }
}

fn key(page: Page) -> String {
    format!("rows.{}", page.name())
}

fn read(memory: &dyn Memory, key: &str) -> Option<String> {
    memory.get(key).and_then(|note| String::from_utf8(note).ok())
}

/// A time in the future is a clock that was set back: not fresh.
fn is_fresh(since: Option<&str>, now: Seconds) -> bool {
    let since: Option<Seconds> = since.and_then(|since| since.parse().ok());
    since.is_some_and(|since| (0..PATIENCE).contains(&(now - since)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Notes;

    const XML: Way = Way::Web { format: Format::Xml, secure: true };

    #[test]
    fn a_worse_way_is_kept_for_an_hour_and_only_for_its_address() {
        let mut notes = Notes::default();
        note_way(&mut notes, "http://a", 1_000, Way::BEST, XML);
        for (address, now, expected) in [
            ("http://a", 1_000, XML),
            ("http://a", 4_599, XML),
            ("http://a", 4_600, Way::Web { format: Format::Json, secure: true }),
            ("http://a", 999, Way::Web { format: Format::Json, secure: true }),
            ("http://b", 1_000, Way::BEST),
        ] {
            assert_eq!(way(&notes, address, now), expected, "{address} {now}");
        }
        // Used again within the hour: the hour still runs from when it was chosen.
        note_way(&mut notes, "http://a", 4_000, XML, XML);
        assert_eq!(way(&notes, "http://a", 4_700), Way::Web { format: Format::Json, secure: true });
    }

    #[test]
    fn a_quiet_run_writes_nothing() {
        let mut notes = Notes::default();
        note_way(&mut notes, "http://a", 1_000, Way::BEST, Way::BEST);
        let kept = notes.scan("");
        let mut notes = Notes::new(kept);
        note_way(&mut notes, "http://a", 2_000, Way::BEST, Way::BEST);
        note_rows(&mut notes, Page::Queues, 2_000, Rows::Parameter, Rows::Parameter);
        assert!(notes.into_changes().is_empty());
    }

    #[test]
    fn a_slow_page_is_remembered_for_an_hour() {
        let mut notes = Notes::default();
        assert!(!is_slow(&notes, 1_000));
        note_slow(&mut notes, 1_000, true);
        note_slow(&mut notes, 1_010, false);
        assert!(is_slow(&notes, 4_599) && !is_slow(&notes, 4_600));
        note_slow(&mut notes, 4_600, false);
        assert_eq!(notes.get(SLOW), None);
    }

    #[test]
    fn damaged_notes_mean_a_fresh_start() {
        for note in ["", "json", "xml x http://a", "pigeon 0 http://a", "xml 99999999999999999999 http://a"] {
            let notes = Notes::new([("mode".to_owned(), note.as_bytes().to_vec())]);
            assert!(way(&notes, "http://a", 5).is_best(), "{note}");
        }
        let notes = Notes::new([("rows.queues".to_owned(), b"command 9".to_vec())]);
        assert_eq!(rows(&notes, Page::Queues, 10), Rows::Command);
        assert_eq!(rows(&notes, Page::Vmtas, 10), Rows::Parameter);
        assert_eq!(rows(&notes, Page::Queues, 5_000), Rows::Parameter);
    }
}
