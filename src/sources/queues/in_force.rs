//! What PowerMTA itself says is in force for a queue (`show settings D/V`), beside what its files say:
//! one queue a round, each of them again after an hour. Where it cannot be asked, the files stand.

use super::bounds::{Bound, Bounds};
use super::page::Waiting;
use crate::record::{Memory, Seconds};
use crate::sources::pmta_config::{Queues, Settings};
use crate::sources::web::{Asker, Line, Read};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const NOTE: &str = "in-force";
const EVERY: Seconds = 3_595;
/// Files and PowerMTA differ: a reload is to be seen soon.
const AGAIN: Seconds = 595;
/// What was said longer ago is no longer shown.
const STALE: Seconds = 3 * 3_600;

/// What holds for some queues.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InForce(BTreeMap<String, Said>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Said {
    at: Seconds,
    /// What the files said then; another text there is a reason to ask again.
    files: Option<Bound>,
    bound: Option<Bound>,
    /// `max-smtp-out is 12 in the files and 40 in force`; empty when they agree.
    differs: String,
}

impl InForce {
    pub fn recall(memory: &dyn Memory) -> InForce {
        memory.get(NOTE).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// The queue that is to be asked about: the largest of those that were never asked about, whose
    /// files changed, or whose answer is old.
    pub fn due<'q>(&self, queues: &'q [Waiting], files: &Bounds, now: Seconds) -> Option<(&'q str, Line)> {
        let is_due = |queue: &&Waiting| {
            self.0.get(&queue.name).is_none_or(|said| {
                let span = if said.differs.is_empty() { EVERY } else { AGAIN };
                !(0..span).contains(&(now - said.at)) || said.files.as_ref() != files.get(&queue.name)
            })
        };
        queues.iter().filter(is_due).find_map(|queue| {
            let line = Line::new(Read::Settings, &[&queue.name]).filter(|_| !queue.name.contains('*'))?;
            Some((queue.name.as_str(), line))
        })
    }

    /// Asks about one queue.
    pub fn ask(&mut self, asker: &Asker<'_>, (queue, line): (&str, &Line), files: &Bounds, now: Seconds) {
        // Of a version that does not say it nothing is confirmed, and it is not asked again for long.
        let said = asker.text(line).ok().and_then(|text| Settings::printed(&text));
        self.note(queue, said.as_ref(), files.get(queue), now);
    }

    fn note(&mut self, queue: &str, said: Option<&Settings>, files: Option<&Bound>, now: Seconds) {
        let bound = said.map(|settings| {
            let mut bound = Bound::of(settings, &Queues::default());
            // Which replies end backoff mode stands in the files alone.
            bound.pace.endless &= files.is_some_and(|files| files.pace.endless);
            bound
        });
        let differs = match (files, &bound) {
            (Some(files), Some(bound)) => differences(files, bound),
            _ => String::new(),
        };
        self.0.insert(queue.to_owned(), Said { at: now, files: files.cloned(), bound, differs });
    }

    pub fn write_down(mut self, queues: &[Waiting], memory: &mut dyn Memory) {
        self.0.retain(|name, _| queues.iter().any(|queue| queue.name == *name));
        match serde_json::to_vec(&self) {
            Ok(text) if !self.0.is_empty() => memory.put(NOTE, &text),
            _ => memory.remove(NOTE),
        }
    }

    /// What PowerMTA said of a queue not long ago.
    pub fn bound(&self, queue: &str, now: Seconds) -> Option<&Bound> {
        self.said(queue, now)?.bound.as_ref()
    }

    /// Where files and PowerMTA differ, in words; empty where they agree or nobody was asked.
    pub fn differs(&self, queue: &str, now: Seconds) -> &str {
        self.said(queue, now).map_or("", |said| said.differs.as_str())
    }

    fn said(&self, queue: &str, now: Seconds) -> Option<&Said> {
        self.0.get(queue).filter(|said| (0..STALE).contains(&(now - said.at)))
    }
}

/// What the files say and does not hold. Only what they say themselves: defaults are PowerMTA's.
fn differences(files: &Bound, force: &Bound) -> String {
    let count = |most: Option<u64>| most.map_or_else(|| "unlimited".to_owned(), |most| most.to_string());
    let pairs = [
        ("max-smtp-out", count(files.pace.max_smtp_out), count(force.pace.max_smtp_out)),
        (
            "backoff-max-smtp-out",
            count(files.pace.backoff_max_smtp_out),
            count(force.pace.backoff_max_smtp_out),
        ),
        (
            "max-smtp-out of the VMTA",
            count(files.pace.vmta_max_smtp_out),
            count(force.pace.vmta_max_smtp_out),
        ),
        ("bounce-after", hours(files.bounce_after), hours(force.bounce_after)),
        ("the rates", named(&files.pace.rates), named(&force.pace.rates)),
    ];
    let told = pairs.into_iter().filter(|(_, files, force)| files != force);
    let told =
        told.map(|(name, files, force)| format!("{name} is {files} in the files and {force} in force"));
    told.collect::<Vec<_>>().join(", ")
}

fn hours(seconds: Seconds) -> String {
    format!("{:.1} hours", seconds as f64 / 3_600.0)
}

fn named(rates: &str) -> String {
    if rates.is_empty() { "unlimited".to_owned() } else { rates.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Notes;

    fn printed(max_smtp_out: u32) -> Settings {
        let text = format!("Queue Settings\n----------\nmax-smtp-out {max_smtp_out}\nbounce-after 4d12h\n");
        Settings::printed(&text).unwrap()
    }

    #[test]
    fn a_queue_is_asked_about_seldom_and_at_once_when_its_files_changed() {
        let queues = ["a/v", "*/v", "b/v"].map(|name| Waiting {
            name: name.to_owned(),
            recipients: 9,
            ..Waiting::default()
        });
        let files = |most| {
            let bound = Bound::of(&printed(most), &Queues::default());
            Bounds::from(["a/v", "b/v"].map(|name| (name.to_owned(), bound.clone())))
        };
        let mut force = InForce::default();
        let due = |force: &InForce, most, now| {
            force.due(&queues, &files(most), now).map(|(queue, _)| queue.to_owned())
        };
        for queue in ["a/v", "b/v"] {
            assert_eq!(due(&force, 20, 1_000).as_deref(), Some(queue));
            force.note(queue, Some(&printed(20)), files(20).get(queue), 1_000);
        }
        assert_eq!(due(&force, 20, 1_060), None);
        assert_eq!(force.differs("a/v", 1_060), "");
        assert_eq!(due(&force, 12, 1_060).as_deref(), Some("a/v"), "the files changed");
        force.note("a/v", Some(&printed(20)), files(12).get("a/v"), 1_060);
        assert_eq!(force.differs("a/v", 1_100), "max-smtp-out is 12 in the files and 20 in force");
        assert_eq!(force.bound("a/v", 1_100).and_then(|bound| bound.pace.max_smtp_out), Some(20));
        let mut notes = Notes::default();
        force.write_down(&queues[..1], &mut notes);
        let force = InForce::recall(&notes);
        assert_eq!((force.0.len(), force.bound("a/v", 90_000)), (1, None));
    }

    #[test]
    fn an_answer_that_cannot_be_read_confirms_nothing() {
        let mut force = InForce::default();
        force.note("a/v", None, None, 1_000);
        assert_eq!((force.bound("a/v", 1_001), force.differs("a/v", 1_001)), (None, ""));
    }
}
