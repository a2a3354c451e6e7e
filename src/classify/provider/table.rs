//! The table of providers, read from `providers.toml` and the operator's map. Remembers nothing.

use crate::classify::hash;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const SOURCE: &str = include_str!("../providers.toml");

/// What the operator wrote.
type Numbers = HashMap<Box<str>, u16, foldhash::fast::FixedState>;
/// What is built in: nothing of it is copied.
type BuiltIn = HashMap<&'static str, u16, foldhash::fast::FixedState>;

/// One block of the built-in table, its lists as they are written.
#[derive(Debug, Default)]
struct Row {
    name: &'static str,
    /// Suffixes of MX hosts.
    mx: &'static str,
    /// Recipient domains.
    domains: &'static str,
    /// Rollup names, without `.rollup`.
    rollups: &'static str,
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

/// A provider's number as it is remembered, and no provider.
pub fn bytes(number: Option<u16>) -> [u8; 2] {
    number.unwrap_or(u16::MAX).to_le_bytes()
}

pub fn number(bytes: [u8; 2]) -> Option<u16> {
    Some(u16::from_le_bytes(bytes)).filter(|number| *number != u16::MAX)
}

impl HostSays {
    pub const BYTES: usize = 4;

    pub fn to_bytes(self) -> [u8; HostSays::BYTES] {
        let ([a, b], [c, d]) = (bytes(self.operator), bytes(self.suffix));
        [a, b, c, d]
    }

    pub fn from_bytes([a, b, c, d]: [u8; HostSays::BYTES]) -> HostSays {
        HostSays { operator: number([a, b]), suffix: number([c, d]) }
    }
}

impl DomainSays {
    pub const BYTES: usize = 6;

    pub fn to_bytes(self) -> [u8; DomainSays::BYTES] {
        let ([a, b], [c, d], [e, f]) = (bytes(self.operator), bytes(self.rollup), bytes(self.domain));
        [a, b, c, d, e, f]
    }

    pub fn from_bytes([a, b, c, d, e, f]: [u8; DomainSays::BYTES]) -> DomainSays {
        DomainSays { operator: number([a, b]), rollup: number([c, d]), domain: number([e, f]) }
    }

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
    /// The operator's exact names and `*.` suffixes.
    operator: Numbers,
    operator_suffixes: Numbers,
    rollups: BuiltIn,
    /// Made for the first record: a tick without records asks for no host.
    hosts: OnceCell<BuiltIn>,
    domains: BuiltIn,
}

impl Table {
    /// Made anew in every tick, so it must cost next to nothing.
    pub fn new(operator: &BTreeMap<String, Vec<String>>) -> Table {
        let built_in = rows();
        let mut names: Vec<Box<str>> = Vec::with_capacity(built_in.len() + operator.len());
        let mut table = Table {
            names: Arc::default(),
            operator: Numbers::default(),
            operator_suffixes: Numbers::default(),
            rollups: BuiltIn::default(),
            hosts: OnceCell::new(),
            domains: BuiltIn::with_capacity_and_hasher(512, Default::default()),
        };
        for row in built_in {
            let number = u16::try_from(names.len()).unwrap_or(u16::MAX);
            table.domains.extend(words(row.domains).map(|domain| (domain, number)));
            table.rollups.extend(words(row.rollups).map(|rollup| (rollup, number)));
            names.push(row.name.into());
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
            operator: self.operator.get(domain).copied().or_else(|| self.operator_suffix(domain)),
            rollup: domain.strip_suffix(".rollup").and_then(|stem| self.rollup(stem)),
            domain: self.domains.get(domain).copied(),
        }
    }

    /// What the name of an MX host says.
    pub fn of_host(&self, host: &[u8]) -> HostSays {
        let host = String::from_utf8_lossy(host).trim_end_matches('.').to_ascii_lowercase();
        let operator = self.operator.get(host.as_str()).copied();
        HostSays {
            operator: operator.or_else(|| self.operator_suffix(&host)),
            suffix: suffix(&host, |name| self.hosts().get(name)),
        }
    }

