//! The one table of every key: its type, what it means, what holds when it is not set. Loading,
//! `config` and the README read it; the structs of `config.rs` are held to it by a test.

use super::check;

/// What a key may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Texts,
    Flag,
    Count,
    Number,
}

impl Kind {
    pub(super) fn wanted(self) -> &'static str {
        match self {
            Kind::Text => "a text in quotes",
            Kind::Texts => "a list of texts in quotes",
            Kind::Flag => "true or false",
            Kind::Count => "a whole number",
            Kind::Number => "a number",
        }
    }
}

/// Says what is wrong with a value of the right type.
pub(super) type Check = fn(&toml::Value) -> Result<(), String>;

pub(super) struct Key {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) check: Check,
    /// What holds when the key is not set and has no default of its own.
    pub(super) unset: &'static str,
    /// A value for the README and for a commented line.
    pub(super) example: &'static str,
    pub(super) about: &'static str,
}

/// `[section]`, in the order of the README.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    ("pmta", "PowerMTA's web monitor, configuration and command"),
    ("accounting", "Accounting files"),
    ("logs", "Logs to read"),
    ("smtp", "Where to try PowerMTA's SMTP listeners"),
    ("host", "The host that PowerMTA runs on"),
    ("providers", "Your own providers: a name and the domains (of recipients or MX hosts) that belong to it"),
    ("rules", "Your own classification rules"),
    ("limits", "How many series are kept and printed"),
    ("judge", "When a deviation is a finding"),
    ("suppress", "Findings that are shown as suppressed; repeat the section for more than one"),
];

macro_rules! key {
    ($section:literal, $name:literal, $kind:ident, $check:path, $unset:literal, $example:literal, $about:literal) => {
        Key {
            section: $section,
            name: $name,
            kind: Kind::$kind,
            check: $check,
            unset: $unset,
            example: $example,
            about: $about,
        }
    };
}

