//! Which fixed texts must occur in whatever a regular expression matches. Reads the expression
//! just far enough for that: what it does not understand counts as "anything".

use std::iter::Peekable;
use std::str::Chars;

/// Shorter fixed texts would make every reply a candidate.
const SHORTEST: usize = 2;
/// More alternatives than this are no help.
const MOST: usize = 64;
const DEEPEST: usize = 16;

/// Any match holds one of these; `None` = nothing is certain.
type Required = Option<Vec<String>>;

/// The texts, and whether the expression is nothing but its one text.
pub fn required(source: &str) -> Result<(Vec<String>, bool), String> {
    let mut reader = Reader { letters: source.chars().peekable(), plain: true, depth: 0 };
    let found = reader.alternatives();
    if reader.letters.peek().is_some() {
        return Err("a bracket is closed that was not opened".to_owned());
    }
    match found.filter(|texts| shortest(texts) >= SHORTEST) {
        Some(texts) => Ok((texts, reader.plain)),
        None => Err(format!("needs a fixed text of at least {SHORTEST} characters")),
    }
}

struct Reader<'a> {
    letters: Peekable<Chars<'a>>,
    plain: bool,
    depth: usize,
}

impl Reader<'_> {
    fn alternatives(&mut self) -> Required {
        let mut all = self.sequence();
        while self.letters.next_if_eq(&'|').is_some() {
            self.plain = false;
            let next = self.sequence();
            all = match (all, next) {
                (Some(mut left), Some(right)) => {
                    left.extend(right);
                    Some(left)
                }
                _ => None,
            };
        }
        all.filter(|texts| texts.len() <= MOST)
    }

    fn sequence(&mut self) -> Required {
        let mut best = None;
        let mut run = String::new();
        while let Some(letter) = self.letters.next_if(|letter| !matches!(letter, '|' | ')')) {
            let literal = match letter {
                '\\' => self.letters.next().filter(|escaped| !escaped.is_ascii_alphanumeric()),
                '.' | '^' | '$' | '*' | '+' | '?' | '{' | '}' => None,
                '[' => {
                    self.skip_class();
                    None
                }
                '(' => {
                    best = better(best, end(&mut run));
                    let inner = self.group();
                    best = better(best, inner.filter(|_| !self.is_optional()));
                    self.skip_count();
                    continue;
                }
                other => Some(other),
            };
            match literal.filter(|_| !self.repeats()) {
                Some(literal) => run.push(literal),
                None => {
                    self.plain = false;
                    best = better(best, end(&mut run));
                    self.skip_count();
                }
            }
        }
        better(best, end(&mut run))
    }

    fn group(&mut self) -> Required {
        self.plain = false;
        self.depth += 1;
        if self.letters.next_if_eq(&'?').is_some() {
            while self.letters.next_if(|letter| !matches!(letter, ':' | ')' | '>')).is_some() {}
            self.letters.next_if(|letter| matches!(letter, ':' | '>'));
        }
        let inner = if self.depth > DEEPEST { self.skip_group() } else { self.alternatives() };
        self.letters.next_if_eq(&')');
        self.depth -= 1;
        inner
    }

    fn skip_group(&mut self) -> Required {
        let mut open = 0usize;
        while let Some(letter) = self.letters.next_if(|letter| *letter != ')' || open > 0) {
            match letter {
                '(' => open += 1,
                ')' => open -= 1,
                '\\' => drop(self.letters.next()),
                _ => {}
            }
        }
        None
    }

    /// What comes next makes the last character come never, or more than once.
    fn repeats(&mut self) -> bool {
        matches!(self.letters.peek(), Some('?' | '*' | '+' | '{'))
    }

    fn is_optional(&mut self) -> bool {
        let mut ahead = self.letters.clone();
        match ahead.next() {
            Some('?' | '*') => true,
            Some('{') => !matches!(ahead.next(), Some('1'..='9')),
            _ => false,
        }
    }

    fn skip_count(&mut self) {
        if self.letters.next_if_eq(&'{').is_some() {
            while self.letters.next_if(|letter| *letter != '}').is_some() {}
        }
    }

    fn skip_class(&mut self) {
        self.letters.next_if_eq(&'^');
        self.letters.next_if_eq(&']');
        while let Some(letter) = self.letters.next() {
            match letter {
                '\\' => drop(self.letters.next()),
                ']' => return,
                _ => {}
            }
        }
    }
}

fn end(run: &mut String) -> Required {
    (!run.is_empty()).then(|| vec![std::mem::take(run)])
}

/// Longer texts are rarer; of equals, fewer.
fn better(left: Required, right: Required) -> Required {
    match (left, right) {
        (Some(left), Some(right)) => {
            let rank = |texts: &[String]| (shortest(texts).min(12), usize::MAX - texts.len());
            Some(if rank(&right) > rank(&left) { right } else { left })
        }
        (left, right) => left.or(right),
    }
}

fn shortest(texts: &[String]) -> usize {
    texts.iter().map(String::len).min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_texts_is_in_every_match() {
        for (source, texts, plain) in [
            ("user unknown", vec!["user unknown"], true),
            (r"5\.7\.26", vec!["5.7.26"], true),
            (r"too many .{0,20}recipients", vec!["recipients"], false),
            (r"mailbox (?:is )?full", vec!["mailbox "], false),
            (r"doesn'?t exist", vec!["t exist"], false),
            (r"[a-z\]]+blocked", vec!["blocked"], false),
            (r"(?:user|mailbox) x", vec!["user", "mailbox"], false),
            (r"(?:user|m.x) unknown", vec![" unknown"], false),
            (r"(?:abc|def){2}", vec!["abc", "def"], false),
            (r"abcd{2}efg", vec!["abc"], false),
            (r"(?P<name>abcd)", vec!["abcd"], false),
            ("abc|def", vec!["abc", "def"], false),
            (r"(?:abcdef)*xyz", vec!["xyz"], false),
            (r"\bph01\b", vec!["ph01"], false),
        ] {
            let texts = texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(required(source), Ok((texts, plain)), "{source}");
        }
    }

    #[test]
    fn nothing_certain_is_refused() {
        for source in [
            "a",
            ".*",
            "a|bcd",
            "(?:abc)?",
            "(?:abc|d)",
            "[abc]",
            "abc)",
            "",
            "(((((((((((((((((((abc)))))))))))))))))))",
        ] {
            assert!(required(source).is_err(), "{source}");
        }
    }
}
