//! The replies that each provider gives, kept over runs: written with the totals, bounded, and
//! listed for people. It does not know what a reply means.

use crate::classify::Templates;
use crate::classify::templates::{self, Merged, Template};
use crate::record::{Memory, Seconds};

/// When the first reply was kept: before a day has passed since, everything is new.
pub const SINCE: &str = "replies/since";
/// The bucket in which the list was last cut to its length.
const CUT: &str = "replies/cut";
const BUCKET: Seconds = 300;
/// So many new ones at once are not left until the bucket closes.
const FLOOD: usize = 256;

/// Adds a run's replies to what earlier runs kept, and says which were never seen before.
pub fn keep(seen: &Templates, notes: &mut dyn Memory, now: Seconds) -> Vec<Template> {
    if seen.is_empty() {
        return Vec::new();
    }
    if notes.get(SINCE).is_none() {
        notes.put(SINCE, now.to_string().as_bytes());
    }
    let Merged { put, new } = seen.merge(|key| notes.get(key));
    for (key, bytes) in &put {
        notes.put(key, bytes);
    }
    let bucket = now.div_euclid(BUCKET).to_string().into_bytes();
    if new.len() >= FLOOD || notes.get(CUT).as_ref() != Some(&bucket) {
        let kept = templates::read(notes.scan(templates::prefix()));
        for key in templates::to_forget(&kept, now) {
            notes.remove(&key);
        }
        notes.put(CUT, &bucket);
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{Answer, Reason};
    use crate::record::Notes;

    fn run(templates: std::ops::Range<u64>, now: Seconds, notes: &mut Notes) -> usize {
        let mut seen = Templates::default();
        for template in templates {
            let answer = Answer {
                reason: Reason::Other,
                stage: None,
                code: 450,
                throttling: false,
                template,
                rule: None,
            };
            seen.note("a.example", &answer, "450 zzz", now);
        }
        keep(&seen, notes, now).len()
    }

    #[test]
    fn what_is_kept_is_bounded_and_new_ones_are_told_once() {
        let mut notes = Notes::default();
        assert_eq!(run(0..0, 1_000, &mut notes), 0);
        assert!(notes.scan("").is_empty(), "a run without replies writes nothing");
        assert_eq!(run(1..11, 1_000, &mut notes), 10);
        assert_eq!(run(1..12, 1_010, &mut notes), 1);
        assert_eq!(notes.get(SINCE).unwrap(), b"1000");
        for round in 0..5 {
            run(1_000 * round..1_000 * round + 1_000, 1_020 + i64::try_from(round).unwrap(), &mut notes);
        }
        assert_eq!(notes.scan(templates::prefix()).len(), templates::MOST_KEPT);
        run(1..2, 1_020 + 40 * 86_400, &mut notes);
        assert_eq!(notes.scan(templates::prefix()).len(), 1, "the long unseen are forgotten");
    }
}
