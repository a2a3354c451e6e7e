//! From a cause to what to do about it, and what not. The table is data; it looks nothing up.

use crate::classify::Reason;
use crate::ledger::windows::Detail;
use crate::record::Confidence;
use serde::Deserialize;
use std::sync::OnceLock;

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advice {
    pub reason: String,
    /// Only for what this detector found; it is found by that name and not by its reason.
    #[serde(default)]
    pub finding: Option<String>,
    /// Only for this provider, by its display name.
    #[serde(default)]
    pub provider: Option<String>,
    /// Only for this facet of a TLS failure.
    #[serde(default)]
    pub detail: Option<String>,
    pub short: String,
    #[serde(rename = "do")]
    pub todo: String,
    pub avoid: String,
    pub confidence: Confidence,
    pub link: String,
    pub source: String,
}

#[derive(Deserialize)]
struct Table {
    advice: Vec<Advice>,
}

impl Advice {
    /// The whole advice in a few sentences. `domain` goes into the directive's scope.
    pub fn text(&self, domain: &str) -> String {
        let todo = self.todo.replace("{domain}", domain);
        format!("{todo} Not: {}. See {}", self.avoid, self.link)
    }
}

/// The row that fits best; the last row, on the reason `other`, fits everything.
pub fn advise(reason: Reason, provider: &str, detail: Detail) -> Option<&'static Advice> {
    let fits = |row: &&Advice| {
        row.finding.is_none()
            && row.reason == reason.name()
            && row.provider.as_deref().is_none_or(|only| only.eq_ignore_ascii_case(provider))
            && row.detail.as_deref().is_none_or(|only| only == detail_name(detail))
    };
    table().iter().find(fits).or_else(|| table().last())
}

/// The row of a detector whose findings have no reason.
pub fn of_finding(name: &str) -> Option<&'static Advice> {
    table().iter().find(|row| row.finding.as_deref() == Some(name))
}

fn detail_name(detail: Detail) -> &'static str {
    match detail {
        Detail::None => "",
        Detail::Fingerprint => "fingerprint",
        Detail::Certificate => "certificate",
        Detail::TlsRequired => "required",
        Detail::Handshake => "handshake",
    }
}

/// Read once, and only when something is amiss. A test holds that it can be read.
fn table() -> &'static [Advice] {
    static TABLE: OnceLock<Vec<Advice>> = OnceLock::new();
    TABLE.get_or_init(|| {
        toml::from_str::<Table>(include_str!("advice.toml")).map(|table| table.advice).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directives of PowerMTA that the table may name.
    const DIRECTIVES: [&str; 22] = [
        "use-starttls",
        "require-starttls",
        "use-dane",
        "use-mta-sts",
        "max-smtp-out",
        "max-msg-per-connection",
        "max-msg-rate",
        "backoff-to-normal-after",
        "retry-after",
        "retry-after-dns-error",
        "bounce-after",
        "connect-timeout",
        "data-send-timeout",
        "smtp-source-host",
        "domain-key",
        "smtp-pattern-list",
        "domain",
        "mode=backoff",
        "mode=normal",
        "pmta",
        "max-rcpt-per-transaction",
        "max-connect-rate",
    ];

    #[test]
    fn every_row_can_be_read_names_a_reason_and_has_a_source() {
        let table: Table = toml::from_str(include_str!("advice.toml")).unwrap();
        assert!(table.advice.len() > 15);
        for row in &table.advice {
            assert!(Reason::parse(&row.reason).is_some(), "{}", row.reason);
            assert!(row.link.starts_with("https://") && !row.source.is_empty() && !row.avoid.is_empty());
            assert!(!row.short.ends_with('.') && row.todo.ends_with('.'), "{}", row.reason);
            for quoted in
                row.todo.split('`').skip(1).step_by(2).chain(row.avoid.split('`').skip(1).step_by(2))
            {
                let word = quoted.trim_matches(['<', '>']).split([' ', '>']).next().unwrap();
                assert!(DIRECTIVES.contains(&word), "`{word}` is no directive of PowerMTA that we know");
            }
        }
        assert_eq!(table.advice.last().unwrap().reason, "other");
    }

    #[test]
    fn the_more_precise_row_wins() {
        let short = |reason, detail| advise(reason, "Gmail", detail).unwrap().short.clone();
        assert_eq!(short(Reason::Tls, Detail::TlsRequired), "turn STARTTLS on for this domain");
        assert_eq!(
            short(Reason::Tls, Detail::Fingerprint),
            "rotate cert or temp-disable TLS for this domain"
        );
        assert_eq!(short(Reason::Virus, Detail::None), "read the reply");
    }

    #[test]
    fn disabling_tls_comes_with_its_price_and_is_never_sure() {
        let row = advise(Reason::Tls, "ATT.NET", Detail::Fingerprint).unwrap();
        let text = row.text("att.net");
        for words in ["<domain att.net>", "unencrypted", "set an end", "undo", "DANE", "MTA-STS"] {
            assert!(text.contains(words), "{words} is missing in: {text}");
        }
        assert_ne!(row.confidence, Confidence::High);
    }
}
