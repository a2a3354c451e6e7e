//! The finer truth beside a reason, asked for one reply at a time: provider's code, DNS list, how
//! long to wait. Knows no rule.

use super::words;
use super::{Answer, Classifier, EnhancedStatus, Reply, Stage};

/// What a reply tells beyond its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facets {
    pub stage: Option<Stage>,
    pub code: u16,
    pub status: Option<EnhancedStatus>,
    /// The provider's own code as it is printed: `S3140`, `TSS04`, `4.7.28`, `RL000010`.
    pub provider_code: Option<String>,
    /// The DNS list that is named, as a host or as its operator's name.
    pub dns_list: Option<String>,
    /// Seconds, where the reply says when to come back.
    pub retry_after: Option<u32>,
    /// Whether waiting can help, without anybody doing anything.
    pub retry_helps: bool,
    pub template: u64,
}

const LISTS: &[&str] = &[
    "spamhaus",
    "sorbs",
    "spamcop",
    "barracuda",
    "abuseat",
    "uceprotect",
    "invaluement",
    "cloudmark",
    "spamrats",
    "mailspike",
    "psbl",
    "surbl",
    "uribl",
    "hostkarma",
    "proofpoint",
    "senderscore",
    "abusix",
    "spfbl",
    "dronebl",
    "trendmicro",
    "nixspam",
    "backscatterer",
];

impl Classifier {
    /// The facets of a reply that was just answered.
    pub fn facets(&self, reply: Reply<'_>, answer: &Answer) -> Facets {
        let text = self.text();
        let status = self.status_of_text().or_else(|| EnhancedStatus::leading(reply.status));
        let retry_after = retry_after(reply.diag);
        Facets {
            stage: answer.stage,
            code: answer.code,
            status,
            provider_code: provider_code(text, status),
            dns_list: dns_list(text),
            retry_after,
            retry_helps: retry_after.is_some() || words::retry_can_help(answer.reason),
            template: answer.template,
        }
    }
}

fn provider_code(text: &str, status: Option<EnhancedStatus>) -> Option<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '#')));
    let coded = words.map(|word| word.rsplit('#').next().unwrap_or(word)).find(|word| is_code(word));
    let named = coded.map(str::to_uppercase);
    named.or_else(|| {
        let status = status.filter(|status| status.subject == 7 && status.detail >= 20)?;
        Some(format!("{}.{}.{}", status.class, status.subject, status.detail))
    })
}

/// Letters, then digits: what the normaliser lets through of this form is a code.
fn is_code(word: &str) -> bool {
    let letters = word.bytes().take_while(u8::is_ascii_lowercase).count();
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let known = |start: &str| word.starts_with(start);
    (1..=6).contains(&letters)
        && digits >= 1
        && word.len() <= 16
        && !known("rfc")
        && !known("tlsv")
        && !known("sslv")
        && !known("ipv")
        && !known("utf")
        && word.bytes().next_back().is_some_and(|last| last.is_ascii_digit())
}

fn dns_list(text: &str) -> Option<String> {
    let mut words =
        text.split(|c: char| c.is_whitespace() || matches!(c, '/' | '(' | ')' | '[' | ']' | ',' | ';' | ':'));
    let listed = |word: &&str| {
        word.contains('.')
            && word.split('.').any(|label| {
                matches!(
                    label,
                    "dnsbl" | "rbl" | "zen" | "sbl" | "xbl" | "pbl" | "dbl" | "bl" | "cbl" | "multi" | "list"
                )
            })
    };
    if let Some(host) = words.find(listed) {
        return Some(host.trim_matches('.').to_owned());
    }
    LISTS.iter().find(|name| text.contains(**name)).map(|name| (*name).to_owned())
}

/// `try again in 5 minutes`, `retry after 300 seconds`, `wait 30s`: a number behind one of the
/// words, and its unit.
fn retry_after(diag: &[u8]) -> Option<u32> {
    let diag = diag.get(..4096).unwrap_or(diag);
    let text = String::from_utf8_lossy(diag).to_ascii_lowercase();
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '.' | '=' | ':'))
        .filter(|word| !word.is_empty())
        .collect();
    words.iter().enumerate().find_map(|(at, word)| {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = word.split_at_checked(digits)?;
        let number: u32 = number.parse().ok()?;
        let unit = if unit.is_empty() { words.get(at + 1)? } else { unit };
        let scale = match unit.get(..1)? {
            "s" if unit == "s" || unit.starts_with("sec") => 1,
            "m" if unit == "m" || unit.starts_with("min") => 60,
            "h" if unit == "h" || unit.starts_with("hour") || unit.starts_with("hr") => 3_600,
            _ => return None,
        };
        let before = words.get(at.saturating_sub(4)..at)?;
        let asked = before.iter().any(|word| {
            word.starts_with("retry")
                || matches!(*word, "again" | "wait" | "after" | "within" | "back" | "later" | "in")
        });
        asked.then(|| number.saturating_mul(scale)).filter(|seconds| (1..=604_800).contains(seconds))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{Provider, Providers, Reason};
    use std::collections::BTreeMap;

    fn facets(diag: &str) -> (Reason, Facets) {
        let providers = Providers::new(&BTreeMap::new());
        let mut classifier = Classifier::new(&providers, Vec::new());
        let reply = Reply {
            provider: Provider::Domain(""),
            queue_level: false,
            transient: diag.starts_with('4'),
            status: b"",
            diag: diag.as_bytes(),
            has_remote: true,
        };
        let answer = classifier.answer(reply);
        (answer.reason, classifier.facets(reply, &answer))
    }

    #[test]
    fn codes_are_found_as_printed() {
        for (diag, code) in [
            ("550 5.7.1 messages from [192.0.2.1] weren't sent, on our block list (S3140).", Some("S3140")),
            ("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred", Some("TSS04")),
            ("421-4.7.28 unusual rate of unsolicited mail", Some("4.7.28")),
            ("421 throttled http://postmaster.comcast.net/smtp-error-codes.php#RL000010", Some("RL000010")),
            ("550 5.2.0 Mail rejected. OFR_506 [506]", Some("OFR_506")),
            ("550 5.1.1 <someone99@example.com> user unknown", None),
            ("550 5.7.1 Access denied", None),
        ] {
            assert_eq!(facets(diag).1.provider_code.as_deref(), code, "{diag}");
        }
    }

    #[test]
    fn lists_and_waiting_times_are_found() {
        let (_, listed) = facets(
            "554 5.7.1 client [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query",
        );
        assert_eq!(listed.dns_list.as_deref(), Some("zen.spamhaus.org"));
        assert!(!listed.retry_helps);
        assert!(facets("450 4.2.0 Greylisted").1.retry_helps, "the cause passes by itself");
        assert!(!facets("550 5.1.1 user unknown").1.retry_helps);
        assert!(facets("550 5.7.1 refused, retry after 60 seconds").1.retry_helps, "the reply asks for it");
        for (diag, seconds) in [
            ("450 4.2.0 Greylisted, please try again in 300 seconds", Some(300)),
            ("451 retry after 5 minutes", Some(300)),
            ("451 come back in 2h", Some(7_200)),
            ("552 message of 300 seconds length", None),
            ("450 try again later", None),
        ] {
            assert_eq!(facets(diag).1.retry_after, seconds, "{diag}");
        }
    }
}
