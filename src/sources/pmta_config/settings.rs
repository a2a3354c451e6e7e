//! The limits of one queue, as PowerMTA applies them: typed reading of what the blocks merged to,
//! with PowerMTA's own defaults underneath. It finds no blocks itself.

use super::values::{self, Rate};
use std::collections::BTreeMap;

/// Every directive of a `<domain>` that is kept, and PowerMTA's default.
pub const SETTINGS: &[(&str, &str)] = &[
    ("backoff-max-connect-rate", "unlimited"),
    ("backoff-max-msg-rate", "unlimited"),
    ("backoff-max-smtp-out", "20"),
    ("backoff-reroute-to-virtual-mta", ""),
    ("backoff-retry-after", "1h"),
    ("backoff-to-normal-after", "never"),
    ("backoff-to-normal-after-delivery", "false"),
    ("backoff-upon-all-sources-disabled", "false"),
    ("bounce-after", "4d12h"),
    ("connect-timeout", "2m"),
    ("data-send-timeout", "3m"),
    ("disable-acct-records", ""),
    ("disable-mx-rollup", "false"),
    ("dkim-sign", "false"),
    ("max-connect-rate", "unlimited"),
    ("max-data-volume-rate", "unlimited"),
    ("max-errors-per-connection", "unlimited"),
    ("max-events-recorded", "10"),
    ("max-msg-per-connection", "0"),
    ("max-msg-rate", "unlimited"),
    ("max-rcpt-per-transaction", "1000"),
    ("max-smtp-out", "20"),
    ("queue-priority", "50"),
    ("queue-to", ""),
    ("reenable-source-ip-after", "never"),
    ("replace-smtp-421-service-response", "false"),
    ("require-starttls", "false"),
    ("retry-after", "10m"),
    ("retry-after-dns-error", "1m"),
    ("retry-recipients-after", "10m"),
    ("smtp-421-means-mx-unavailable", "false"),
    ("smtp-greeting-timeout", "5m"),
    ("smtp-pattern-list", ""),
    ("source-ip-max-connect-rate", "unlimited"),
    ("source-ip-max-msg-rate", "unlimited"),
    ("source-ip-max-smtp-out", "unlimited"),
    ("track-recipient-events", "false"),
    ("type", "smtp"),
    ("use-dane", "false"),
    ("use-mta-sts", "false"),
    ("use-starttls", "true"),
];

/// Where a setting of a queue was said; the later one of this list wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    #[default]
    Default,
    Global,
    Pool,
    Vmta,
}

/// The effective settings of the queue of one domain in one VMTA.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    pub(super) said: BTreeMap<String, (String, Level)>,
    /// `max-smtp-out` of the VMTA itself; `None` is unlimited.
    pub vmta_max_smtp_out: Option<u64>,
    /// `max-smtp-msg-rate` of the VMTA itself; `None` is unlimited.
    pub vmta_max_msg_rate: Option<Rate>,
}

impl Settings {
    /// What `show settings D/V` prints for people, the only form of it that is published: headings
    /// with a line of dashes below, then a directive and its value a line. `None` when it is something
    /// else.
    pub fn printed(text: &str) -> Option<Settings> {
        let mut settings = Settings::default();
        let (mut of_vmta, mut before) = (false, "");
        for line in text.lines().map(str::trim) {
            if line.len() > 3 && line.bytes().all(|byte| byte == b'-') {
                of_vmta = before.to_ascii_lowercase().starts_with("virtual mta");
            } else if let Some((name, value)) = line.split_once(char::is_whitespace) {
                let value = value.trim().trim_matches('"');
                match (of_vmta, name) {
                    (true, "max-smtp-out") => settings.vmta_max_smtp_out = values::count(value).flatten(),
                    (true, "max-smtp-msg-rate") => {
                        settings.vmta_max_msg_rate = values::rate(value).flatten();
                    }
                    (true, _) => {}
                    (false, _) if SETTINGS.iter().any(|(known, _)| *known == name) => {
                        settings.said.insert(name.to_owned(), (value.to_owned(), Level::Vmta));
                    }
                    (false, _) => {}
                }
            }
            before = line;
        }
        settings.said.contains_key("max-smtp-out").then_some(settings)
    }

    /// The value as written, or PowerMTA's default; empty for a directive that is not kept.
    pub fn text(&self, name: &str) -> &str {
        match self.said.get(name) {
            Some((value, _)) => value,
            None => default_of(name),
        }
    }

    pub fn level(&self, name: &str) -> Level {
        self.said.get(name).map(|(_, level)| *level).unwrap_or_default()
    }

    /// `None` is unlimited. What makes no sense counts as PowerMTA's default.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.read(name, values::count).flatten()
    }

    /// `None` is unlimited.
    pub fn rate(&self, name: &str) -> Option<Rate> {
        self.read(name, values::rate).flatten()
    }

    /// In seconds; `None` is never.
    pub fn interval(&self, name: &str) -> Option<u64> {
        self.read(name, values::interval).flatten()
    }

    pub fn flag(&self, name: &str) -> bool {
        self.read(name, values::flag).unwrap_or(false)
    }

    /// `None` is unlimited.
    pub fn max_smtp_out(&self) -> Option<u64> {
        self.count("max-smtp-out")
    }

    /// `None` is unlimited. 0 is PowerMTA's "no limit".
    pub fn max_msg_per_connection(&self) -> Option<u64> {
        self.count("max-msg-per-connection").filter(|limit| *limit > 0)
    }

    /// The waits between attempts in seconds; the last one repeats.
    pub fn retry_after(&self) -> Vec<u64> {
        self.read("retry-after", values::intervals).unwrap_or_default()
    }

    /// After so many seconds a recipient bounces as expired.
    pub fn bounce_after(&self) -> Option<u64> {
        self.interval("bounce-after")
    }

    /// Backoff mode that ends neither by time nor by a delivery.
    pub fn backoff_is_endless(&self) -> bool {
        !self.text("smtp-pattern-list").is_empty()
            && self.interval("backoff-to-normal-after").is_none()
            && !self.flag("backoff-to-normal-after-delivery")
    }

    fn read<T>(&self, name: &str, how: impl Fn(&str) -> Option<T>) -> Option<T> {
        how(self.text(name)).or_else(|| how(default_of(name)))
    }
}

fn default_of(name: &str) -> &'static str {
    SETTINGS.iter().find(|(known, _)| *known == name).map_or("", |(_, default)| default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_for_people_is_read_by_its_headings() {
        let text = "Virtual MTA Settings\n--------------------\nmax-smtp-msg-rate unlimited\nmax-smtp-out 300\n\nQueue Settings\n--------------\ntype smtp\nauth-password \"\"\nbounce-after 4d12h\nmax-msg-rate 400/h\nmax-smtp-out 20\nsmtp-pattern-list \"\"\n";
        let settings = Settings::printed(text).unwrap();
        assert_eq!((settings.max_smtp_out(), settings.vmta_max_smtp_out), (Some(20), Some(300)));
        assert_eq!(settings.bounce_after(), Some(388_800));
        assert_eq!(settings.rate("max-msg-rate"), Some(Rate { count: 400, seconds: 3_600 }));
        assert_eq!(settings.text("smtp-pattern-list"), "");
        assert_eq!(settings.text("auth-password"), "", "what is not needed is not kept");
        for text in ["", "Unknown command", "Virtual MTA Settings\n-----\nmax-smtp-out 3\n"] {
            assert_eq!(Settings::printed(text), None, "{text}");
        }
    }
}
