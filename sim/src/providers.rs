//! The mail world outside: who receives mail, on which hosts, and how they answer on an ordinary day.

use crate::reply::{Reply, connect, defer, refuse, unreachable};

mod gateways;
mod others;

/// A receiving organisation.
#[derive(Clone, Copy, Debug)]
pub struct Provider {
    /// The sim's own name for it.
    pub label: &'static str,
    /// Share of all recipients, per mille.
    pub share: u32,
    /// Recipient domains, the busiest first.
    pub domains: &'static [&'static str],
    /// Queue name that collects all its domains.
    pub rollup: Option<&'static str>,
    /// MX host names; `{dash}` becomes the recipient domain with dashes.
    pub hosts: &'static [&'static str],
    pub esmtp: &'static str,
    /// Answer to a delivered message.
    pub accepted: &'static str,
    /// Seconds until a first attempt is through.
    pub delay: f64,
    pub weather: &'static [Reply],
}

/// Everyone known by name; small domains are made up at start.
pub fn all() -> impl Iterator<Item = &'static Provider> {
    LARGE.iter().chain(others::TABLE).chain(gateways::TABLE)
}

/// Reasons a small server of nobody's gives.
pub const SMALL: Provider = Provider {
    label: "",
    share: 1,
    domains: &[],
    rollup: None,
    hosts: &["mail.{domain}", "mx2.{domain}"],
    esmtp: "PIPELINING,SIZE,VRFY,ETRN,STARTTLS,ENHANCEDSTATUSCODES,8BITMIME,DSN",
    accepted: "250 2.0.0 Ok: queued as {id}",
    delay: 2.0,
    weather: &[
        defer(
            120,
            "greylisted",
            "4.2.0",
            "other",
            "450 4.2.0 <{rcpt}>: Recipient address rejected: Greylisted, see http://postgrey.example/help/{domain}.html",
        ),
        defer(30, "remote-system", "4.3.0", "other", "451 4.3.0 <{rcpt}>: Temporary lookup failure"),
        defer(25, "mailbox-full", "4.2.2", "quota-issues", "452 4.2.2 <{rcpt}>: user is over quota"),
        unreachable(40, "connect-failure", "4.4.1"),
        unreachable(12, "dns", "4.4.4"),
        connect(15, "connection-limit", "4.7.0", "421 4.7.0 {mx} Error: too many connections from {ip}"),
        refuse(
            150,
            "bad-mailbox",
            "5.1.1",
            "bad-mailbox",
            "550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown in local recipient table",
        ),
        refuse(
            20,
            "blocklisted",
            "5.7.1",
            "spam-related",
            "554 5.7.1 Service unavailable; Client host [{ip}] blocked using zen.spamhaus.org; see https://www.spamhaus.org/query/ip/{ip}",
        ),
    ],
};

const OUTLOOK_ESMTP: &str =
    "SIZE,PIPELINING,DSN,ENHANCEDSTATUSCODES,STARTTLS,8BITMIME,BINARYMIME,CHUNKING,SMTPUTF8";
const GOOGLE_ESMTP: &str = "SIZE,8BITMIME,STARTTLS,ENHANCEDSTATUSCODES,PIPELINING,CHUNKING,SMTPUTF8";
const YAHOO_ESMTP: &str = "PIPELINING,SIZE,8BITMIME,STARTTLS";

