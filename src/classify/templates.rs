//! Which replies each provider gives: how often, since when, and whether any rule knows them.
//! Knows no clock and no disk.

use super::Answer;
use std::collections::HashMap;

/// Templates watched in one run; further new ones are only counted.
const MOST: usize = 4_096;
const LONGEST_EXAMPLE: usize = 240;

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
    seen: HashMap<(u64, u64), Template, foldhash::fast::FixedState>,
    untracked: u64,
}

impl Templates {
    /// Counts one reply. `text` is the classifier's normalised text of it.
    pub fn note(&mut self, provider: &str, answer: &Answer, text: &str, time: i64) {
        if answer.template == 0 {
            return;
        }
        let key = (super::hash::stable(provider.as_bytes(), 3), answer.template);
        if let Some(seen) = self.seen.get_mut(&key) {
            seen.count += 1;
            seen.first_seen = seen.first_seen.min(time);
            seen.last_seen = seen.last_seen.max(time);
            return;
        }
        if self.seen.len() >= MOST {
            self.untracked += 1;
            return;
        }
        let template = Template { count: 1, ..Template::new(provider, answer, text, time) };
        self.seen.insert(key, template);
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

impl Template {
    /// One reply, not counted yet. `text` is the classifier's normalised text of it.
    pub fn new(provider: &str, answer: &Answer, text: &str, time: i64) -> Template {
        Template {
            provider: provider.to_owned(),
            template: answer.template,
            count: 0,
            first_seen: time,
            last_seen: time,
            known: answer.rule.is_some(),
            reason: answer.reason,
            example: shortened(text),
        }
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

    fn answer(template: u64, rule: Option<u16>) -> Answer {
        Answer { reason: Reason::Other, stage: None, code: 450, throttling: false, template, rule }
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
    fn memory_is_bounded() {
        let mut templates = Templates::default();
        let long = "ä".repeat(1_000);
        for template in 1..=10_000 {
            templates.note("a.example", &answer(template, None), &long, i64::try_from(template).unwrap());
        }
        assert_eq!(templates.list().len(), MOST);
        assert_eq!(templates.untracked(), 10_000 - 4_096);
        assert!(templates.list().iter().all(|template| template.example.len() <= LONGEST_EXAMPLE));
    }
}
