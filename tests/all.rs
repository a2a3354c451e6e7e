//! The one test binary: each module drives the built binary, or the tree, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may stop at the first surprise"
)]

mod check;
mod collect;
mod contract;
mod crash;
mod cuts;
mod dice;
mod doctor;
mod explain;
mod fuzz;
#[allow(dead_code, reason = "the printers' own tests use more of it")]
#[path = "../src/emit/grammar/mod.rs"]
mod grammar;
mod histories;
mod judgement;
mod logs;
mod loops;
mod mutations;
mod readme;
mod replay;
mod replies;
mod rig;
mod secrets;
mod signals;
mod tidy;
mod vector;
