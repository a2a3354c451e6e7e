//! The table of providers, read from `providers.toml` and the operator's map. Remembers nothing.

use crate::classify::hash;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const SOURCE: &str = include_str!("../providers.toml");

type Numbers = HashMap<Box<str>, u16, foldhash::fast::FixedState>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// Suffixes of MX hosts.
    #[serde(default)]
    mx: Vec<String>,
    /// Recipient domains.
    #[serde(default)]
    domains: Vec<String>,
    /// Rollup names, without `.rollup`.
    #[serde(default)]
    rollups: Vec<String>,
}

/// The providers that one domain leads to, by each of the ways.
#[derive(Debug, Clone, Copy)]
pub struct DomainSays {
    operator: Option<u16>,
    rollup: Option<u16>,
    domain: Option<u16>,
}

/// The providers that one MX host leads to.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostSays {
    pub operator: Option<u16>,
    pub suffix: Option<u16>,
}

impl DomainSays {
    /// The operator's map decides, then the rollup name, then the host's suffix, then the domain.
    pub fn with(self, host: HostSays) -> Option<u16> {
        self.operator.or(host.operator).or(self.rollup).or(host.suffix).or(self.domain)
    }

    /// Whether no host could change the answer.
    pub fn needs_no_host(self, table: &Table) -> bool {
        self.operator.is_some() || (self.rollup.is_some() && !table.has_operator())
    }
}

/// Names by number, and the ways that lead to a number.
#[derive(Debug)]
pub struct Table {
    names: Arc<[Box<str>]>,
    rows: Vec<Row>,
    /// The operator's exact names and `*.` suffixes.
    operator: Numbers,
    operator_suffixes: Numbers,
    rollups: Numbers,
    hosts: Numbers,
    domains: Numbers,
}

impl Table {
    pub fn new(operator: &BTreeMap<String, Vec<String>>) -> Table {
        let built_in: BTreeMap<String, Row> = toml::from_str(SOURCE).unwrap_or_default();
        let mut names: Vec<Box<str>> = Vec::with_capacity(built_in.len() + operator.len());
        let mut table = Table {
            names: Arc::default(),
            rows: Vec::with_capacity(built_in.len()),
            operator: Numbers::default(),
            operator_suffixes: Numbers::default(),
            rollups: Numbers::default(),
            hosts: Numbers::default(),
            domains: Numbers::default(),
        };
        for (name, row) in built_in {
            let number = u16::try_from(names.len()).unwrap_or(u16::MAX);
            table.add(&name, number, row);
            names.push(name.into());
        }
        for (name, patterns) in operator {
            let known = names.iter().position(|known| known.eq_ignore_ascii_case(name));
            let number = u16::try_from(known.unwrap_or(names.len())).unwrap_or(u16::MAX);
            if known.is_none() {
                names.push(name.as_str().into());
            }
            table.add_operator(number, patterns);
        }
        table.names = names.into();
        table
    }

    fn add(&mut self, name: &str, number: u16, row: Row) {
        for host in &row.mx {
            self.hosts.insert(host.as_str().into(), number);
        }
        for domain in &row.domains {
            self.domains.insert(domain.as_str().into(), number);
        }
        for rollup in &row.rollups {
            self.rollups.insert(rollup.as_str().into(), number);
        }
        let own = name.to_lowercase();
        self.rollups.entry(own.replace([' ', '-', '.'], "").into()).or_insert(number);
        self.rollups.entry(own.into()).or_insert(number);
        self.rows.push(row);
    }

    fn add_operator(&mut self, number: u16, patterns: &[String]) {
        for pattern in patterns {
            let pattern = pattern.trim().trim_end_matches('.').to_lowercase();
            match pattern.strip_prefix("*.") {
                Some(suffix) => self.operator_suffixes.insert(suffix.into(), number),
                None => self.operator.insert(pattern.into(), number),
            };
        }
    }

    /// What a domain (in lower case) or rollup name says.
    pub fn of_domain(&self, domain: &str) -> DomainSays {
        DomainSays {
            operator: self.operator.get(domain).copied().or_else(|| suffix(&self.operator_suffixes, domain)),
            rollup: domain.strip_suffix(".rollup").and_then(|stem| self.rollup(stem)),
            domain: self.domains.get(domain).copied(),
        }
    }

    /// What the name of an MX host says.
    pub fn of_host(&self, host: &[u8]) -> HostSays {
        let host = String::from_utf8_lossy(host).trim_end_matches('.').to_ascii_lowercase();
        let operator = self.operator.get(host.as_str()).copied();
        HostSays {
            operator: operator.or_else(|| suffix(&self.operator_suffixes, &host)),
            suffix: suffix(&self.hosts, &host),
        }
    }

    /// Whether the operator named any domain or host.
    pub fn has_operator(&self) -> bool {
        !(self.operator.is_empty() && self.operator_suffixes.is_empty())
    }

    /// `gmail.rollup` and also `gmail.com.rollup`.
    fn rollup(&self, stem: &str) -> Option<u16> {
        let by_domain =
            || self.domains.get(stem).or_else(|| self.domains.get(format!("{stem}.com").as_str()));
        self.rollups.get(stem).or_else(by_domain).copied()
    }

    pub fn name(&self, number: u16) -> &str {
        self.names.get(usize::from(number)).map_or("other", |name| name)
    }

    pub fn names(&self) -> Arc<[Box<str>]> {
        Arc::clone(&self.names)
    }

    pub fn list(&self) -> &[Box<str>] {
        &self.names
    }

    pub fn by_name(&self, name: &str) -> Option<u16> {
        let at = self.names.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        u16::try_from(at).ok()
    }

    pub fn describe(&self) -> impl Iterator<Item = (&str, &[String], &[String])> {
        self.names.iter().zip(&self.rows).map(|(name, row)| (&**name, &*row.mx, &*row.domains))
    }
}

pub fn fingerprint() -> u64 {
    hash::stable(SOURCE.as_bytes(), 1)
}

/// The longest known suffix at a label's boundary, the whole name included.
fn suffix(known: &Numbers, name: &str) -> Option<u16> {
    let mut rest = name;
    loop {
        if let Some(number) = known.get(rest) {
            return Some(*number);
        }
        rest = rest.split_once('.')?.1;
    }
}
