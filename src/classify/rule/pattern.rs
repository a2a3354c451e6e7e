//! One alternative of a rule: a regular expression with fixed texts, one of which occurs in
//! whatever it matches. They are looked for first, and often are the whole pattern.

use super::literal;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::OnceLock;

/// Room for one compiled pattern; more is refused.
const LARGEST: usize = 1 << 20;

#[derive(Debug)]
pub struct Pattern {
    source: String,
    literals: Vec<String>,
    /// The fixed text is the whole pattern.
    plain: bool,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub fn new(source: &str) -> Result<Pattern, String> {
        let (literals, plain) =
            literal::required(source).map_err(|problem| format!("pattern {source:?}: {problem}"))?;
        if literals.iter().any(|literal| literal.chars().any(char::is_uppercase)) {
            return Err(format!("pattern {source:?}: replies are looked at in lower case"));
        }
        Ok(Pattern { source: source.to_owned(), literals, plain, compiled: OnceLock::new() })
    }

    /// For an exception, that is only asked when the rule already matches: it needs no fixed text.
    pub fn exception(source: &str) -> Result<Pattern, String> {
        Pattern::new(source).or_else(|problem| match compile(source) {
            Ok(regex) => Ok(Pattern {
                source: source.to_owned(),
                literals: Vec::new(),
                plain: false,
                compiled: OnceLock::from(Some(regex)),
            }),
            Err(_) => Err(problem),
        })
    }

    /// One of these occurs in any text that matches.
    pub fn literals(&self) -> &[String] {
        &self.literals
    }

    /// One of the literals is known to occur in `text`.
    pub fn matches_candidate(&self, text: &str) -> bool {
        self.plain || self.regex().is_some_and(|regex| regex.is_match(text.as_bytes()))
    }

    pub fn matches(&self, text: &str) -> bool {
        (self.literals.is_empty() || self.literals.iter().any(|literal| text.contains(literal)))
            && self.matches_candidate(text)
    }

    pub fn check(&self) -> Result<(), String> {
        if self.plain {
            return Ok(());
        }
        compile(&self.source).map(|_| ()).map_err(|error| {
            let text = error.to_string();
            let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            format!("pattern {:?}: {}", self.source, last.trim())
        })
    }

    /// Compiled when a text first needs it.
    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| compile(&self.source).ok()).as_ref()
    }
}

/// Bytes and no Unicode tables where the pattern is ASCII: the text is in lower case already, and
/// small automata compile in a fraction of the time. In a pattern with other letters `.`, `\w` and
/// `\b` mean characters, as their writer thinks of them.
fn compile(source: &str) -> Result<Regex, regex::Error> {
    let unicode = !source.is_ascii();
    RegexBuilder::new(source).unicode(unicode).size_limit(LARGEST).dfa_size_limit(LARGEST).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_expression_is_told() {
        assert!(
            Pattern::new("user unknown[").is_err() || Pattern::new("user unknown[").unwrap().check().is_err()
        );
        assert!(Pattern::new("user unknown{99999999}").unwrap().check().is_err());
        assert!(!Pattern::new("user (unknown").unwrap().matches("user (unknown"));
        assert!(Pattern::new("User unknown").is_err(), "nothing in capitals can match");
    }

    #[test]
    fn letters_of_other_languages_are_letters() {
        for (source, text, wanted) in [
            (r"bo[îi]te.{1,3}pleine\b", "550 boîte é pleine", true),
            (r"\bящик\b.{0,2}полон", "552 ящик полон", true),
            (r"\bящик\b", "552 ящика", false),
            (r"kasutaja.{1}täis", "552 kasutaja täis", true),
        ] {
            let pattern = Pattern::new(source).unwrap();
            assert_eq!(pattern.check(), Ok(()));
            assert_eq!(pattern.matches(text), wanted, "{source}");
        }
    }

    #[test]
    fn the_prefilter_hides_no_match() {
        for (source, text) in [
            (r"(?:user|mailbox)s? (?:is )?unknown", "550 users unknown"),
            (r"doesn'?t exist", "it doesnt exist"),
            (r"(?:a|b)?wxyz+", "wxyz"),
            (r"\[ts0\d\]", "421 [ts03] messages"),
        ] {
            assert!(Pattern::new(source).unwrap().matches(text), "{source}");
        }
    }
}
