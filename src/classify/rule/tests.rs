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
