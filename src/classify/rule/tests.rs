//! Tests of the rule tables: every row is well-formed, and its example selects it.

use super::*;
use crate::classify::{Classifier, Providers, Reply};
use std::collections::{BTreeMap, BTreeSet};

fn built_in() -> Vec<Rule> {
    let names = Providers::new(&BTreeMap::new()).names();
    let mut rules = Vec::new();
    for (file, text) in BUILT_IN {
        rules.extend(read(file, text, true, &names).unwrap_or_else(|error| panic!("{error}")));
    }
    rules
}

#[test]
fn every_built_in_rule_is_sound() {
    let rules = built_in();
    let mut seen = BTreeSet::new();
    for rule in &rules {
        assert!(seen.insert(&rule.id), "{} is there twice", rule.id);
        assert!(rule.source.starts_with("https://"), "{}: source {:?}", rule.id, rule.source);
        assert_eq!(rule.checked.len(), "2026-11-23".len(), "{}", rule.id);
        assert!(!rule.example.is_empty(), "{}", rule.id);
    }
}

#[test]
fn every_example_selects_its_own_rule() {
    let providers = Providers::new(&BTreeMap::new());
    let mut classifier = Classifier::new(&providers, Vec::new());
    let mut wrong = Vec::new();
    for rule in built_in() {
        let provider = rule.providers.first().and_then(|name| providers.find(name));
        let provider = provider
            .map_or(crate::classify::Provider::Domain("example.com"), crate::classify::Provider::Named);
        let answer = classifier.answer(Reply {
            provider,
            queue_level: rule.level == Some(Level::Queue),
            transient: rule.example.starts_with('4'),
            status: b"",
            diag: rule.example.as_bytes(),
            has_remote: true,
        });
        let text = classifier.text().to_owned();
        let chosen = answer.rule.and_then(|number| classifier.rule(number)).map(|rule| rule.id.clone());
        if chosen.as_deref() != Some(&rule.id) {
            wrong.push(format!("{}: {chosen:?} for {text:?}", rule.id));
        }
    }
    assert!(wrong.is_empty(), "{} examples:\n{}", wrong.len(), wrong.join("\n"));
}

/// What the normaliser takes for a mailbox name is masked, and no rule would see it. The first and
/// the last word of a fixed text may be parts of words.
#[test]
fn every_word_that_a_rule_looks_for_is_kept_by_the_normaliser() {
    let providers = Providers::new(&BTreeMap::new());
    let mut classifier = Classifier::new(&providers, Vec::new());
    let mut words = BTreeSet::new();
    for rule in built_in() {
        for literal in rule.patterns.iter().chain(&rule.unless).flat_map(Pattern::literals) {
            let parts: Vec<&str> = literal.split(' ').collect();
            let inner = parts.get(1..parts.len().saturating_sub(1)).unwrap_or_default();
            let whole = |word: &&&str| word.len() >= 3 && word.chars().all(char::is_alphabetic);
            let names_a_role = |word: &&&str| matches!(**word, "postmaster" | "support");
            words.extend(
                inner.iter().filter(whole).filter(|word| !names_a_role(word)).map(|w| (*w).to_owned()),
            );
        }
    }
    assert!(words.len() > 100, "{words:?}");
    words.retain(|word| {
        let diag = format!("550 user {word} x");
        let provider = crate::classify::Provider::Domain("example.com");
        classifier.answer(Reply {
            provider,
            queue_level: false,
            transient: false,
            status: b"",
            diag: diag.as_bytes(),
            has_remote: true,
        });
        !classifier.text().contains(word.as_str())
    });
    assert!(words.is_empty(), "masked behind \"user\": {words:?}");
}
