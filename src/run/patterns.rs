//! What is wrong with the host's `smtp-pattern-list`s, in sentences that name file and line. The
//! arrow from the configuration to the cross-check, and nothing more.

use crate::classify::crosscheck;
use crate::sources::pmta_config::{Queues, ReplyPattern};

/// Told at most; a list that is wrong throughout needs no more.
const MOST: usize = 50;

pub fn faults(queues: &Queues) -> Vec<String> {
    let lists = queues.pattern_lists.iter();
    lists.flat_map(|(name, patterns)| of_list(name, patterns)).take(MOST).collect()
}

fn of_list(name: &str, patterns: &[ReplyPattern]) -> Vec<String> {
    let expressions: Vec<&str> = patterns.iter().map(|pattern| pattern.expression.as_str()).collect();
    let place = |at: usize| {
        patterns.get(at).map_or_else(String::new, |pattern| {
            let shown: String = pattern.expression.chars().take(80).collect();
            format!("/{shown}/ ({}:{})", pattern.file.display(), pattern.line)
        })
    };
    let faults = crosscheck::faults(&expressions);
    let sentence = |(at, fault): &(usize, crosscheck::Fault)| {
        format!("{name} {}: {}", place(*at), fault.in_words(place))
    };
    faults.iter().map(sentence).collect()
}