#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key!("pmta", "url", Text, check::url, "loopback and the port in PowerMTA's configuration", "\"http://127.0.0.1:8080\"", "Where the web monitor answers"),
    key!("pmta", "api_key_file", Text, check::path, "no key is sent", "\"/etc/pmta-vitals.key\"", "File holding an X-API-Key (a key is full admin: an access line is better); no other user may read it"),
    key!("pmta", "ca_file", Text, check::path, "PowerMTA's own certificate is not trusted", "\"/var/lib/pmta/webmon.pem\"", "Certificate to trust for https"),
    key!("pmta", "pin_sha256", Text, check::pin, "no pin", "\"0000000000000000000000000000000000000000000000000000000000000000\"", "SHA-256 of the certificate to accept, in hexadecimal, whatever else it says"),
    key!("pmta", "insecure", Flag, check::any, "", "false", "Accept any certificate; never together with an API key to another host"),
    key!("pmta", "config", Text, check::path, "", "\"/etc/pmta/config\"", "PowerMTA's configuration, from which everything else is found"),
    key!("pmta", "command", Text, check::path, "", "\"/usr/sbin/pmta\"", "PowerMTA's command, used where there is no web monitor"),
    key!("pmta", "timezone", Text, check::timezone, "the host's own zone", "\"UTC\"", "Zone of the times that PowerMTA prints without one"),
    key!("pmta", "rows", Count, check::rows, "", "100", "Rows of queues, domains and VMTAs to ask for (PowerMTA shows 10 unasked)"),
    key!("accounting", "files", Texts, check::globs, "the accounting files of PowerMTA's configuration", "[\"/var/log/pmta/acct*.csv\"]", "The live accounting files; `*` and `?` may stand in a file's name, not in its folder"),
    key!("accounting", "moved", Texts, check::paths, "the `move-to` folders of PowerMTA's configuration", "[\"/var/log/pmta/archive\"]", "Folders that finished accounting files are moved to"),
    key!("logs", "pmta", Texts, check::globs, "the log of PowerMTA's configuration", "[\"/var/log/pmta/log\"]", "PowerMTA's log"),
    key!("logs", "panic", Texts, check::globs, "", "[\"/var/log/exim4/paniclog\"]", "Panic logs of relays on this host"),
    key!("logs", "kernel", Text, check::path, "", "\"/dev/kmsg\"", "The kernel's log"),
    key!("logs", "journal", Text, check::path, "", "\"/usr/bin/journalctl\"", "journald's command, asked for the kernel's records where the kernel's log itself may not be read"),
    key!("logs", "kernel_files", Texts, check::globs, "", "[\"/var/log/kern.log\"]", "What syslog writes of the kernel, read where neither of the two may be"),
    key!("smtp", "address", Text, check::address, "every listener of PowerMTA's configuration", "\"127.0.0.1:25\"", "Listeners to try once a minute, with commas between them"),
    key!("smtp", "mail_from", Text, check::mailbox, "no sender is tried", "\"probe@example.com\"", "Sender that a probe offers; with `rcpt_to` it learns whether mail is taken (RSET follows, no mail is sent)"),
    key!("smtp", "rcpt_to", Text, check::mailbox, "no recipient is tried", "\"postmaster@example.com\"", "Recipient that a probe offers"),
    key!("host", "proc", Text, check::path, "", "\"/proc\"", "Where the kernel shows its processes (in a container, where the host's /proc is mounted)"),
    key!("host", "cgroup", Text, check::path, "", "\"/sys/fs/cgroup\"", "Where the kernel shows its control groups"),
    key!("host", "folders", Texts, check::paths, "spool, log and accounting of PowerMTA's configuration", "[\"/var/spool/pmta\"]", "Folders whose disks are watched"),
    key!("rules", "directory", Text, check::path, "the built-in rules alone", "\"/etc/pmta-vitals/rules.d\"", "Folder of rule tables that extend or override the built-in ones"),
    key!("limits", "providers", Count, check::slots, "", "50", "Providers with series of their own; the rest is `other`"),
    key!("limits", "vmtas", Count, check::slots, "", "100", "VMTAs with series of their own"),
    key!("limits", "pairs", Count, check::slots, "", "400", "Pairs of provider and VMTA with series of their own"),
    key!("limits", "lines", Count, check::lines, "", "2000", "Lines printed in one run at most"),
    key!("judge", "method", Text, check::method, "", "\"reasons\"", "`reasons` judges each provider and reason; `mean-stddev` is the literal rule (7-day mean and sigmas of the total)"),
    key!("judge", "alpha", Number, check::alpha, "", "1e-7", "Chance below which a window counts as a deviation"),
    key!("judge", "smallest_excess", Number, check::not_negative, "", "40.0", "Attempts above the expected ones before anything may fire"),
    key!("judge", "complaint_ratio", Number, check::positive, "", "0.003", "Complaints (f records) of a day per delivery from which on they are told"),
    key!("judge", "sigmas", Number, check::positive, "", "2.0", "Standard deviations, for `mean-stddev` only"),
    key!("judge", "remind_seconds", Count, check::backlog, "", "14400", "What goes on is told again after so many seconds; 0 is never"),
    key!("suppress", "provider", Text, check::word, "every provider", "\"Gmail\"", "Provider that it applies to"),
    key!("suppress", "reason", Text, check::word, "every reason", "\"greylisted\"", "Reason that it applies to"),
    key!("suppress", "minutes", Text, check::minutes, "the whole hour", "\"0-10\"", "Minutes of the hour, the last not included"),
    key!("suppress", "hours", Text, check::hours, "the whole day", "\"22-6\"", "Hours of the day, the last not included; may pass midnight"),
    key!("suppress", "weekdays", Texts, check::weekdays, "every day", "[\"sat\", \"sun\"]", "Days of the week"),
    key!("suppress", "dates", Texts, check::dates, "every date", "[\"2026-12-24\"]", "Dates (YYYY-MM-DD)"),
    key!("suppress", "unless_backlog", Count, check::backlog, "no bound", "50000", "Waiting recipients above which nothing is suppressed"),
    key!("suppress", "from", Text, check::time, "ever", "\"2026-12-01T22:00:00+01:00\"", "Begin of a single stretch"),
    key!("suppress", "until", Text, check::time, "for ever", "\"2026-12-02T02:00:00+01:00\"", "Its end"),
    key!("suppress", "maintenance", Text, check::word, "no planned work", "\"new disks\"", "Name of planned work: the host's own signals are suppressed too"),
];

pub(super) fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

pub(super) fn names(section: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter(move |key| key.section == section).map(|key| key.name)
}
