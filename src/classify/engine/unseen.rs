//! Replies written down with their reason before the rules had seen them: what the rules make of
//! texts that they were not made from. `unseen.tsv` holds reason, record type and reply.

use super::*;
use crate::classify::explain::reply_of;
use std::collections::{BTreeMap, BTreeSet};

const REPLIES: &str = include_str!("unseen.tsv");
/// What they scored at first sight, in per cent: never changed by later rules.
const AT_FIRST_SIGHT: usize = 86;
/// What they must score now: the rest is ambiguous, and would need a rule for one text alone.
const FLOOR: usize = 97;

#[test]
fn unseen_replies_are_understood() {
    let providers = Providers::new(&BTreeMap::new());
    let mut classifier = Classifier::new(&providers, Vec::new());
    let (mut right, mut wrong) = (0, Vec::new());
    for line in REPLIES.lines() {
        let [reason, kind, text] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let wanted = Reason::parse(reason).unwrap_or_else(|| panic!("{reason} is no reason"));
        let mut reply = reply_of(b"", text.as_bytes(), b"192.0.2.1", kind.as_bytes(), None);
        reply.provider = Provider::Domain("example.com");
        let answer = classifier.answer(reply);
        if answer.reason == wanted {
            right += 1;
        } else {
            let rule = answer.rule.and_then(|number| classifier.rule(number)).map_or("-", |rule| &rule.id);
            wrong.push(format!("{reason} <- {} by {rule}: {text}", answer.reason.name()));
        }
    }
    let all = right + wrong.len();
    println!("{right} of {all}\n{}", wrong.join("\n"));
    assert!(right * 100 >= all * FLOOR, "{right} of {all} are right:\n{}", wrong.join("\n"));
    const { assert!(FLOOR >= AT_FIRST_SIGHT) };
}

#[test]
fn the_table_is_wide_and_holds_no_address() {
    let mut reasons = BTreeSet::new();
    let mut texts = BTreeSet::new();
    for line in REPLIES.lines() {
        let (reason, rest) = line.split_once('\t').unwrap();
        reasons.insert(reason);
        assert!(texts.insert(rest), "twice: {rest}");
        for word in rest.split_whitespace().filter(|word| word.contains('@')) {
            assert!(word.contains("@example."), "{word}");
        }
    }
    assert!(texts.len() >= 150 && reasons.len() >= 26, "{} replies, {} reasons", texts.len(), reasons.len());
}
