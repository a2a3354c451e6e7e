//! cargo-fuzz around the body that `cargo test` runs too; it decides nothing.
#![no_main]

#[path = "../../tests/fuzz/mod.rs"]
#[allow(dead_code)]
mod fuzz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::kernel::body(data));
