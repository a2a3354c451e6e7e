//! Finds the first rule that a normalised reply satisfies. Fixed texts are looked for in one
//! pass; only patterns whose text occurs are tried, and compiled then.

use crate::classify::rule::{BUILT_IN, Level, Rule, RuleError, read};
use crate::classify::status::EnhancedStatus;
use crate::classify::{Provider, Providers, hash};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::collections::HashMap;

/// What a rule may ask of a reply.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub text: &'a str,
    pub code: u16,
    pub status: Option<EnhancedStatus>,
    pub class: u8,
    pub provider: Provider<'a>,
    pub queue_level: bool,
}

/// All rules in the order in which they are asked: the operator's, then providers, gateways, the
/// general ones.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    scopes: Vec<Vec<u16>>,
    problems: Vec<RuleError>,
    /// Which patterns each fixed text leads to.
    uses: Vec<Vec<(u16, u16)>>,
    literals: Option<AhoCorasick>,
}

impl Rules {
    pub fn read(operator: &[(String, String)], providers: &[Box<str>]) -> Rules {
        let mut rules: Vec<Rule> = Vec::new();
        let mut problems = Vec::new();
        for (name, text) in operator {
            match read(name, text, true, providers) {
                Ok(read) => rules.extend(read),
                Err(problem) => problems.push(problem),
            }
        }
        for (name, text) in BUILT_IN {
            match read(name, text, false, providers) {
                Ok(read) => {
                    let kept: Vec<Rule> = read
                        .into_iter()
                        .filter(|rule| rules.iter().all(|first| first.id != rule.id))
                        .collect();
                    rules.extend(kept);
                }
                Err(problem) => problems.push(problem),
            }
        }
        rules.truncate(usize::from(u16::MAX - 1));
        let scopes = rules.iter().map(|rule| scope(rule, providers)).collect();
        let (literals, uses) = index(&rules);
        Rules { rules, scopes, problems, uses, literals }
    }

    pub fn get(&self, number: u16) -> Option<&Rule> {
        self.rules.get(usize::from(number))
    }

    pub fn list(&self) -> &[Rule] {
        &self.rules
    }

    pub fn problems(&self) -> &[RuleError] {
        &self.problems
    }

    /// The first rule, in the order of the tables, that the reply satisfies.
    pub fn first(&self, asked: &Asked<'_>) -> Option<u16> {
        let mut candidates = self.candidates(asked.text);
        candidates.sort_unstable();
        candidates.dedup();
        candidates
            .into_iter()
            .find(|(number, pattern)| self.holds(*number, *pattern, asked))
            .map(|(number, _)| number)
    }

    fn candidates(&self, text: &str) -> Vec<(u16, u16)> {
        let Some(literals) = &self.literals else { return Vec::new() };
        let mut seen = vec![false; self.uses.len()];
        let mut found = Vec::new();
        for hit in literals.find_overlapping_iter(text) {
            let literal = hit.pattern().as_usize();
            if let (Some(seen), Some(uses)) = (seen.get_mut(literal), self.uses.get(literal))
                && !*seen
            {
                *seen = true;
                found.extend_from_slice(uses);
            }
        }
        found
    }

    fn holds(&self, number: u16, pattern: u16, asked: &Asked<'_>) -> bool {
        let Some(rule) = self.get(number) else { return false };
        let in_scope = match (self.scopes.get(usize::from(number)), asked.provider) {
            (Some(scope), _) if scope.is_empty() => true,
            (Some(scope), Provider::Named(provider)) => scope.contains(&provider),
            _ => false,
        };
        in_scope
            && conditions_hold(rule, asked)
            && rule
                .patterns
                .get(usize::from(pattern))
                .is_some_and(|pattern| pattern.matches_candidate(asked.text))
            && !rule.unless.iter().any(|pattern| pattern.matches(asked.text))
    }
}

fn conditions_hold(rule: &Rule, asked: &Asked<'_>) -> bool {
    let by_code = rule.codes.is_empty()
        || rule.codes.iter().any(|code| {
            let digits =
                if asked.code == 0 { u16::from(asked.class).to_string() } else { asked.code.to_string() };
            digits.starts_with(code.as_str())
        });
    let by_status = rule.statuses.is_empty()
        || asked.status.is_some_and(|status| rule.statuses.iter().any(|wanted| status.is_covered_by(wanted)));
    let by_level = match rule.level {
        None => true,
        Some(Level::Queue) => asked.queue_level,
        Some(Level::Recipient) => !asked.queue_level,
    };
    by_code && by_status && by_level
}

fn scope(rule: &Rule, providers: &[Box<str>]) -> Vec<u16> {
    let number = |name: &String| {
        let at = providers.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        u16::try_from(at).ok()
    };
    rule.providers.iter().filter_map(number).collect()
}

fn index(rules: &[Rule]) -> (Option<AhoCorasick>, Vec<Vec<(u16, u16)>>) {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut uses: Vec<Vec<(u16, u16)>> = Vec::new();
    let mut texts: Vec<&str> = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        let literals = rule.patterns.iter().enumerate();
        let literals =
            literals.flat_map(|(nth, pattern)| pattern.literals().iter().map(move |literal| (nth, literal)));
        for (nth, literal) in literals {
            let at = *numbers.entry(literal.as_str()).or_insert_with(|| {
                texts.push(literal.as_str());
                uses.push(Vec::new());
                texts.len() - 1
            });
            if let (Some(list), Ok(number), Ok(nth)) =
                (uses.get_mut(at), u16::try_from(number), u16::try_from(nth))
            {
                list.push((number, nth));
            }
        }
    }
    let literals = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(texts).ok();
    (literals, uses)
}

/// Changes with the built-in rules and with the table of providers that they name.
pub fn fingerprint() -> u64 {
    BUILT_IN.iter().fold(Providers::fingerprint(), |seed, (_, text)| hash::stable(text.as_bytes(), seed))
}
