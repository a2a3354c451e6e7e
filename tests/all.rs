//! The one test binary: each module drives the built binary, or the tree, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may stop at the first surprise"
)]

mod collect;
mod doctor;
mod readme;
mod replay;
mod rig;
mod tidy;