const GOOGLE: &[Reply] = &[
    defer(
        35,
        "recipient-throttled",
        "4.2.1",
        "other",
        "450 4.2.1 The recipient is getting mail faster than the account allows, please resend later. https://support.google.com/mail/?p=ReceivingRate {hex}-{s}si{n} - gsmtp",
    ),
    defer(
        30,
        "mailbox-full",
        "4.2.2",
        "quota-issues",
        "452 4.2.2 The recipient's inbox is out of storage space. https://support.google.com/mail/?p=OverQuotaTemp {hex} - gsmtp",
    ),
    defer(
        25,
        "reputation",
        "4.7.28",
        "spam-related",
        "421 4.7.28 Gmail sees an unusual rate of unsolicited mail from [{ip}]. Mail from this address is limited for a time. https://support.google.com/mail/?p=UnsolicitedRateLimitError {hex} - gsmtp",
    ),
    defer(
        12,
        "temp-unspecified",
        "4.7.0",
        "other",
        "421 4.7.0 Try again later, closing connection. ({s}) {hex} - gsmtp",
    ),
    refuse(
        70,
        "bad-mailbox",
        "5.1.1",
        "bad-mailbox",
        "550 5.1.1 The account you tried to reach is not here. Look for typing mistakes, \"quotes\" or blanks in it. https://support.google.com/mail/?p=NoSuchUser {hex} - gsmtp",
    ),
    refuse(
        15,
        "inactive-mailbox",
        "5.2.1",
        "inactive-mailbox",
        "550 5.2.1 The account you tried to reach is disabled. https://support.google.com/mail/?p=DisabledUser {hex} - gsmtp",
    ),
    refuse(
        8,
        "spam-content",
        "5.7.1",
        "spam-related",
        "550 5.7.1 [{ip}] This message is likely unsolicited mail and has been blocked. https://support.google.com/mail/?p=UnsolicitedMessageError {hex} - gsmtp",
    ),
];

const MICROSOFT: &[Reply] = &[
    defer(
        60,
        "rate-limited",
        "4.7.500",
        "other",
        "451 4.7.500 Server busy. Please try again later from [{ip}]. (S77719) [{id}.eop-EUR05.prod.protection.outlook.com]",
    ),
    defer(
        25,
        "mailbox-full",
        "4.2.2",
        "quota-issues",
        "452 4.2.2 Mailbox full. The mailbox of the recipient, <{rcpt}>, has no room left",
    ),
    defer(
        20,
        "reputation",
        "4.7.650",
        "spam-related",
        "451 4.7.650 The mail server [{ip}] has been temporarily rate limited due to IP reputation. For e-mail delivery information see https://postmaster.live.com (S775) [{id}.eop-nam11.prod.protection.outlook.com]",
    ),
    connect(
        20,
        "connection-limit",
        "4.3.2",
        "421 4.3.2 The maximum number of concurrent server connections has exceeded a per-source limit, closing transmission channel",
    ),
    refuse(
        90,
        "bad-mailbox",
        "5.5.0",
        "bad-mailbox",
        "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [{id}.eop-EUR05.prod.protection.outlook.com]",
    ),
    refuse(
        15,
        "spam-content",
        "5.7.1",
        "spam-related",
        "550 5.7.1 Service unavailable, message content looks like spam. AS({n}) [{id}.namprd05.prod.outlook.com]",
    ),
];

const YAHOO: &[Reply] = &[
    defer(
        420,
        "reputation",
        "4.7.0",
        "spam-related",
        "421 4.7.0 [TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes",
    ),
    defer(380, "temp-unspecified", "4.0.0", "other", "451 Message temporarily deferred - {s}"),
    defer(
        220,
        "mailbox-full",
        "4.2.2",
        "quota-issues",
        "452 4.2.2 mailbox of this user is over its quota, \"{domain}\" keeps nothing more for it",
    ),
    defer(
        150,
        "remote-system",
        "4.3.2",
        "other",
        "451 4.3.2 Internal error reading data, resources are temporarily missing ({n})",
    ),
    connect(
        30,
        "connection-limit",
        "4.7.0",
        "421 4.7.0 [TS01] Max message per connection reached from {ip}; see https://postmaster.yahooinc.com/error-codes",
    ),
    refuse(
        140,
        "bad-mailbox",
        "5.1.1",
        "bad-mailbox",
        "554 delivery error: dd This user doesn't have a {domain} account ({rcpt}) [-{s}] - mta{n}.mail.bf1.yahoo.com",
    ),
    refuse(
        10,
        "spam-content",
        "5.7.9",
        "spam-related",
        "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes [PH01]",
    ),
];

