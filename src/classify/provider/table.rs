//! The table of providers, read from `providers.toml` and the operator's map. Remembers nothing.

use super::tails::{Tails, in_small_letters};
use crate::classify::hash;
use crate::classify::word::{Hashed, Word};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

const SOURCE: &str = include_str!("../providers.toml");

/// What the operator wrote.
type Numbers = HashMap<Box<str>, u16, foldhash::fast::FixedState>;
/// What is built in: nothing of it is copied.
type BuiltIn = HashMap<Word<'static>, u16, BuildHasherDefault<Hashed>>;

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

/// What the last two labels of a host say.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    /// Whose they are by themselves.
    number: Option<u16>,
    /// Whether a longer suffix ends in them.
    longer: bool,
}

/// The suffixes of MX hosts.
#[derive(Debug, Default)]
struct Hosts {
    suffixes: BuiltIn,
    /// Nearly every host is told by its last two labels: that it is nobody's, most of the time.
    ends: HashMap<&'static [u8], End, foldhash::fast::FixedState>,
    tails: Tails,
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
    hashes: Vec<u64>,
    /// The operator's exact names and `*.` suffixes.
    operator: Numbers,
    operator_suffixes: Numbers,
    rollups: BuiltIn,
    /// Made for the first record: a tick without records asks for no host.
    hosts: OnceCell<Hosts>,
    domains: BuiltIn,
    /// The providers' own names as rollup names; made for the first that is in no list.
    own_names: OnceCell<Numbers>,
}

