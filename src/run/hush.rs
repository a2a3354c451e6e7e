//! The same trouble is told to a host's log once an hour, not on every run: its metric says on each
//! that it lasts. It knows no trouble's meaning.

use crate::record::{Memory, Seconds};
use std::collections::BTreeMap;

/// After so long a trouble that lasts is told again.
const AGAIN: Seconds = 3_600;
/// Troubles remembered for one reader; what there is beyond is told each time.
const MOST: usize = 32;

/// Leaves those that `reader` has not been told within the hour, and notes that it is told them.
/// One that comes and goes within the hour is told once, too.
pub fn hush(troubles: &mut Vec<String>, reader: &str, notes: &mut dyn Memory, now: Seconds) {
    let note = format!("told.{reader}");
    let kept = notes.get(&note).and_then(|text| serde_json::from_slice(&text).ok());
    let mut told: BTreeMap<String, Seconds> = kept.unwrap_or_default();
    // A time ahead of now is a clock that was set back.
    told.retain(|_, at| (0..AGAIN).contains(&(now - *at)));
    troubles.retain(|trouble| {
        let news = !told.contains_key(trouble);
        if news && told.len() < MOST {
            told.insert(trouble.clone(), now);
        }
        news
    });
    match serde_json::to_vec(&told) {
        Ok(text) if !told.is_empty() => notes.put(&note, &text),
        _ => notes.remove(&note),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Notes;

    fn heard(notes: &mut Notes, reader: &str, now: Seconds, troubles: &[&str]) -> Vec<String> {
        let mut troubles: Vec<String> = troubles.iter().map(|trouble| (*trouble).to_owned()).collect();
        hush(&mut troubles, reader, notes, now);
        troubles
    }

    #[test]
    fn a_trouble_is_told_once_an_hour_and_whenever_it_changes() {
        let mut notes = Notes::default();
        let none: [&str; 0] = [];
        assert_eq!(heard(&mut notes, "telegraf", 1_000, &["a", "b"]), ["a", "b"]);
        assert_eq!(heard(&mut notes, "telegraf", 1_010, &["a", "b"]), none);
        assert_eq!(heard(&mut notes, "vector", 1_010, &["a"]), ["a"], "another reader");
        assert_eq!(heard(&mut notes, "telegraf", 1_020, &["a", "c"]), ["c"], "another trouble");
        assert_eq!(heard(&mut notes, "telegraf", 4_599, &["a", "b", "c"]), none);
        assert_eq!(heard(&mut notes, "telegraf", 4_600, &["a", "b", "c"]), ["a", "b"]);
        assert_eq!(heard(&mut notes, "telegraf", 500, &["a"]), ["a"], "the clock was set back");
    }

    #[test]
    fn a_quiet_run_writes_nothing() {
        let mut notes = Notes::default();
        heard(&mut notes, "telegraf", 1_000, &["a"]);
        let mut notes = Notes::new(notes.scan(""));
        heard(&mut notes, "telegraf", 1_010, &["a"]);
        heard(&mut notes, "nobody", 1_010, &[]);
        assert!(notes.into_changes().is_empty());
    }

    #[test]
    fn a_flood_of_troubles_is_told_but_not_remembered() {
        let mut notes = Notes::default();
        let many: Vec<String> = (0..100).map(|number| format!("trouble {number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(heard(&mut notes, "telegraf", 1_000, &many).len(), 100);
        assert_eq!(heard(&mut notes, "telegraf", 1_010, &many).len(), 100 - MOST);
        assert!(notes.get("told.telegraf").is_some_and(|note| note.len() < 2_000));
    }
}
