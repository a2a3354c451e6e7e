//! Domain patterns and macros: what matches a queue's domain, and which match is the more
//! specific. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// How specific a match is; greater wins, whatever the order in the file.
pub(super) type Rank = (u8, usize, bool);

/// How well the pattern matches a domain in lower case; `listed` is false for a pattern that came
/// out of a macro: a domain that is listed by itself beats it.
pub(super) fn rank(pattern: &str, listed: bool, domain: &str) -> Option<Rank> {
    if pattern == "*" {
        return Some((0, 0, listed));
    }
    if let Some(suffix) = pattern.strip_prefix("[*.]") {
        let fits = domain == suffix || is_below(domain, suffix);
        return fits.then(|| (1, labels(suffix), listed));
    }
    if let Some(suffix) = pattern.strip_prefix("*.") {
        return is_below(domain, suffix).then(|| (2, labels(suffix), listed));
    }
    if let Some(network) = pattern.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
        && let Some(bits) = covers(network, domain)
    {
        return Some((3, bits, listed));
    }
    (pattern == domain).then(|| (4, labels(domain), listed))
}

fn is_below(domain: &str, suffix: &str) -> bool {
    domain.strip_suffix(suffix).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

fn labels(domain: &str) -> usize {
    domain.split('.').count()
}

/// `[192.0.2.0/24]` against the domain `[192.0.2.7]`: the bits that agree.
fn covers(network: &str, domain: &str) -> Option<usize> {
    let address: IpAddr = domain.trim_matches(|c| c == '[' || c == ']').parse().ok()?;
    let (base, bits) = network.split_once('/').map_or((network, None), |(base, bits)| (base, Some(bits)));
    let (base, whole): (u128, u32) = bits_of(base.parse().ok()?);
    let (address, width) = bits_of(address);
    let bits = bits.map_or(Some(whole), |bits| bits.parse().ok()).filter(|bits| *bits <= whole)?;
    let shift = whole - bits;
    let same =
        width == whole && base.checked_shr(shift).unwrap_or(0) == address.checked_shr(shift).unwrap_or(0);
    same.then(|| usize::try_from(bits).unwrap_or(0))
}

fn bits_of(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    }
}

/// What one pattern may become.
const MOST_OF_ONE: usize = 10_000;
/// What all patterns together may cost.
const MOST_STEPS: usize = 400_000;
const DEEPEST: usize = 8;
const LONGEST: usize = 1_000;

/// `domain-macro` lines.
#[derive(Debug, Default)]
pub(super) struct Macros {
    known: BTreeMap<String, Vec<String>>,
    /// Steps taken for all patterns so far: macros of macros can cost much and give nothing.
    steps: usize,
}

impl Macros {
    /// `domain-macro NAME a, b $other`.
    pub(super) fn add(&mut self, raw: &str) -> Result<(), &'static str> {
        let (name, list) =
            raw.split_once(|c: char| c.is_whitespace() || c == '=').ok_or("it has no domains")?;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err("its name may hold letters, digits and _ only");
        }
        let parts = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
        self.known.insert(name.to_owned(), parts.map(str::to_lowercase).take(MOST_OF_ONE).collect());
        Ok(())
    }

    /// The same macros with all steps still to take.
    pub(super) fn fresh(self) -> Macros {
        Macros { steps: 0, ..self }
    }

    /// The domains that a pattern stands for, and whether they were listed by themselves.
    pub(super) fn expand(&mut self, pattern: &str) -> Result<(Vec<String>, bool), &'static str> {
        if !pattern.contains('$') {
            return Ok((vec![pattern.to_owned()], true));
        }
        let mut expansion = Expansion { out: Vec::new(), steps: 0 };
        let left = MOST_STEPS.saturating_sub(self.steps).min(2 * MOST_OF_ONE);
        let replaced = self.replace(pattern, DEEPEST, left, &mut expansion);
        self.steps += expansion.steps;
        replaced.map(|()| (expansion.out, false))
    }

    fn replace(
        &self,
        pattern: &str,
        depth: usize,
        left: usize,
        expansion: &mut Expansion,
    ) -> Result<(), &'static str> {
        expansion.steps += 1;
        if expansion.steps > left || pattern.len() > LONGEST {
            return Err("it stands for too many domains");
        }
        let Some((before, rest)) = pattern.split_once('$') else {
            expansion.out.push(pattern.to_owned());
            return Ok(());
        };
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        // Macros keep their case; the pattern was lowered with the rest of the line.
        let known = self.known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let parts = known.map(|(_, parts)| parts).ok_or("it names an unknown macro")?;
        let deeper = depth.checked_sub(1).ok_or("its macros name each other")?;
        parts
            .iter()
            .try_for_each(|part| self.replace(&format!("{before}{part}{after}"), deeper, left, expansion))
    }
}

