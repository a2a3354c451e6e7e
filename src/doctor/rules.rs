//! The operator's rules for replies, and PowerMTA's own reply patterns: what is wrong in them is
//! told to it. It reads neither.

use super::{Advice, Examination};
use std::path::PathBuf;

const RULES: &str = "rules";
const PATTERNS: &str = "smtp-pattern-list";
const MOST_SHOWN: usize = 10;

/// What became of the folder named in `[rules] directory`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    pub folder: PathBuf,
    /// Files that could be read.
    pub files: usize,
    /// Each names a file, its line, and what to do.
    pub refused: Vec<String>,
}

pub(super) fn operators(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    let Some(rules) = asked.rules else { return };
    for refused in rules.refused.iter().take(MOST_SHOWN) {
        let mend = "until then none of this file's rules is in force; the built-in ones and those of other files are";
        advice.push(Advice::bad(RULES, refused.as_str(), mend));
    }
    if rules.refused.is_empty() {
        let found = format!("{} files in {} are in force", rules.files, rules.folder.display());
        advice.push(Advice::good(RULES, found));
    }
}

pub(super) fn patterns(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    for fault in asked.patterns.iter().take(MOST_SHOWN) {
        let mend = "mend the line in PowerMTA's configuration, then `pmta reload`: until then PowerMTA does not react to the reply that was meant";
        advice.push(Advice::info(PATTERNS, fault.as_str(), mend));
    }
}
