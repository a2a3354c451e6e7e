//! Plots for labelled months: slow ones, short ones, and changes of volume. A table, no code.

use super::table::USUAL;
use super::{Change, Plot, connect, defer, unreachable};

pub(super) const PLOTS: &[Plot] = &[
    Plot {
        name: "gradual-drift",
        provider: "Mail.ru",
        reason: "rate-limited",
        seconds: 6 * 86_400,
        pages: false,
        ramp: true,
        change: Change::Answers {
            probability: 0.15,
            replies: &[defer(
                1,
                "rate-limited",
                "4.0.0",
                "other",
                "451 Ratelimit exceeded for {ip}, try again later. https://help.mail.ru/notspam-support/id?c={hex}",
            )],
        },
        ..USUAL
    },
    Plot {
        name: "dead-domain",
        provider: "tidemark-books.example",
        reason: "connect-failure",
        seconds: 86_400,
        change: Change::Answers { probability: 0.98, replies: &[unreachable(1, "connect-failure", "4.4.1")] },
        ..USUAL
    },
    Plot {
        name: "burst-gmail",
        provider: "Gmail",
        reason: "temp-unspecified",
        seconds: 240,
        pages: false,
        change: Change::Answers {
            probability: 0.6,
            replies: &[defer(
                1,
                "temp-unspecified",
                "4.7.0",
                "other",
                "421 4.7.0 Try again later, closing connection. ({s}) {hex} - gsmtp",
            )],
        },
        ..USUAL
    },
    Plot {
        name: "burst-orange",
        provider: "Orange",
        reason: "connection-limit",
        seconds: 300,
        pages: false,
        change: Change::Answers {
            probability: 0.6,
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
        name: "phantom-3am",
        provider: "Apple",
        reason: "temp-unspecified",
        seconds: 480,
        pages: false,
        change: Change::Answers {
            probability: 0.7,
            replies: &[defer(
                1,
                "temp-unspecified",
                "4.3.2",
                "other",
                "451 4.3.2 Service is resting, try again in a few minutes",
            )],
        },
        ..USUAL
    },
    Plot {
        name: "campaign",
        reason: "volume",
        seconds: 3 * 3_600,
        pages: false,
        change: Change::Volume(2.6),
        ..USUAL
    },
    Plot {
        name: "holiday",
        reason: "volume",
        seconds: 86_400,
        pages: false,
        change: Change::Volume(0.45),
        ..USUAL
    },
];
