//! Why a queue waits, by the words of its newest errors. Only texts that PowerMTA is known to
//! write, and what receivers say of rates.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    SourcesDisabled,
    Dns,
    Dkim,
    OwnLimit,
    Throttled,
    NoAnswer,
    Unavailable,
}

/// The first that fits the newest error that has one.
const PHRASES: &[(&str, Cause)] = &[
    ("are now disabled", Cause::SourcesDisabled),
    ("dnsqueryfailed", Cause::Dns),
    ("domain-key", Cause::Dkim),
    ("dkim", Cause::Dkim),
    ("connect rate limit reached", Cause::OwnLimit),
    ("message rate limit reached", Cause::OwnLimit),
    ("rate limit", Cause::Throttled),
    ("too many", Cause::Throttled),
    ("4.7.28", Cause::Throttled),
    ("4.2.1", Cause::Throttled),
    ("try again later", Cause::Throttled),
    ("temporarily deferred", Cause::Throttled),
    ("etimedout", Cause::NoAnswer),
    ("econnrefused", Cause::NoAnswer),
    ("ediscon", Cause::NoAnswer),
    ("temporarily unavailable", Cause::Unavailable),
    ("service not available", Cause::Unavailable),
    ("try later", Cause::Unavailable),
];

impl Cause {
    pub fn of(text: &str) -> Option<Cause> {
        text.split("; ").find_map(|error| {
            let error = error.to_lowercase();
            PHRASES.iter().find(|(phrase, _)| error.contains(phrase)).map(|(_, cause)| *cause)
        })
    }

    pub fn words(self) -> &'static str {
        match self {
            Cause::SourcesDisabled => "every source address is disabled",
            Cause::Dns => "DNS look-ups fail",
            Cause::Dkim => "a DKIM key is missing or does not pass",
            Cause::OwnLimit => "our own rate limit is reached",
            Cause::Throttled => "the receiver throttles us",
            Cause::NoAnswer => "the receiver does not answer",
            Cause::Unavailable => "the receiver turns us away for now",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powermta_s_own_words_are_understood() {
        for (text, expected) in [
            ("All SMTP sources for queue aol.com/a are now disabled.", Some(Cause::SourcesDisabled)),
            ("StatusDnsQueryFailed resolving example.com", Some(Cause::Dns)),
            ("connect rate limit reached", Some(Cause::OwnLimit)),
            ("message rate limit reached (based on max-msg-rate in configuration)", Some(Cause::OwnLimit)),
            (
                "skip of MX requested: \"421 4.2.1 :  (DYN:T1)\" received from a (192.0.2.1)",
                Some(Cause::Throttled),
            ),
            ("ETIMEDOUT connecting to a (192.0.2.1)", Some(Cause::NoAnswer)),
            (
                "Error: \"421 Service temporarily unavailable\" while connected from a to b",
                Some(Cause::Unavailable),
            ),
            ("something else; ECONNREFUSED connecting to a", Some(Cause::NoAnswer)),
            ("Error: \"451 4.3.0 no\" while connected from a to b", None),
        ] {
            assert_eq!(Cause::of(text), expected, "{text}");
        }
    }
}
