//! Plots for drills, which no random month draws. A table, no code.

use super::table::USUAL;
use super::{Change, Plot, defer, unreachable};

pub(super) const PLOTS: &[Plot] = &[
    // Every queue of one provider fails as a whole: only tq records tell of it.
    Plot {
        name: "comcast-unreachable",
        provider: "Comcast",
        reason: "connect-failure",
        seconds: 7_200,
        change: Change::Answers { probability: 0.99, replies: &[unreachable(1, "connect-failure", "4.4.1")] },
        ..USUAL
    },
    // A receiver that thinks little of us and never says no.
    Plot {
        name: "gmail-reputation",
        provider: "Gmail",
        reason: "reputation",
        seconds: 7_200,
        change: Change::Answers {
            probability: 0.6,
            replies: &[defer(
                1,
                "reputation",
                "4.7.28",
                "spam-related",
                "421 4.7.28 Gmail sees an unusual rate of unsolicited mail from [{ip}]. Mail from this address is limited for a time. https://support.google.com/mail/?p=UnsolicitedRateLimitError {hex} - gsmtp",
            )],
        },
        ..USUAL
    },
];
