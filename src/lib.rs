//! A list of modules for benches, fuzz bodies and the model test. No API promise: the product is
//! the binary.
#![doc(hidden)]

pub mod classify;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod emit;
pub mod judge;
pub mod ledger;
pub mod record;
pub mod run;
pub mod sources;
