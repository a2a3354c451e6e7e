//! How PowerMTA's own opinion compares with ours: bounce categories against reasons, and faults
//! in the patterns of its configuration. Pure; reads no file.

use super::Reason;
use regex::bytes::{Regex, RegexBuilder};
use std::collections::BTreeMap;

/// How often each of PowerMTA's categories met each of our reasons.
#[derive(Debug, Default)]
pub struct Comparison {
    cells: BTreeMap<(String, Reason), u64>,
}

/// More names than this are counted as `(more)`; custom categories are few.
const MOST_CATEGORIES: usize = 64;
/// Patterns compiled at most; real lists have dozens.
const MOST_PATTERNS: usize = 5_000;

/// One line of the comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    pub category: String,
    pub reason: Reason,
    pub count: u64,
    /// Whether the category can mean the reason.
    pub agrees: bool,
}

impl Comparison {
    pub fn note(&mut self, category: &[u8], reason: Reason) {
        if category.is_empty() {
            return;
        }
        let name = String::from_utf8_lossy(category.get(..64).unwrap_or(category)).to_ascii_lowercase();
        let full = self.cells.len() >= MOST_CATEGORIES * Reason::ALL.len();
        let name = if full && !self.cells.contains_key(&(name.clone(), reason)) {
            "(more)".to_owned()
        } else {
            name
        };
        *self.cells.entry((name, reason)).or_default() += 1;
    }

    /// Largest count first.
    pub fn rows(&self) -> Vec<Compared> {
        let mut rows: Vec<Compared> = self
            .cells
            .iter()
            .map(|((category, reason), count)| Compared {
                category: category.clone(),
                reason: *reason,
                count: *count,
                agrees: agrees(category, *reason),
            })
            .collect();
        rows.sort_by(|a, b| {
            b.count.cmp(&a.count).then_with(|| (&a.category, a.reason).cmp(&(&b.category, b.reason)))
        });
        rows
    }
}

/// Whether one of PowerMTA's 17 categories can stand for a reason.
pub fn agrees(category: &str, reason: Reason) -> bool {
    use Reason::*;
    let fits: &[Reason] = match category {
        "bad-mailbox" => &[BadMailbox],
        "bad-domain" => &[BadDomain],
        "inactive-mailbox" => &[InactiveMailbox],
        "quota-issues" => &[MailboxFull],
        "spam-related" => &[SpamContent, Blocklisted, Reputation],
        "policy-related" => &[
            Policy,
            Auth,
            Rdns,
            RateLimited,
            ConnectionLimit,
            Greylisted,
            Tls,
            RecipientThrottled,
            Reputation,
        ],
        "virus-related" => &[Virus],
        "content-related" => &[MessageFormat, TooLarge, SpamContent],
        "message-expired" => &[Expired],
        "relaying-issues" => &[RelayDenied],
        "bad-configuration" => &[RemoteSystem, Local],
        "no-answer-from-host" => &[ConnectFailure],
        "bad-connection" => &[ConnectionLost],
        "routing-errors" => &[Routing, Dns],
        "protocol-errors" => &[ProtocolError],
        "invalid-sender" => &[SenderInvalid],
        "other" => &[Other],
        _ => &[],
    };
    fits.contains(&reason)
}

/// What is wrong with one pattern of an `smtp-pattern-list` or a bounce category list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// `[TS01]` matches one letter of the four; `\[TS01\]` was meant.
    UnescapedBrackets { class: String },
    /// No reply that reaches this pattern is left: an earlier one matches whatever this does.
    Shadowed { by: usize },
    /// The expression cannot be read.
    Unreadable { problem: String },
}

impl Fault {
    /// For a person who has the pattern's place before him; `place` names another one's.
    pub fn in_words(&self, place: impl Fn(usize) -> String) -> String {
        match self {
            Fault::UnescapedBrackets { class } => {
                format!("[{class}] matches a single letter of it: write \\[{class}\\]")
            }
            Fault::Shadowed { by } => format!("it never acts: {} matches all that it does", place(*by)),
            Fault::Unreadable { problem } => format!("the expression cannot be read: {problem}"),
        }
    }
}

/// The faults of a list of expressions (what stands between the slashes), each with its place.
pub fn faults(patterns: &[&str]) -> Vec<(usize, Fault)> {
    let compiled: Vec<Result<Regex, String>> = patterns.iter().map(|pattern| compile(pattern)).collect();
    let mut found = Vec::new();
    for (at, (pattern, read)) in patterns.iter().zip(&compiled).enumerate() {
        if let Some(class) = bracketed_code(pattern) {
            found.push((at, Fault::UnescapedBrackets { class }));
        }
        match read {
            Err(problem) => found.push((at, Fault::Unreadable { problem: problem.clone() })),
            Ok(_) => {
                let shadow = plain_text(pattern).and_then(|own| first_of(compiled.iter().take(at), &own));
                found.extend(shadow.map(|by| (at, Fault::Shadowed { by })));
            }
        }
    }
    found
}

