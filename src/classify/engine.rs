//! Answers each reply with its reason: normalise, remember, and only for a new text ask the
//! rules. Knows no file, no clock and no disk.

mod matching;
mod memory;
mod stage;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod unseen;

use super::diagnostic::Diagnostic;
use super::rule::{Rule, RuleError};
use super::status::{EnhancedStatus, reason_of_code};
use super::{Answer, Provider, Providers, Reason, hash};
use matching::Rules;
use memory::{Kept, Memory};
use std::sync::Arc;

/// One reply, as an accounting record tells it.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    pub provider: Provider<'a>,
    /// From a tq record: the whole queue failed, no recipient is meant.
    pub queue_level: bool,
    /// From a t or tq record: it will be tried again.
    pub transient: bool,
    /// `dsnStatus`, with or without PowerMTA's gloss.
    pub status: &'a [u8],
    /// `dsnDiag`.
    pub diag: &'a [u8],
    /// Whether a remote host was tried (`dsnMta` or `dlvDestinationIp` is there).
    pub has_remote: bool,
}

/// The rules and what they have answered. Making one costs next to nothing: rules are read and
/// patterns compiled when a reply comes that nobody remembers.
#[derive(Debug)]
pub struct Classifier {
    providers: Arc<[Box<str>]>,
    operator: Vec<(String, String)>,
    diagnostic: Diagnostic,
    memory: Memory,
    rules: Option<Box<Rules>>,
}

impl Classifier {
    /// `operator` holds the name and text of each file in the operator's rules folder.
    pub fn new(providers: &Providers, operator: Vec<(String, String)>) -> Classifier {
        Classifier {
            providers: providers.names(),
            operator,
            diagnostic: Diagnostic::default(),
            memory: Memory::default(),
            rules: None,
        }
    }

    /// The answer for one reply; always one, in time linear in its length.
    pub fn answer(&mut self, reply: Reply<'_>) -> Answer {
        self.diagnostic.read(reply.diag);
        let text = self.diagnostic.bytes();
        let template = if text.is_empty() { 0 } else { hash::stable(text, 0).max(1) };
        let status = EnhancedStatus::leading(reply.status);
        let key = key_of(template, status, &reply);
        let kept = match self.memory.get(key) {
            Some(kept) => kept,
            None => {
                let kept = self.decide(status, &reply);
                self.memory.put(key, kept);
                kept
            }
        };
        Answer {
            reason: kept.reason,
            stage: kept.stage,
            code: self.diagnostic.code(),
            throttling: kept.throttling,
            template,
            rule: kept.rule,
        }
    }

    /// The normalised text of the last reply: never an address in it.
    pub fn text(&self) -> &str {
        self.diagnostic.text()
    }

    /// The rule's id, for `explain`; reads the rules if they have not been needed yet.
    pub fn rule(&mut self, number: u16) -> Option<&Rule> {
        self.rules().get(number)
    }

    pub fn all_rules(&mut self) -> &[Rule] {
        self.rules().list()
    }

    /// The operator's files that were refused, each with its line.
    pub fn problems(&mut self) -> &[RuleError] {
        self.rules().problems()
    }

    /// What an earlier run wrote down. Ignored when the rules have changed since.
    pub fn recall(&mut self, written: &[u8]) {
        let fingerprint = self.fingerprint();
        self.memory.recall(written, fingerprint);
    }

    /// What the next run should recall; `None` when nothing new was learned.
    pub fn remembered(&mut self) -> Option<Vec<u8>> {
        if !self.memory.is_changed() {
            return None;
        }
        let fingerprint = self.fingerprint();
        Some(self.memory.write(fingerprint))
    }

    /// Whether any rule had to be read, for the tests of idle ticks.
    pub fn has_read_rules(&self) -> bool {
        self.rules.is_some()
    }

    pub(super) fn status_of_text(&self) -> Option<EnhancedStatus> {
        self.diagnostic.status()
    }

    fn fingerprint(&self) -> u64 {
        let names = self
            .providers
            .iter()
            .fold(matching::fingerprint(), |seed, name| hash::stable(name.as_bytes(), seed));
        self.operator.iter().fold(names, |seed, (name, text)| {
            hash::stable(text.as_bytes(), hash::stable(name.as_bytes(), seed))
        })
    }

    fn rules(&mut self) -> &mut Rules {
        self.rules.get_or_insert_with(|| Box::new(Rules::read(&self.operator, &self.providers)))
    }

    fn decide(&mut self, status: Option<EnhancedStatus>, reply: &Reply<'_>) -> Kept {
        let text_status = self.diagnostic.status();
        let code = self.diagnostic.code();
        let mut rule = None;
        let mut reason = None;
        if !self.diagnostic.text().is_empty() {
            self.rules();
            if let Some(rules) = &self.rules {
                let asked = matching::Asked {
                    text: self.diagnostic.text(),
                    code,
                    status: text_status.or(status),
                    class: class_of(code, text_status.or(status), reply.transient),
                    provider: reply.provider,
                    queue_level: reply.queue_level,
                };
                rule = rules.first(&asked);
                reason = rule.and_then(|number| rules.get(number)).map(|rule| rule.reason);
            }
        }
        let has_text = self.diagnostic.text().len() > 12;
        let reason = reason
            .or_else(|| text_status.and_then(EnhancedStatus::reason))
            .or_else(|| status.and_then(EnhancedStatus::reason))
            .or_else(|| reason_of_code(code, has_text))
            .unwrap_or(Reason::Other);
        let slow = EnhancedStatus { class: 4, subject: 2, detail: 1 };
        Kept {
            reason,
            stage: stage::of(self.diagnostic.text(), reason, reply),
            throttling: reason.is_throttling() || text_status.or(status) == Some(slow),
            rule,
        }
    }
}

/// 4 or 5, from whatever tells it.
fn class_of(code: u16, status: Option<EnhancedStatus>, transient: bool) -> u8 {
    match (code / 100, status) {
        (class @ (4 | 5), _) => u8::try_from(class).unwrap_or(5),
        (_, Some(status)) => status.class,
        _ if transient => 4,
        _ => 5,
    }
}

fn key_of(template: u64, status: Option<EnhancedStatus>, reply: &Reply<'_>) -> u64 {
    let scope = match reply.provider {
        Provider::Named(number) => u64::from(number) + 1,
        Provider::Domain(_) => 0,
    };
    let status = status.map_or(0, |status| {
        u64::from(status.class) << 32 | u64::from(status.subject) << 16 | u64::from(status.detail)
    });
    let kind =
        u64::from(reply.queue_level) | u64::from(reply.transient) << 1 | u64::from(reply.has_remote) << 2;
    let mut bytes = [0u8; 24];
    for (slot, byte) in
        bytes.iter_mut().zip([template, status, scope << 3 | kind].into_iter().flat_map(u64::to_le_bytes))
    {
        *slot = byte;
    }
    hash::stable(&bytes, 2)
}
