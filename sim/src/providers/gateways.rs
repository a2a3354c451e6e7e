//! Asian providers, the gateways in front of companies, and one domain with a name that is not ASCII: a table, no code.

use super::Provider;
use crate::reply::{defer, refuse, unreachable};

const POSTFIX_ESMTP: &str = "PIPELINING,SIZE,ETRN,STARTTLS,ENHANCEDSTATUSCODES,8BITMIME,DSN";

pub(super) const TABLE: &[Provider] = &[
    Provider {
        label: "QQ",
        share: 18,
        domains: &["qq.com"],
        rollup: None,
        hosts: &["mx3.qq.com", "mx2.qq.com"],
        esmtp: "SIZE,STARTTLS,8BITMIME,MAILCOMPRESS",
        accepted: "250 Ok: queued as {id}",
        delay: 2.8,
        weather: &[
            defer(
                120,
                "rate-limited",
                "4.0.0",
                "other",
                "451 Ip frequency limited [{id} IP: {ip}]. https://service.mail.qq.com/detail/122/172",
            ),
            refuse(
                70,
                "bad-mailbox",
                "5.0.0",
                "bad-mailbox",
                "550 The recipient may contain a non-existent account, please check the recipient address. {id}",
            ),
            refuse(
                20,
                "spam-content",
                "5.0.0",
                "spam-related",
                "550 Mail content denied. [{id} IP: {ip}] https://service.mail.qq.com/detail/122/170",
            ),
        ],
    },
    Provider {
        label: "Mail.ru",
        share: 18,
        domains: &["mail.ru", "bk.ru", "list.ru"],
        rollup: None,
        hosts: &["mxs.mail.ru"],
        esmtp: "SIZE,8BITMIME,DSN,STARTTLS",
        accepted: "250 OK id={id}-{hex}",
        delay: 1.9,
        weather: &[
            defer(
                45,
                "rate-limited",
                "4.0.0",
                "other",
                "451 Ratelimit exceeded for {ip}, try again later. https://help.mail.ru/notspam-support/id?c={hex}",
            ),
            refuse(
                60,
                "inactive-mailbox",
                "5.0.0",
                "inactive-mailbox",
                "550 Message was not accepted -- the account is disabled: {rcpt}. https://help.mail.ru/mail-help/rules/errors",
            ),
            refuse(
                15,
                "spam-content",
                "5.0.0",
                "spam-related",
                "550 spam message rejected. Please visit https://help.mail.ru/notspam-support/id?c={hex} or report details",
            ),
        ],
    },
    Provider {
        label: "Mimecast",
        share: 22,
        domains: &["granite-law.example", "meridian-insure.example"],
        rollup: None,
        hosts: &["us-smtp-inbound-1.mimecast.com", "eu-smtp-inbound-2.mimecast.com"],
        esmtp: "SIZE,STARTTLS,8BITMIME,PIPELINING",
        accepted: "250 SmtpThread-{n}-{n}@{mx} Received OK [{id}.us{s}]",
        delay: 3.0,
        weather: &[
            defer(
                110,
                "greylisted",
                "4.0.0",
                "other",
                "451 Internal resources are temporarily unavailable - https://community.mimecast.com/docs/DOC-1369#451 [{id}.us{s}]",
            ),
            refuse(
                80,
                "bad-mailbox",
                "5.0.0",
                "bad-mailbox",
                "550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550 [{id}.us{s}]",
            ),
            refuse(
                10,
                "reputation",
                "5.0.0",
                "spam-related",
                "550 Rejected by header based manually Blocked Senders - poor reputation - https://community.mimecast.com/docs/DOC-1369#550 [{id}.us{s}]",
            ),
        ],
    },
    Provider {
        label: "Proofpoint",
        share: 22,
        domains: &["northgate-health.example", "alder-energy.example"],
        rollup: None,
        hosts: &["mxa-00a1b201.gslb.pphosted.com", "mxb-00a1b201.gslb.pphosted.com"],
        esmtp: POSTFIX_ESMTP,
        accepted: "250 2.0.0 {id}-1 Message accepted for delivery",
        delay: 2.4,
        weather: &[
            defer(
                40,
                "remote-system",
                "4.3.2",
                "other",
                "452 4.3.2 Please try again later, resources are short",
            ),
            refuse(
                70,
                "bad-mailbox",
                "5.1.1",
                "bad-mailbox",
                "550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown",
            ),
            refuse(
                14,
                "reputation",
                "5.7.1",
                "spam-related",
                "554 5.7.1 Blocked - see https://ipcheck.proofpoint.com/?ip={ip}",
            ),
        ],
    },
    Provider {
        label: "bücher.de",
        share: 4,
        domains: &["bücher.de"],
        rollup: None,
        hosts: &["mx.xn--bcher-kva.de"],
        esmtp: "ENHANCEDSTATUSCODES,8BITMIME,SMTPUTF8,STARTTLS",
        accepted: "250 2.0.0 Angenommen für die Zustellung {id}",
        delay: 1.5,
        weather: &[
            unreachable(80, "connect-failure", "4.4.1"),
            defer(
                60,
                "remote-system",
                "4.3.0",
                "other",
                "451 4.3.0 Vorübergehender Fehler beim Nachschlagen, \"später\" versuchen",
            ),
            refuse(
                120,
                "bad-mailbox",
                "5.1.1",
                "bad-mailbox",
                "550 5.1.1 <{rcpt}>: kein Postfach für diesen Empfänger, see https://www.xn--bcher-kva.de/hilfe",
            ),
        ],
    },
];
