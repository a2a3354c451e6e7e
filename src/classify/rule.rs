//! Rules as data: reads and checks the tables, built in or the operator's. Knows no reply and
//! does no input; the caller hands over the text of each file.

mod literal;
mod pattern;
mod table;

#[cfg(test)]
mod tests;

use super::Reason;
pub use pattern::Pattern;
pub use table::BUILT_IN;

use serde::Deserialize;
use toml::Spanned;

/// One row of a table: what a reply must look like to have a reason.
#[derive(Debug)]
pub struct Rule {
    pub id: String,
    pub reason: Reason,
    /// Reply codes or their beginnings (`4`, `45`, `421`); empty = any.
    pub codes: Vec<String>,
    /// Enhanced statuses or their beginnings (`4.7`, `x.7.28`); empty = any.
    pub statuses: Vec<String>,
    /// `queue` or `recipient`: failure of a whole queue, or of one recipient.
    pub level: Option<Level>,
    /// Names of providers; empty = any.
    pub providers: Vec<String>,
    /// The reply has one of these ...
    pub patterns: Vec<Pattern>,
    /// ... and none of these.
    pub unless: Vec<Pattern>,
    pub example: String,
    pub source: String,
    pub checked: String,
    /// The table it came from.
    pub file: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Queue,
    Recipient,
}

/// Why a file of rules is refused. None of its rules is used; all others go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}; the file is not used, mend the line")]
pub struct RuleError {
    pub file: String,
    pub line: usize,
    pub problem: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Said once for a whole table.
    #[serde(default)]
    provider: Vec<Spanned<String>>,
    #[serde(default)]
    source: String,
    #[serde(default)]
    checked: String,
    #[serde(default)]
    rule: Vec<Spanned<Row>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: Spanned<String>,
    reason: Spanned<String>,
    #[serde(default)]
    code: Option<Spanned<OneOrMore>>,
    #[serde(default)]
    status: Option<Spanned<OneOrMore>>,
    #[serde(default)]
    level: Option<Level>,
    #[serde(default)]
    provider: Option<Vec<Spanned<String>>>,
    pattern: Spanned<OneOrMore>,
    #[serde(default)]
    unless: Option<Spanned<OneOrMore>>,
    example: Spanned<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    checked: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn list(&self) -> &[String] {
        match self {
            OneOrMore::One(word) => std::slice::from_ref(word),
            OneOrMore::More(words) => words,
        }
    }
}

/// Reads one table. `compile` also tries every pattern, as an operator's file needs: the
/// built-in ones are tried by a test.
pub fn read(file: &str, text: &str, compile: bool, known: &[Box<str>]) -> Result<Vec<Rule>, RuleError> {
    let refuse =
        |at: usize, problem: String| RuleError { file: file.to_owned(), line: line_of(text, at), problem };
    let table: File = toml::from_str(text).map_err(|error| {
        refuse(error.span().map_or(0, |span| span.start), error.message().trim().to_owned())
    })?;
    let mut rules: Vec<Rule> = Vec::with_capacity(table.rule.len());
    for row in &table.rule {
        let row = row.get_ref();
        let rule = rule_of(file, &table, row, known).map_err(|(at, problem)| refuse(at, problem))?;
        if rules.iter().any(|earlier| earlier.id == rule.id) {
            return Err(refuse(row.id.span().start, format!("rule {} is there twice", rule.id)));
        }
        if compile {
            for pattern in rule.patterns.iter().chain(&rule.unless) {
                pattern.check().map_err(|problem| refuse(row.pattern.span().start, problem))?;
            }
        }
        rules.push(rule);
    }
    Ok(rules)
}

/// The faults of an operator's files, for `doctor`: at most one a file, with its line.
pub fn check(files: &[(String, String)], known: &[Box<str>]) -> Vec<RuleError> {
    files.iter().filter_map(|(name, text)| read(name, text, true, known).err()).collect()
}

type Problem = (usize, String);

fn rule_of(file: &str, table: &File, row: &Row, known: &[Box<str>]) -> Result<Rule, Problem> {
    let reason = Reason::parse(row.reason.get_ref()).ok_or_else(|| {
        (
            row.reason.span().start,
            format!(
                "unknown reason {:?}, the nearest is {}",
                row.reason.get_ref(),
                nearest_reason(row.reason.get_ref())
            ),
        )
    })?;
    let id = row.id.get_ref();
    if id.is_empty()
        || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    {
        return Err((
            row.id.span().start,
            "an id has letters, digits, dots, dashes and underscores".to_owned(),
        ));
    }
    let providers = row.provider.as_ref().unwrap_or(&table.provider);
    for provider in providers {
        if !known.iter().any(|name| name.eq_ignore_ascii_case(provider.get_ref())) {
            return Err((provider.span().start, format!("unknown provider {:?}", provider.get_ref())));
        }
    }
    let patterns = patterns_of(Some(&row.pattern), Pattern::new)?;
    if patterns.is_empty() {
        return Err((row.pattern.span().start, "a rule needs a pattern".to_owned()));
    }
    Ok(Rule {
        id: id.clone(),
        reason,
        codes: numbers(row.code.as_ref())?,
        statuses: numbers(row.status.as_ref())?,
        level: row.level,
        providers: providers.iter().map(|name| name.get_ref().clone()).collect(),
        patterns,
        unless: patterns_of(row.unless.as_ref(), Pattern::exception)?,
        example: row.example.get_ref().clone(),
        source: row.source.clone().unwrap_or_else(|| table.source.clone()),
        checked: row.checked.clone().unwrap_or_else(|| table.checked.clone()),
        file: file.to_owned(),
    })
}

type Read = fn(&str) -> Result<Pattern, String>;

fn patterns_of(field: Option<&Spanned<OneOrMore>>, read: Read) -> Result<Vec<Pattern>, Problem> {
    let Some(field) = field else { return Ok(Vec::new()) };
    let words = field.get_ref().list().iter();
    words.map(|word| read(word).map_err(|problem| (field.span().start, problem))).collect()
}

fn numbers(field: Option<&Spanned<OneOrMore>>) -> Result<Vec<String>, Problem> {
    let Some(field) = field else { return Ok(Vec::new()) };
    let words = field.get_ref().list();
    let fits = |word: &String| {
        !word.is_empty()
            && word.len() <= 9
            && word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'x'))
    };
    match words.iter().find(|word| !fits(word)) {
        Some(word) => Err((field.span().start, format!("{word:?} is no reply code and no status"))),
        None => Ok(words.to_vec()),
    }
}

fn nearest_reason(word: &str) -> &'static str {
    let shared =
        |name: &str| name.bytes().zip(word.bytes()).take_while(|(left, right)| left == right).count();
    Reason::ALL.iter().map(|reason| reason.name()).max_by_key(|name| shared(name)).unwrap_or("other")
}

/// Lines count from 1.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}