const LARGE: &[Provider] = &[
    Provider {
        label: "Gmail",
        share: 270,
        domains: &["gmail.com", "googlemail.com"],
        rollup: None,
        hosts: &["gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"],
        esmtp: GOOGLE_ESMTP,
        accepted: "250 2.0.0 OK {n} {hex}-{s}si{n} - gsmtp",
        delay: 1.2,
        weather: GOOGLE,
    },
    Provider {
        label: "Gmail",
        share: 45,
        domains: &[
            "kestrel-tools.example",
            "harbour-press.example",
            "brightloom.example",
            "fjordbank.example",
        ],
        rollup: None,
        hosts: &["aspmx.l.google.com", "alt2.aspmx.l.google.com"],
        esmtp: GOOGLE_ESMTP,
        accepted: "250 2.0.0 OK {n} {hex}-{s}si{n} - gsmtp",
        delay: 1.4,
        weather: GOOGLE,
    },
    Provider {
        label: "Microsoft",
        share: 150,
        domains: &["outlook.com", "hotmail.com", "live.com", "msn.com"],
        rollup: None,
        hosts: &["{dash}.olc.protection.outlook.com"],
        esmtp: OUTLOOK_ESMTP,
        accepted: "250 2.6.0 <secret-{hex}@mta.sender.example> [InternalId={n}, Hostname={id}.eurp195.prod.outlook.com] {n} bytes in 0.{s}, 210.113 KB/sec Queued mail for delivery -> 250 2.1.5",
        delay: 2.0,
        weather: MICROSOFT,
    },
    Provider {
        label: "Microsoft",
        share: 60,
        domains: &[
            "fabrikam.example",
            "oakfield-school.example",
            "stadtwerke-nord.example",
            "contadora.example",
        ],
        rollup: None,
        hosts: &["{dash}.mail.protection.outlook.com"],
        esmtp: OUTLOOK_ESMTP,
        accepted: "250 2.6.0 <secret-{hex}@mta.sender.example> [InternalId={n}, Hostname={id}.eurprd04.prod.outlook.com] {n} bytes in 0.{s}, 180.402 KB/sec Queued mail for delivery",
        delay: 2.5,
        weather: MICROSOFT,
    },
    Provider {
        label: "Yahoo",
        share: 110,
        domains: &["yahoo.com", "yahoo.co.uk", "yahoo.fr", "ymail.com", "rocketmail.com"],
        rollup: Some("yahoo.rollup"),
        hosts: &["mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net", "mta7.am0.yahoodns.net"],
        esmtp: YAHOO_ESMTP,
        accepted: "250 ok dirdel {s}/{s}",
        delay: 1.8,
        weather: YAHOO,
    },
    Provider {
        label: "Yahoo",
        share: 20,
        domains: &["aol.com"],
        rollup: None,
        hosts: &["mx-aol.mail.gm0.yahoodns.net"],
        esmtp: YAHOO_ESMTP,
        accepted: "250 ok dirdel",
        delay: 1.9,
        weather: YAHOO,
    },
];

/// Queue names PowerMTA makes for rollups: `(name, MX pattern)`.
pub fn rollups() -> impl Iterator<Item = (&'static str, &'static str)> {
    all().filter_map(|provider| Some((provider.rollup?, *provider.hosts.first()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ordinary_day_at_yahoo_is_twelve_per_cent() {
        let weather = YAHOO.iter().filter(|reply| reply.effect != crate::reply::Effect::Refuse);
        assert_eq!(weather.map(|reply| reply.weight).sum::<u32>(), 1_200);
    }

    #[test]
    fn nobody_defers_or_refuses_more_than_a_quarter_on_an_ordinary_day() {
        for provider in all() {
            assert!(!provider.domains.is_empty() && !provider.hosts.is_empty());
            let sum: u32 = provider.weather.iter().map(|reply| reply.weight).sum();
            assert!(sum < 2_500, "{}: {sum}", provider.label);
        }
    }
}
