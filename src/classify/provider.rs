//! Who receives the mail: the table of providers and the look-up that every record goes through.
//! Knows no reply.

mod table;
mod tails;

#[cfg(test)]
mod tests;

use super::Provider;
use super::word::Word;
use std::collections::BTreeMap;
use std::sync::Arc;
use table::{HostSays, Table};

/// No domain name is longer (RFC 1035); the rest is cut.
const LONGEST_DOMAIN: usize = 255;

/// The table of providers and the operator's map over it. The answers of millions of domains are not
/// remembered: the table fits into the processor's cache and they would not.
#[derive(Debug)]
pub struct Providers {
    table: Table,
    /// The domain in lower case, where the record's spelling is not.
    lowered: String,
}

/// Who received a record's mail.
#[derive(Debug, Clone, Copy)]
pub struct Receiver<'a> {
    pub provider: Provider<'a>,
    /// Its name in tags.
    pub name: Word<'a>,
}

impl<'a> Receiver<'a> {
    #[inline]
    fn new(table: &'a Table, number: Option<u16>, domain: Word<'a>) -> Receiver<'a> {
        match number {
            Some(number) => Receiver { provider: Provider::Named(number), name: table.word(number) },
            None => Receiver { provider: Provider::Domain(domain.text), name: domain },
        }
    }

    /// Whether it stands in the provider table.
    pub fn is_named(&self) -> bool {
        matches!(self.provider, Provider::Named(_))
    }
}

impl Providers {
    /// `operator` is `[providers]` of the configuration: name to recipient domains, queue names
    /// and, with a leading `*.`, everything below a domain (MX hosts too).
    pub fn new(operator: &BTreeMap<String, Vec<String>>) -> Providers {
        Providers { table: Table::new(operator), lowered: String::new() }
    }

    /// The provider of a queue or recipient domain (`example.com`, `yahoo.rollup`) whose host was
    /// `mta` (`host (address)`, may be empty). The operator's map decides, then the rollup name,
    /// then the MX host's suffix, then the domain. The same two always give the same provider.
    pub fn lookup<'a>(&'a mut self, domain: &'a [u8], mta: &[u8]) -> Provider<'a> {
        self.receiver(domain, mta).provider
    }

    /// The same, with its name.
    pub fn receiver<'a>(&'a mut self, domain: &'a [u8], mta: &[u8]) -> Receiver<'a> {
        let domain = domain.get(..LONGEST_DOMAIN).unwrap_or(domain);
        let Providers { table, lowered } = self;
        let name = match plain_name(domain) {
            Some(text) => text,
            None => {
                lower_into(lowered, domain);
                &*lowered
            }
        };
        let name = Word::from(name);
        let says = table.of_domain(name);
        let asks_host = !mta.is_empty() && !says.needs_no_host(table);
        let host = if asks_host { table.of_host(host_of(mta)) } else { HostSays::default() };
        Receiver::new(table, says.with(host), name)
    }

    /// The provider that an MX host alone tells; `None` when it is nobody we know.
    pub fn of_host(&self, mta: &[u8]) -> Option<u16> {
        let said = self.table.of_host(host_of(mta));
        said.operator.or(said.suffix)
    }

    /// A named provider's spelling in tags, sentences and `--provider`.
    pub fn name(&self, number: u16) -> &str {
        self.table.name(number)
    }

    /// All names, numbered as `Provider::Named` is.
    pub fn names(&self) -> Arc<[Box<str>]> {
        self.table.names()
    }

    /// Tag value: the name, or the domain.
    pub fn tag<'a>(&'a self, provider: Provider<'a>) -> &'a str {
        match provider {
            Provider::Named(number) => self.name(number),
            Provider::Domain(domain) => domain,
        }
    }

    /// What stands between a sentence's brackets: a provider known only by its domain is in
    /// capitals.
    pub fn sentence_name(&self, provider: Provider<'_>) -> String {
        match provider {
            Provider::Named(number) => self.name(number).to_owned(),
            Provider::Domain(domain) => domain.to_uppercase(),
        }
    }

    /// A name as an operator types it, without regard to case.
    pub fn find(&self, name: &str) -> Option<u16> {
        self.table.by_name(name)
    }

    /// The known name that is most like a mistyped one.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let wanted = name.to_lowercase();
        let names = self.table.list();
        let distance = |known: &str| edits(&wanted, &known.to_lowercase());
        let best = names.iter().map(|known| (distance(known), &**known)).min()?;
        (best.0 <= 1 + wanted.chars().count() / 3).then_some(best.1)
    }

    /// Name, MX suffixes and domains of every provider, for the README's table.
    pub fn describe(&self) -> impl Iterator<Item = (&'static str, Vec<&'static str>, Vec<&'static str>)> {
        self.table.describe()
    }

    /// Changes when the built-in table changes: what was remembered by number dies with it.
    pub fn fingerprint() -> u64 {
        table::fingerprint()
    }
}

/// `mx.example.com (192.0.2.1)` -> `mx.example.com`, in the record's own spelling.
fn host_of(mta: &[u8]) -> &[u8] {
    let end = memchr::memchr3(b' ', b'(', b'[', mta).unwrap_or(mta.len());
    mta.get(..end.min(LONGEST_DOMAIN)).unwrap_or_default()
}

/// A name that can be looked up as it stands.
fn plain_name(domain: &[u8]) -> Option<&str> {
    if domain.ends_with(b".") || !tails::in_small_letters(domain) {
        return None;
    }
    std::str::from_utf8(domain).ok()
}

fn lower_into(lowered: &mut String, domain: &[u8]) {
    lowered.clear();
    let text = String::from_utf8_lossy(domain.strip_suffix(b".").unwrap_or(domain));
    lowered.extend(text.chars().flat_map(char::to_lowercase));
}

/// Levenshtein distance; names are short.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, from) in left.chars().enumerate() {
        let mut diagonal = at;
        let mut before = at + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (to, cell) in right.iter().zip(row.iter_mut().skip(1)) {
            let cost = diagonal + usize::from(from != *to);
            diagonal = *cell;
            before = cost.min(before + 1).min(diagonal + 1);
            *cell = before;
        }
    }
    row.last().copied().unwrap_or_default()
}
