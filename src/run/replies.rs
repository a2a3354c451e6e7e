//! The replies that each provider gives, kept over runs: written with the totals, bounded, and
//! listed for people. It does not know what a reply means.

use crate::classify::Templates;
use crate::classify::templates::{self, Merged, Template};
use crate::record::{Finding, Memory, Seconds, Severity};

/// When the first reply was kept: before a day has passed since, everything is new.
pub const SINCE: &str = "replies/since";
/// The bucket in which the list was last cut to its length.
const CUT: &str = "replies/cut";
const BUCKET: Seconds = 300;
/// So many new ones at once are not left until the bucket closes.
const FLOOD: usize = 256;
const DAY: Seconds = 86_400;
/// Fewer in one run are a trickle that nobody needs to read at once.
const OFTEN: u64 = 20;
const MOST_TOLD: usize = 5;
const LONGEST_EXAMPLE: usize = 200;

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

/// Replies that no provider had ever given, once there is a day to compare with and they come
/// often enough to matter: told once, with an example that has no address in it.
pub fn told(new: &[Template], notes: &dyn Memory, now: Seconds) -> Vec<Finding> {
    let since = notes.get(SINCE).and_then(|text| std::str::from_utf8(&text).ok()?.parse::<Seconds>().ok());
    if since.is_none_or(|since| now - since < DAY) {
        return Vec::new();
    }
    let mut often: Vec<&Template> = new.iter().filter(|reply| reply.count >= OFTEN).collect();
    often.sort_by_key(|reply| (std::cmp::Reverse(reply.count), reply.template));
    often.into_iter().take(MOST_TOLD).map(|reply| event(reply, now)).collect()
}

fn event(reply: &Template, now: Seconds) -> Finding {
    let Template { provider, count, reason, example, .. } = reply;
    let example: String = example.chars().take(LONGEST_EXAMPLE).collect();
    let known = if reply.known { reason.name() } else { "no rule knows it" };
    let message = format!("[{provider}] New reply, {count} times: {example} ({known})");
    let action = "Read it; `pmta-vitals explain --new` lists the new replies with their counts, and a \
                  rule of your own in [rules] directory gives it a reason.";
    let mut finding = Finding::note("new-reply", Severity::Info, now, message, action);
    finding.id = format!("new-reply-{:016x}-{now}", reply.template);
    finding.provider.clone_from(provider);
    finding.reason = reason.name().to_owned();
    finding.n = i64::try_from(*count).unwrap_or(i64::MAX);
    finding.routing = "log".to_owned();
    finding
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
    #[test]
    fn a_new_reply_is_told_once_there_is_a_day_to_compare_with() {
        let reply = |template, count| Template {
            provider: "Comcast".to_owned(),
            template,
            count,
            first_seen: 0,
            last_seen: 0,
            known: false,
            reason: Reason::TempUnspecified,
            example: "450 try later".to_owned(),
        };
        let new = [reply(1, 19), reply(2, 500), reply(3, 20)];
        let notes = Notes::new([(SINCE.to_owned(), b"1000".to_vec())]);
        assert!(told(&new, &notes, 1_000 + DAY - 1).is_empty(), "everything is new on the first day");
        let events = told(&new, &notes, 1_000 + DAY);
        assert_eq!(events.iter().map(|event| event.n).collect::<Vec<_>>(), [500, 20]);
        assert_eq!(events[0].message, "[Comcast] New reply, 500 times: 450 try later (no rule knows it)");
        assert!(told(&new, &Notes::default(), 1_000 + DAY).is_empty());
    }
}