struct Expansion {
    out: Vec<String>,
    steps: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_what_they_should() {
        for (pattern, domain, expected) in [
            ("*", "example.com", true),
            ("example.com", "example.com", true),
            ("example.com", "a.example.com", false),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "badexample.com", false),
            ("[*.]example.com", "example.com", true),
            ("[*.]example.com", "a.example.com", true),
            ("[*.]example.com", "badexample.com", false),
            ("[192.0.2.0/24]", "[192.0.2.77]", true),
            ("[192.0.2.0/24]", "[192.0.3.77]", false),
            ("[192.0.2.0/33]", "[192.0.2.0]", false),
            ("[0.0.0.0/0]", "[8.8.8.8]", true),
            ("[::/0]", "[2001:db8::1]", true),
            ("[::/0]", "[8.8.8.8]", false),
            ("[not an address]", "[192.0.2.1]", false),
            ("yahoo.rollup", "yahoo.rollup", true),
            ("", "x", false),
        ] {
            assert_eq!(rank(pattern, true, domain).is_some(), expected, "{pattern} {domain}");
        }
    }

    #[test]
    fn the_more_specific_pattern_ranks_higher() {
        let domain = "a.b.example.com";
        let order = ["*", "[*.]example.com", "*.example.com", "*.b.example.com", "a.b.example.com"];
        for pair in order.windows(2) {
            assert!(rank(pair[0], true, domain) < rank(pair[1], true, domain), "{pair:?}");
        }
        assert!(rank("example.com", false, "example.com") < rank("example.com", true, "example.com"));
        assert!(rank("[10.0.0.0/8]", true, "[10.1.2.3]") < rank("[10.1.0.0/16]", true, "[10.1.2.3]"));
    }

    #[test]
    fn macros_expand_within_bounds() {
        let mut macros = Macros::default();
        macros.add("tld com, net,\tco.uk").unwrap();
        macros.add("Yahoo yahoo.$tld ymail.com").unwrap();
        macros.add("a $b").unwrap();
        macros.add("b $a").unwrap();
        for name in ["w1", "w2", "w3", "w4", "w5"] {
            let list = (0..20).map(|i| format!("{name}{i}")).collect::<Vec<_>>().join(",");
            macros.add(&format!("{name} {list}")).unwrap();
        }
        let mut expand = |pattern: &str| macros.expand(pattern);
        assert_eq!(expand("x.com"), Ok((vec!["x.com".to_owned()], true)));
        let names = ["yahoo.com", "yahoo.net", "yahoo.co.uk", "ymail.com"].map(str::to_owned).to_vec();
        assert_eq!(expand("$yahoo"), Ok((names, false)));
        assert_eq!(expand("$a"), Err("its macros name each other"));
        assert_eq!(expand("$nobody"), Err("it names an unknown macro"));
        assert_eq!(expand("$w1.$w2.$w3.$w4.$w5"), Err("it stands for too many domains"));
        assert!(macros.add("no-domains").is_err());
        assert!(macros.add("bad-name a.com").is_err());
    }
}
