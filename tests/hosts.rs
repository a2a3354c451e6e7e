//! Real host programs run the real binary against the simulated host. Built by `.ci/run` only
//! (feature `host-tests`), because the programs must be installed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may stop at the first surprise"
)]

#[path = "hosts/agent.rs"]
mod agent;
#[allow(dead_code, reason = "the printers' own tests use more of it")]
#[path = "../src/emit/grammar/mod.rs"]
mod grammar;
#[path = "hosts/icinga.rs"]
mod icinga;
#[path = "hosts/nagios.rs"]
mod nagios;
#[path = "hosts/nrpe.rs"]
mod nrpe;
#[path = "hosts/prometheus.rs"]
mod prometheus;
#[path = "hosts/rehearsal.rs"]
mod rehearsal;
#[path = "hosts/simulated.rs"]
mod simulated;
#[path = "hosts/stage.rs"]
mod stage;
#[path = "hosts/stores.rs"]
mod stores;
#[path = "hosts/story.rs"]
mod story;
#[path = "hosts/telegraf.rs"]
mod telegraf;
#[path = "hosts/vector.rs"]
mod vector;