impl Table {
    /// Made anew in every tick, so it must cost next to nothing.
    pub fn new(operator: &BTreeMap<String, Vec<String>>) -> Table {
        let built_in = rows();
        let mut names: Vec<Box<str>> = Vec::with_capacity(built_in.len() + operator.len());
        let mut table = Table {
            names: Arc::default(),
            hashes: Vec::new(),
            operator: Numbers::default(),
            operator_suffixes: Numbers::default(),
            rollups: BuiltIn::default(),
            hosts: OnceCell::new(),
            domains: BuiltIn::with_capacity_and_hasher(512, Default::default()),
            own_names: OnceCell::new(),
        };
        for row in built_in {
            let number = u16::try_from(names.len()).unwrap_or(u16::MAX);
            table.domains.extend(words(row.domains).map(|domain| (Word::from(domain), number)));
            table.rollups.extend(words(row.rollups).map(|rollup| (Word::from(rollup), number)));
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
        table.hashes = names.iter().map(|name| Word::from(&**name).hash).collect();
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
    pub fn of_domain(&self, domain: Word<'_>) -> DomainSays {
        let name = domain.text;
        let operator = || self.operator.get(name).copied().or_else(|| self.operator_suffix(name));
        DomainSays {
            operator: if self.has_operator() { operator() } else { None },
            rollup: name.strip_suffix(".rollup").and_then(|stem| self.rollup(stem)),
            domain: find(&self.domains, domain),
        }
    }

    /// What the name of an MX host says.
    pub fn of_host(&self, host: &[u8]) -> HostSays {
        if !self.has_operator() && self.hosts().tails.lack(host) {
            return HostSays::default();
        }
        if !self.has_operator()
            && let Some(end) = two_labels(host)
        {
            match self.hosts().ends.get(end) {
                None => return HostSays::default(),
                Some(End { number, longer: false }) => return HostSays { operator: None, suffix: *number },
                Some(_) => {}
            }
        }
        let host = String::from_utf8_lossy(host);
        let mut host = Cow::Borrowed(host.trim_end_matches('.'));
        if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            host = Cow::Owned(host.to_ascii_lowercase());
        }
        let operator = self.operator.get(&*host).copied();
        HostSays {
            operator: operator.or_else(|| self.operator_suffix(&host)),
            suffix: suffix(&host, |name| find(&self.hosts().suffixes, name.into())),
        }
    }

    fn hosts(&self) -> &Hosts {
        self.hosts.get_or_init(|| {
            let mut hosts = Hosts::default();
            hosts.suffixes.reserve(512);
            hosts.ends.reserve(512);
            for (row, number) in rows().into_iter().zip(0u16..) {
                for host in words(row.mx) {
                    hosts.suffixes.insert(host.into(), number);
                    hosts.tails.note(host.as_bytes());
                    let labels = two_labels(host.as_bytes()).unwrap_or(host.as_bytes());
                    let end = hosts.ends.entry(labels).or_default();
                    if labels == host.as_bytes() {
                        end.number = Some(number);
                    } else {
                        end.longer = true;
                    }
                }
            }
            hosts
        })
    }

    /// Whether the operator named any domain or host.
    pub fn has_operator(&self) -> bool {
        !(self.operator.is_empty() && self.operator_suffixes.is_empty())
    }

    fn operator_suffix(&self, name: &str) -> Option<u16> {
        suffix(name, |part| self.operator_suffixes.get(part).copied())
    }

    /// `gmail.rollup`, by the provider's own name, and also `gmail.com.rollup`.
    fn rollup(&self, stem: &str) -> Option<u16> {
        let by_domain = |domain: &str| find(&self.domains, domain.into());
        let known = find(&self.rollups, stem.into()).or_else(|| self.own_names().get(stem).copied());
        known.or_else(|| by_domain(stem)).or_else(|| by_domain(&format!("{stem}.com")))
    }

    /// The built-in providers' names in small letters, whole and without blanks, dashes and dots.
    fn own_names(&self) -> &Numbers {
        self.own_names.get_or_init(|| {
            let mut own = Numbers::default();
            for (row, number) in rows().into_iter().zip(0u16..) {
                let name = row.name.to_lowercase();
                let bare = name.replace([' ', '-', '.'], "");
                for name in [name, bare] {
                    own.entry(name.into()).or_insert(number);
                }
            }
            own
        })
    }

    /// A name with its hash.
    pub fn word(&self, number: u16) -> Word<'_> {
        let text = self.name(number);
        match self.hashes.get(usize::from(number)) {
            Some(hash) => Word { text, hash: *hash },
            None => text.into(),
        }
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

fn find(map: &BuiltIn, name: Word<'_>) -> Option<u16> {
    // A map of names that live for ever is also one of names that live shorter.
    let map: &HashMap<Word<'_>, u16, _> = map;
    map.get(&name).copied()
}

/// The last two labels of a host, when it has as many and they are in small letters.
#[inline]
fn two_labels(host: &[u8]) -> Option<&[u8]> {
    let last = memchr::memrchr(b'.', host).filter(|at| at + 1 < host.len())?;
    let before = memchr::memrchr(b'.', host.get(..last)?).map_or(0, |at| at + 1);
    host.get(before..).filter(|labels| in_small_letters(labels))
}

/// The longest known suffix at a label's boundary, the whole name included.
fn suffix(name: &str, known: impl Fn(&str) -> Option<u16>) -> Option<u16> {
    let mut rest = name;
    loop {
        if let Some(number) = known(rest) {
            return Some(number);
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

    /// The short way by the last two labels must say what the long way does.
    #[test]
    fn the_end_of_a_host_tells_what_its_suffixes_tell() {
        let table = Table::new(&BTreeMap::new());
        let known: Vec<&str> = rows().iter().flat_map(|row| words(row.mx)).collect();
        assert!(known.iter().all(|host| host.contains('.')), "a suffix of one label has no such end");
        let around = |host: &&str| {
            let rest = host.split_once('.').map_or("", |(_, rest)| rest).to_owned();
            ["", "mx.", "x", "a.b.", "MX.", "..", "\u{e9}."]
                .map(|before| format!("{before}{host}"))
                .into_iter()
                .chain([rest, format!("{host}."), host.to_uppercase(), format!("{host}x")])
        };
        for host in known.iter().flat_map(around) {
            let long = suffix(host.trim_end_matches('.').to_ascii_lowercase().as_str(), |name| {
                find(&table.hosts().suffixes, name.into())
            });
            assert_eq!(table.of_host(host.as_bytes()).suffix, long, "{host}");
        }
    }
}
