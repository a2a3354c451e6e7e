//! Which replies each provider gives: how often, since when, and whether any rule knows them.
//! Knows no clock and no disk; what is to be kept is handed over as keys and bytes.

use super::Answer;
use super::word::{ByHash, Word, hash_of_two};
use std::collections::BTreeMap;

/// Templates watched in one run; further new ones are only counted.
const MOST: usize = 4_096;
/// Templates kept over runs.
pub const MOST_KEPT: usize = 2_000;
/// A template unseen for so long is forgotten first.
const SECONDS_KEPT: i64 = 30 * 86_400;
const LONGEST_EXAMPLE: usize = 240;
const PREFIX: &str = "template/";

/// One template of one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub provider: String,
    pub template: u64,
    pub count: u64,
    pub first_seen: i64,
    pub last_seen: i64,
    /// Whether a rule knows it; without one, only a status or nothing decided.
    pub known: bool,
    pub reason: super::Reason,
    /// The normalised text: no address in it.
    pub example: String,
}

/// What one run saw.
#[derive(Debug, Default)]
pub struct Templates {
    /// By the hash of provider and template.
    seen: ByHash<Template>,
    untracked: u64,
}

impl Templates {
    /// Counts one reply. `text` is the classifier's normalised text of it.
    pub fn note<'n>(&mut self, provider: impl Into<Word<'n>>, answer: &Answer, text: &str, time: i64) {
        let provider = provider.into();
        if answer.template == 0 || self.count(provider, answer, time) {
            return;
        }
        if self.seen.len() >= MOST {
            self.untracked += 1;
            return;
        }
        let template = Template {
            provider: provider.text.to_owned(),
            template: answer.template,
            count: 1,
            first_seen: time,
            last_seen: time,
            known: answer.rule.is_some(),
            reason: answer.reason,
            example: shortened(text),
        };
        self.seen.insert(hash_of_two(provider.hash, answer.template), template);
    }

    /// Counts a reply that was noted before; `false` when it was not.
    pub fn count(&mut self, provider: Word<'_>, answer: &Answer, time: i64) -> bool {
        let Some(seen) = self.seen.get_mut(&hash_of_two(provider.hash, answer.template)) else {
            return false;
        };
        if seen.template != answer.template || seen.provider != provider.text {
            // Another one with the same hash finds no room.
            self.untracked += 1;
            return true;
        }
        seen.count += 1;
        seen.first_seen = seen.first_seen.min(time);
        seen.last_seen = seen.last_seen.max(time);
        true
    }

    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Replies whose template found no room in this run.
    pub fn untracked(&self) -> u64 {
        self.untracked
    }

    /// What this run saw, largest count first.
    pub fn list(&self) -> Vec<&Template> {
        let mut list: Vec<&Template> = self.seen.values().collect();
        list.sort_by(|a, b| (b.count, &a.provider, a.template).cmp(&(a.count, &b.provider, b.template)));
        list
    }

    /// Adds this run to what earlier runs kept. `get` reads a key; the answer is what to put, and
    /// which templates nobody had seen before.
    pub fn merge(&self, mut get: impl FnMut(&str) -> Option<Vec<u8>>) -> Merged {
        let mut merged = Merged::default();
        for seen in self.list() {
            let key = seen.key();
            let kept = get(&key).and_then(|bytes| Template::from_bytes(&key, &bytes));
            if kept.is_none() {
                merged.new.push(seen.clone());
            }
            let sum = kept.map_or_else(|| seen.clone(), |kept| seen.added_to(&kept));
            merged.put.insert(key, sum.to_bytes());
        }
        merged
    }
}

/// The outcome of `Templates::merge`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Merged {
    pub put: BTreeMap<String, Vec<u8>>,
    /// Never seen before from this provider, largest count first.
    pub new: Vec<Template>,
}

/// The key under which all templates are kept.
pub fn prefix() -> &'static str {
    PREFIX
}

/// Reads what was kept; rows that cannot be read are left out.
pub fn read(rows: impl IntoIterator<Item = (String, Vec<u8>)>) -> Vec<Template> {
    rows.into_iter().filter_map(|(key, bytes)| Template::from_bytes(&key, &bytes)).collect()
}

/// Those that no rule knows, largest count first: they are ready to become rules.
pub fn unknown(mut kept: Vec<Template>) -> Vec<Template> {
    kept.retain(|template| !template.known);
    by_volume(kept)
}

/// Largest count first.
pub fn by_volume(mut kept: Vec<Template>) -> Vec<Template> {
    kept.sort_by(|a, b| (b.count, &a.provider, a.template).cmp(&(a.count, &b.provider, b.template)));
    kept
}

/// A table for people: count, provider, first and last seen, reason, an example. `date` writes a
/// time as it is to be shown.
pub fn listing<'a>(
    templates: impl IntoIterator<Item = &'a Template>,
    date: &dyn Fn(i64) -> String,
) -> String {
    let mut rows =
        vec![["count", "provider", "first seen", "last seen", "reason", "reply"].map(str::to_owned)];
    rows.extend(templates.into_iter().map(|template| {
        [
            template.count.to_string(),
            template.provider.clone(),
            date(template.first_seen),
            date(template.last_seen),
            template.reason.name().to_owned(),
            template.example.clone(),
        ]
    }));
    super::columns::aligned(&rows, &[0])
}

