//! How each source fared in the last run that committed, kept for checks. It knows no source by
//! name.

use crate::record::Memory;
use std::collections::BTreeMap;

const NOTE: &str = "fates";

/// Source -> its trouble, empty when it is up. A source that has nothing to read is not here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fates(BTreeMap<String, String>);

/// What one source's fate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate<'a> {
    Up,
    Trouble(&'a str),
    /// There is nothing of the kind on this host.
    Absent,
}

impl Fates {
    pub fn keep(&self, notes: &mut dyn Memory) {
        if let Ok(text) = serde_json::to_vec(&self.0) {
            notes.put(NOTE, &text);
        }
    }

    pub fn recall(notes: &dyn Memory) -> Fates {
        Fates(notes.get(NOTE).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default())
    }

    pub fn of(&self, source: &str) -> Fate<'_> {
        match self.0.get(source).map(String::as_str) {
            None => Fate::Absent,
            Some("") => Fate::Up,
            Some(trouble) => Fate::Trouble(trouble),
        }
    }
}

impl FromIterator<(String, String)> for Fates {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(fates: I) -> Fates {
        Fates(fates.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Notes;

    #[test]
    fn a_fate_outlives_its_run() {
        let fates: Fates =
            [("web".to_owned(), "refused | \"no\"".to_owned()), ("accounting".to_owned(), String::new())]
                .into_iter()
                .collect();
        let mut notes = Notes::default();
        fates.keep(&mut notes);
        let read = Fates::recall(&notes);
        assert_eq!(read, fates);
        assert_eq!(read.of("web"), Fate::Trouble("refused | \"no\""));
        assert_eq!((read.of("accounting"), read.of("smtp")), (Fate::Up, Fate::Absent));
        assert_eq!(Fates::recall(&Notes::default()), Fates::default());
    }
}
