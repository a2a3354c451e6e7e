//! The plots: a table, no code. Probabilities are those of one attempt at strength 1.

use super::{Change, Plot, connect, defer, refuse, unreachable};

/// What most plots have in common.
pub(super) const USUAL: Plot = Plot {
    name: "",
    provider: "",
    domains: &[],
    reason: "",
    one_vmta: false,
    minutes_of_hour: 60,
    seconds: 1_800,
    pages: true,
    ramp: false,
    change: Change::Volume(1.0),
};

pub(super) const PLOTS: &[Plot] = &[
    Plot {
        name: "yahoo-handshake",
        provider: "Yahoo",
        reason: "temp-unspecified",
        change: Change::Answers {
            probability: 0.295,
            replies: &[
                connect(
                    3,
                    "temp-unspecified",
                    "4.0.0",
                    "421 Service temporarily unavailable, closing transmission channel - {mx}",
                ),
                connect(
                    1,
                    "temp-unspecified",
                    "4.0.0",
                    "421 4.3.2 {mx} not taking new sessions just now, please try later",
                ),
            ],
        },
        ..USUAL
    },
    Plot {
        name: "att-tls",
        provider: "ATT.NET",
        reason: "tls",
        change: Change::Answers {
            probability: 0.21,
            replies: &[
                connect(
                    3,
                    "tls",
                    "4.7.5",
                    "454 4.7.5 TLS certificate fingerprint mismatch, session refused ({mx})",
                ),
                connect(
                    1,
                    "tls",
                    "4.7.0",
                    "454 4.7.0 TLS not available: handshake failed, certificate verify error",
                ),
            ],
        },
        ..USUAL
    },
    Plot {
        name: "comcast-450",
        provider: "Comcast",
        reason: "temp-unspecified",
        change: Change::Answers {
            probability: 0.45,
            replies: &[defer(1, "temp-unspecified", "4.0.0", "other", "450 try later")],
        },
        ..USUAL
    },
    Plot {
        name: "gmail-rate",
        provider: "Gmail",
        reason: "rate-limited",
        change: Change::Answers {
            probability: 0.3,
            replies: &[
                defer(
                    3,
                    "reputation",
                    "4.7.28",
                    "spam-related",
                    "421 4.7.28 Gmail sees an unusual rate of unsolicited mail from [{ip}]. Mail from this address is limited for a time. https://support.google.com/mail/?p=UnsolicitedRateLimitError {hex} - gsmtp",
                ),
                defer(
                    4,
                    "rate-limited",
                    "4.7.0",
                    "other",
                    "421 4.7.0 This server sends mail too fast, too many messages from [{ip}]; slow down and retry. {hex} - gsmtp",
                ),
            ],
        },
        ..USUAL
    },
    Plot {
        name: "microsoft-blocklist",
        provider: "Microsoft",
        reason: "blocklisted",
        one_vmta: true,
        change: Change::Answers {
            probability: 0.92,
            replies: &[refuse(
                1,
                "blocklisted",
                "5.7.1",
                "spam-related",
                "550 5.7.1 Unfortunately, messages from [{ip}] weren't sent. Part of their network is on our block list (S3140). See https://mail.live.com/mail/troubleshooting.aspx#errors. [{id}.eop-nam12.prod.protection.outlook.com]",
            )],
        },
        ..USUAL
    },
    Plot {
        name: "greylist-hour",
        provider: "Microsoft",
        domains: &["stadtwerke-nord.example"],
        reason: "greylisted",
        minutes_of_hour: 10,
        seconds: 2592000,
        pages: false,
        change: Change::Answers {
            probability: 0.85,
            replies: &[defer(
                1,
                "greylisted",
                "4.7.1",
                "other",
                "451 4.7.1 <{rcpt}>: Greylisted for ten minutes, please come back",
            )],
        },
        ..USUAL
    },
    Plot {
        name: "resolver-down",
        provider: "",
        reason: "dns",
        seconds: 900,
        change: Change::Answers { probability: 0.9, replies: &[unreachable(1, "dns", "4.4.4")] },
        ..USUAL
    },
    Plot {
        name: "dkim-lost",
        provider: "Gmail",
        reason: "auth",
        change: Change::Answers {
            probability: 0.35,
            replies: &[
                defer(
                    2,
                    "auth",
                    "4.7.30",
                    "policy-related",
                    "421 4.7.30 Mail was rate limited because DKIM does not pass. Gmail asks all large senders to sign. https://support.google.com/mail/answer/81126#authentication {hex} - gsmtp",
                ),
                refuse(
                    1,
                    "auth",
                    "5.7.26",
                    "policy-related",
                    "550 5.7.26 This mail is unauthenticated: DKIM = did not pass, SPF [{domain}] with ip: [{ip}] = did not pass. https://support.google.com/mail/answer/81126#authentication {hex} - gsmtp",
                ),
            ],
        },
        ..USUAL
    },
    Plot {
        name: "slow-isp",
        provider: "Orange",
        reason: "slow",
        seconds: 2700,
        change: Change::Slowness(150.0),
        ..USUAL
    },
    Plot {
        name: "content-block",
        provider: "Comcast",
        reason: "spam-content",
        change: Change::Answers {
            probability: 0.5,
            replies: &[refuse(
                1,
                "spam-content",
                "5.7.1",
                "spam-related",
                "550 5.7.1 {id} Message rejected: its content was judged to be spam",
            )],
        },
        ..USUAL
    },
    Plot {
        name: "mailbox-full-wave",
        provider: "Apple",
        reason: "mailbox-full",
        pages: false,
        change: Change::Answers {
            probability: 0.2,
            replies: &[defer(
                1,
                "mailbox-full",
                "4.2.2",
                "quota-issues",
                "452 4.2.2 <{rcpt}>: user is over quota",
            )],
        },
        ..USUAL
    },
    Plot {
        name: "throughput-drop",
        provider: "",
        reason: "throughput",
        seconds: 2400,
        change: Change::Volume(0.08),
        ..USUAL
    },
    Plot {
        name: "gmx-policy",
        provider: "GMX",
        reason: "policy",
        change: Change::Answers {
            probability: 0.4,
            replies: &[refuse(
                1,
                "policy",
                "5.0.0",
                "policy-related",
                "554 Transaction failed. Reject due to policy violations. For explanation visit https://www.gmx.net/mail/senderguidelines?c=hi",
            )],
        },
        ..USUAL
    },
    Plot {
        name: "apple-volume",
        provider: "Apple",
        reason: "rate-limited",
        change: Change::Answers {
            probability: 0.35,
            replies: &[defer(
                1,
                "rate-limited",
                "4.7.0",
                "other",
                "421 4.7.0 Blocked - excessive volume from {ip}, slow down. See https://support.apple.com/en-us/HT204137",
            )],
        },
        ..USUAL
    },
    Plot {
        name: "qq-frequency",
        provider: "QQ",
        reason: "rate-limited",
        change: Change::Answers {
            probability: 0.5,
            replies: &[defer(
                1,
                "rate-limited",
                "4.0.0",
                "other",
                "451 Ip frequency limited [{id} IP: {ip}]. https://service.mail.qq.com/detail/122/172",
            )],
        },
        ..USUAL
    },
    Plot {
        name: "laposte-timeout",
        provider: "La Poste",
        reason: "connect-failure",
        change: Change::Answers { probability: 0.6, replies: &[unreachable(1, "connect-failure", "4.4.1")] },
        ..USUAL
    },
    Plot {
        name: "webde-lost",
        provider: "WEB.DE",
        reason: "connection-lost",
        change: Change::Answers {
            probability: 0.4,
            replies: &[connect(1, "connection-lost", "4.4.2", "421 4.4.1 Connection timed out")],
        },
        ..USUAL
    },
    Plot {
        name: "orange-connections",
        provider: "Orange",
        reason: "connection-limit",
        change: Change::Answers {
            probability: 0.4,
            replies: &[connect(
                1,
                "connection-limit",
                "4.0.0",
                "421 mwinf5c{s} ME Trop de connexions, veuillez verifier votre configuration. Too many connections, slow down. OFR005_104 [104]",
            )],
        },
        ..USUAL
    },
    Plot {
        name: "tonline-blocklist",
        provider: "T-Online",
        reason: "blocklisted",
        one_vmta: true,
        change: Change::Answers {
            probability: 0.9,
            replies: &[connect(
                1,
                "blocklisted",
                "4.0.0",
                "554 IP={ip} - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de to clarify.) (BL)",
            )],
        },
        ..USUAL
    },
    Plot {
        name: "mailru-rdns",
        provider: "Mail.ru",
        reason: "rdns",
        change: Change::Answers {
            probability: 0.5,
            replies: &[refuse(
                1,
                "rdns",
                "5.0.0",
                "policy-related",
                "550 PTR record of {ip} is missing or does not match the name in HELO, mail from it is not accepted",
            )],
        },
        ..USUAL
    },
    Plot {
        name: "proofpoint-down",
        provider: "Proofpoint",
        reason: "remote-system",
        change: Change::Answers {
            probability: 0.7,
            replies: &[defer(
                1,
                "remote-system",
                "4.3.0",
                "other",
                "451 4.3.0 Internal server error, no space left on the queue disk",
            )],
        },
        ..USUAL
    },
];