    fn hosts(&self) -> &BuiltIn {
        self.hosts.get_or_init(|| {
            let mut hosts = BuiltIn::with_capacity_and_hasher(512, Default::default());
            for (row, number) in rows().into_iter().zip(0u16..) {
                hosts.extend(words(row.mx).map(|host| (host, number)));
            }
            hosts
        })
    }

    /// Whether the operator named any domain or host.
    pub fn has_operator(&self) -> bool {
        !(self.operator.is_empty() && self.operator_suffixes.is_empty())
    }

    fn operator_suffix(&self, name: &str) -> Option<u16> {
        suffix(name, |part| self.operator_suffixes.get(part))
    }

    /// `gmail.rollup`, by the provider's own name, and also `gmail.com.rollup`.
    fn rollup(&self, stem: &str) -> Option<u16> {
        let by_domain =
            || self.domains.get(stem).or_else(|| self.domains.get(format!("{stem}.com").as_str())).copied();
        self.rollups.get(stem).copied().or_else(|| self.by_own_name(stem)).or_else(by_domain)
    }

    /// A built-in provider's name in small letters, whole or without its blanks, dashes and dots.
    fn by_own_name(&self, stem: &str) -> Option<u16> {
        let bare = |name: &str| name.to_lowercase().replace([' ', '-', '.'], "");
        let is_own = |name: &str| name.to_lowercase() == stem || bare(name) == stem;
        let at = rows().iter().position(|row| is_own(row.name))?;
        u16::try_from(at).ok()
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

    /// Name, suffixes of MX hosts and domains of each built-in provider.
    pub fn describe(&self) -> impl Iterator<Item = (&'static str, Vec<&'static str>, Vec<&'static str>)> {
        rows().into_iter().map(|row| (row.name, words(row.mx).collect(), words(row.domains).collect()))
    }
}

pub fn fingerprint() -> u64 {
    hash::stable(SOURCE.as_bytes(), 1)
}

/// The built-in table in the order of its names. The file keeps to one line a list, so that no
/// TOML has to be understood in a tick; a test holds this against what TOML says.
fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::with_capacity(128);
    for line in SOURCE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            rows.push(Row { name: name.trim_matches([']', '"']), ..Row::default() });
        } else if let Some(row) = rows.last_mut() {
            if let Some(list) = line.strip_prefix("mx = ") {
                row.mx = list;
            } else if let Some(list) = line.strip_prefix("domains = ") {
                row.domains = list;
            } else if let Some(list) = line.strip_prefix("rollups = ") {
                row.rollups = list;
            }
        }
    }
    rows.sort_unstable_by_key(|row| row.name);
    rows
}

/// What stands between the quotes of a list.
fn words(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split('"').skip(1).step_by(2)
}

/// The longest known suffix at a label's boundary, the whole name included.
fn suffix<'a>(name: &str, known: impl Fn(&str) -> Option<&'a u16>) -> Option<u16> {
    let mut rest = name;
    loop {
        if let Some(number) = known(rest) {
            return Some(*number);
        }
        rest = rest.split_once('.')?.1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Block {
        #[serde(default)]
        mx: Vec<String>,
        #[serde(default)]
        domains: Vec<String>,
        #[serde(default)]
        rollups: Vec<String>,
    }

    #[test]
    fn the_plain_reading_of_the_table_is_what_toml_says() {
        let by_toml: BTreeMap<String, Block> = toml::from_str(SOURCE).unwrap();
        let plain = rows();
        assert_eq!(plain.len(), by_toml.len());
        assert!(plain.len() > 100);
        for (row, (name, block)) in plain.iter().zip(&by_toml) {
            assert_eq!(row.name, name);
            for (list, wanted) in
                [(row.mx, &block.mx), (row.domains, &block.domains), (row.rollups, &block.rollups)]
            {
                assert_eq!(words(list).collect::<Vec<_>>(), *wanted, "{name}");
            }
        }
    }

    #[test]
    fn an_own_name_is_a_rollup_name_too() {
        let table = Table::new(&BTreeMap::new());
        for (stem, name) in [("att.net", "ATT.NET"), ("attnet", "ATT.NET"), ("gmail", "Gmail")] {
            assert_eq!(table.rollup(stem).map(|number| table.name(number)), Some(name), "{stem}");
        }
        assert_eq!(table.rollup("nobody"), None);
    }
}