/// Which of these matches a text first.
fn first_of<'a>(mut patterns: impl Iterator<Item = &'a Result<Regex, String>>, text: &str) -> Option<usize> {
    patterns.position(|pattern| pattern.as_ref().is_ok_and(|pattern| pattern.is_match(text.as_bytes())))
}

/// The lists of a configuration, compiled once.
#[derive(Debug, Default)]
pub struct PatternLists {
    patterns: Vec<Result<Regex, String>>,
}

impl PatternLists {
    /// `expressions` of all lists; those that cannot be read match nothing.
    pub fn new<'a>(expressions: impl Iterator<Item = &'a str>) -> PatternLists {
        PatternLists { patterns: expressions.take(MOST_PATTERNS).map(compile).collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether any list does something about a reply.
    pub fn answers(&self, reply: &str) -> bool {
        first_of(self.patterns.iter(), reply).is_some()
    }
}

/// PowerMTA compares without regard to case, byte by byte; a class of other letters than ASCII is
/// only read by their characters, as they are. Look-around is PCRE's alone and counts as
/// unreadable here.
fn compile(pattern: &str) -> Result<Regex, String> {
    let build = |unicode: bool| {
        let mut builder = RegexBuilder::new(pattern);
        builder.unicode(unicode).case_insensitive(!unicode).size_limit(1 << 20).build()
    };
    let read = build(false).or_else(|error| if pattern.is_ascii() { Err(error) } else { build(true) });
    read.map_err(|error| {
        let text = error.to_string();
        text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
    })
}

/// A class that reads like a provider's code: letters, then digits, no range and no repetition.
fn bracketed_code(pattern: &str) -> Option<String> {
    let mut rest = pattern;
    while let Some(at) = rest.find('[') {
        let escaped = rest
            .get(..at)
            .is_some_and(|before| before.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1);
        let inside = rest.get(at + 1..).unwrap_or_default();
        let end = inside.find(']').unwrap_or(inside.len());
        let class = inside.get(..end).unwrap_or_default();
        let letters = class.bytes().take_while(u8::is_ascii_uppercase).count();
        let digits = class.bytes().skip(letters).take_while(u8::is_ascii_digit).count();
        if !escaped && letters >= 2 && digits >= 1 && letters + digits == class.len() {
            return Some(class.to_owned());
        }
        rest = inside;
    }
    None
}

/// The text of an expression that is nothing but text.
fn plain_text(pattern: &str) -> Option<String> {
    let mut text = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.push(letters.next().filter(|escaped| !escaped.is_ascii_alphanumeric())?),
            '.' => text.push(' '),
            '[' | ']' | '(' | ')' | '{' | '}' | '*' | '+' | '?' | '|' | '^' | '$' => return None,
            other => text.push(other),
        }
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_famous_bracket_fault_is_found() {
        let patterns = [
            r"[TS01] Messages from",
            r"\[TS02\] Messages from",
            "[a-z]+ later",
            "[GL01] Message from",
            "try (later",
        ];
        let found = faults(&patterns);
        let class = |class: &str| Fault::UnescapedBrackets { class: class.to_owned() };
        assert!(found.contains(&(0, class("TS01"))));
        assert!(found.contains(&(3, class("GL01"))));
        assert!(found.iter().any(|(at, fault)| *at == 4 && matches!(fault, Fault::Unreadable { .. })));
        assert!(!found.iter().any(|(at, _)| *at == 1 || *at == 2), "{found:?}");
    }

    #[test]
    fn a_shadowed_pattern_names_its_shadow() {
        let patterns =
            ["try again", "421 .* later", "please try again later", "421 .* later, please", "quota"];
        assert_eq!(faults(&patterns), [(2, Fault::Shadowed { by: 0 })]);
        let lists = PatternLists::new(patterns.into_iter());
        assert!(lists.answers("450 QUOTA") && !lists.answers("550 user unknown"));
        assert!(!PatternLists::new(["try (later"].into_iter()).answers("try (later"));
    }

    #[test]
    fn the_comparison_counts_and_judges() {
        let mut comparison = Comparison::default();
        for (category, reason) in [
            (&b"policy-related"[..], Reason::RateLimited),
            (b"policy-related", Reason::RateLimited),
            (b"other", Reason::TooLarge),
            (b"", Reason::Other),
        ] {
            comparison.note(category, reason);
        }
        let rows = comparison.rows();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].count, rows[0].agrees), (2, true));
        assert_eq!((rows[1].count, rows[1].agrees), (1, false));
        for number in 0..10_000u32 {
            comparison.note(number.to_string().as_bytes(), Reason::Other);
        }
        assert!(comparison.rows().len() <= MOST_CATEGORIES * Reason::ALL.len() + Reason::ALL.len());
    }
}
