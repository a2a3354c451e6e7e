//! One alternative of a rule: a regular expression with a fixed text that must occur in whatever
//! it matches. The fixed text is looked for first, and often is the whole pattern.

use regex::bytes::{Regex, RegexBuilder};
use std::sync::OnceLock;

/// Shorter fixed texts would make every reply a candidate.
const SHORTEST_LITERAL: usize = 3;
/// Room for one compiled pattern; more is refused.
const LARGEST: usize = 1 << 20;

#[derive(Debug)]
pub struct Pattern {
    source: String,
    literal: String,
    /// The fixed text is the whole pattern.
    plain: bool,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub fn new(source: &str) -> Result<Pattern, String> {
        let (literal, plain) = required_literal(source)?;
        if literal.chars().any(char::is_uppercase) {
            return Err(format!("pattern {source:?}: replies are looked at in lower case"));
        }
        Ok(Pattern { source: source.to_owned(), literal, plain, compiled: OnceLock::new() })
    }

    /// What must occur in the text.
    pub fn literal(&self) -> &str {
        &self.literal
    }

    /// `literal` is known to occur in `text`.
    pub fn matches_candidate(&self, text: &str) -> bool {
        self.plain || self.regex().is_some_and(|regex| regex.is_match(text.as_bytes()))
    }

    pub fn matches(&self, text: &str) -> bool {
        text.contains(&self.literal) && self.matches_candidate(text)
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

/// Bytes and no Unicode tables: the text is in lower case already, and small automata compile in
/// a fraction of the time.
fn compile(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source).unicode(false).size_limit(LARGEST).dfa_size_limit(LARGEST).build()
}

/// The longest run of characters that stands outside every group, class and repetition, and
/// whether it is the whole pattern.
fn required_literal(source: &str) -> Result<(String, bool), String> {
    let mut runs = Runs::default();
    let mut depth = 0usize;
    let mut letters = source.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '|' if depth == 0 => return Err(format!("pattern {source:?}: write alternatives as a list")),
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '[' => skip_class(&mut letters),
            '{' => while letters.next_if(|inner| *inner != '}').is_some() {},
            '\\' => {
                let escaped = letters.next().unwrap_or('\\');
                if !escaped.is_ascii_alphanumeric() && depth == 0 && !repeats(letters.peek()) {
                    runs.push(escaped);
                    continue;
                }
            }
            '.' | '^' | '$' | '*' | '+' | '?' | '}' => {}
            _ if depth == 0 && !repeats(letters.peek()) => {
                runs.push(letter);
                continue;
            }
            _ => {}
        }
        runs.end();
    }
    let plain = runs.is_whole();
    let longest = runs.longest();
    if longest.len() < SHORTEST_LITERAL {
        return Err(format!(
            "pattern {source:?}: needs a fixed text of at least {SHORTEST_LITERAL} characters"
        ));
    }
    Ok((longest, plain))
}

/// The character before one of these may be absent or repeated.
fn repeats(next: Option<&char>) -> bool {
    matches!(next, Some('?' | '*' | '+' | '{'))
}

fn skip_class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    letters.next_if_eq(&'^');
    letters.next_if_eq(&']');
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                letters.next();
            }
            ']' => return,
            _ => {}
        }
    }
}

#[derive(Default)]
struct Runs {
    longest: String,
    current: String,
    broken: bool,
}

impl Runs {
    fn push(&mut self, letter: char) {
        self.current.push(letter);
    }

    fn end(&mut self) {
        self.broken = true;
        if self.current.len() > self.longest.len() {
            std::mem::swap(&mut self.current, &mut self.longest);
        }
        self.current.clear();
    }

    fn is_whole(&self) -> bool {
        !self.broken
    }

    fn longest(mut self) -> String {
        self.end();
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_text_is_in_every_match() {
        for (source, literal, plain) in [
            ("user unknown", "user unknown", true),
            (r"too many .{0,20}recipients", "recipients", false),
            (r"mailbox (?:is )?full", "mailbox ", false),
            (r"doesn'?t exist", "t exist", false),
            (r"\[ts0\d\]", "[ts0", false),
            (r"5\.7\.26", "5.7.26", true),
            (r"\bph01\b", "ph01", false),
            (r"[a-z\]]+blocked", "blocked", false),
            (r"abcd{2}efg", "abc", false),
        ] {
            let pattern = Pattern::new(source).unwrap();
            assert_eq!((pattern.literal(), pattern.plain), (literal, plain), "{source}");
        }
        for source in ["a|b", "(user unknown)", "ab", ".*", "User unknown"] {
            assert!(Pattern::new(source).is_err(), "{source}");
        }
    }

    #[test]
    fn a_broken_expression_is_told() {
        assert!(Pattern::new("user (unknown").unwrap().check().is_err());
        assert!(Pattern::new("user unknown{99999999}").unwrap().check().is_err());
        assert!(!Pattern::new("user (unknown").unwrap().matches("user (unknown"));
    }
}
