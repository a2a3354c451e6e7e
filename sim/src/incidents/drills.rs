//! Plots for drills, which no random month draws. A table, no code.

use super::table::USUAL;
use super::{Change, Plot, unreachable};

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
];
