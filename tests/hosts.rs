//! Real host programs run the real binary against the simulated host. Built by `.ci/run` only
//! (feature `host-tests`), because the programs must be installed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may stop at the first surprise"
)]

#[path = "hosts/simulated.rs"]
mod simulated;
#[path = "hosts/telegraf.rs"]
mod telegraf;