/// Keys to remove so that what is kept stays bounded: the long unseen, then the longest unseen.
pub fn to_forget(kept: &[Template], now: i64) -> Vec<String> {
    let mut by_age: Vec<&Template> = kept.iter().collect();
    by_age.sort_by_key(|template| std::cmp::Reverse(template.last_seen));
    let old = |template: &Template| now.saturating_sub(template.last_seen) > SECONDS_KEPT;
    let forget = by_age.iter().enumerate().filter(|(at, template)| *at >= MOST_KEPT || old(template));
    forget.map(|(_, template)| template.key()).collect()
}

impl Template {
    pub fn key(&self) -> String {
        format!("{PREFIX}{}/{:016x}", self.provider, self.template)
    }

    fn added_to(&self, kept: &Template) -> Template {
        Template {
            count: kept.count.saturating_add(self.count),
            first_seen: kept.first_seen.min(self.first_seen),
            last_seen: kept.last_seen.max(self.last_seen),
            ..self.clone()
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(26 + self.example.len());
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&self.first_seen.to_le_bytes());
        bytes.extend_from_slice(&self.last_seen.to_le_bytes());
        bytes.push(u8::from(self.known));
        bytes.push(self.reason.number());
        bytes.extend_from_slice(self.example.as_bytes());
        bytes
    }

    fn from_bytes(key: &str, bytes: &[u8]) -> Option<Template> {
        let (provider, template) = key.strip_prefix(PREFIX)?.rsplit_once('/')?;
        let (count, rest) = bytes.split_first_chunk::<8>()?;
        let (first_seen, rest) = rest.split_first_chunk::<8>()?;
        let (last_seen, rest) = rest.split_first_chunk::<8>()?;
        let ([known, reason], example) = rest.split_first_chunk::<2>()?;
        Some(Template {
            provider: provider.to_owned(),
            template: u64::from_str_radix(template, 16).ok()?,
            count: u64::from_le_bytes(*count),
            first_seen: i64::from_le_bytes(*first_seen),
            last_seen: i64::from_le_bytes(*last_seen),
            known: *known == 1,
            reason: super::Reason::from_number(*reason)?,
            example: String::from_utf8(example.to_vec()).ok()?,
        })
    }
}

fn shortened(text: &str) -> String {
    let end = (0..=LONGEST_EXAMPLE.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Reason;
    use std::collections::BTreeMap;

    fn answer(template: u64, rule: Option<u16>) -> Answer {
        Answer { reason: Reason::Other, stage: None, code: 450, throttling: false, template, rule }
    }

    #[test]
    fn counts_grow_over_runs_and_new_ones_are_told_once() {
        let mut notes: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (run, new) in [(0, 1), (1, 0)] {
            let mut templates = Templates::default();
            for step in 0..5 {
                templates.note("Example Corp", &answer(7, None), "450 try later", 1_000 * run + step);
            }
            let merged = templates.merge(|key| notes.get(key).cloned());
            assert_eq!(merged.new.len(), new);
            notes.extend(merged.put);
        }
        let kept = read(notes);
        assert_eq!(kept.len(), 1);
        assert_eq!((kept[0].count, kept[0].first_seen, kept[0].last_seen), (10, 0, 1_004));
        assert_eq!(kept[0].provider, "Example Corp");
        assert_eq!(kept[0].example, "450 try later");
    }

    #[test]
    fn unknown_ones_come_by_volume() {
        let mut templates = Templates::default();
        for (template, rule, times) in [(1, None, 2), (2, Some(3), 9), (3, None, 5)] {
            for _ in 0..times {
                templates.note("a.example", &answer(template, rule), "450 x", 10);
            }
        }
        let kept = templates.list().into_iter().cloned().collect();
        let order: Vec<u64> = unknown(kept).iter().map(|template| template.template).collect();
        assert_eq!(order, [3, 1]);
    }

    #[test]
    fn memory_is_bounded_in_a_run_and_over_runs() {
        let mut templates = Templates::default();
        let long = "ä".repeat(1_000);
        for template in 1..=10_000 {
            templates.note("a.example", &answer(template, None), &long, i64::try_from(template).unwrap());
        }
        assert_eq!(templates.list().len(), MOST);
        assert_eq!(templates.untracked(), 10_000 - 4_096);
        assert!(templates.list().iter().all(|template| template.example.len() <= LONGEST_EXAMPLE));
        let kept: Vec<Template> = templates.list().into_iter().cloned().collect();
        let forget = to_forget(&kept, 10_000);
        assert_eq!(kept.len() - forget.len(), MOST_KEPT);
        assert!(forget.contains(&kept.iter().min_by_key(|template| template.last_seen).unwrap().key()));
        assert_eq!(to_forget(&kept, 10_000 + SECONDS_KEPT * 2).len(), kept.len());
    }

    #[test]
    fn broken_rows_are_left_out() {
        for bytes in [&b""[..], b"short", &[0xff; 40]] {
            assert!(read([("template/a/00".to_owned(), bytes.to_vec())]).is_empty());
        }
    }
}
