//! The fuzz bodies: plain functions that take any bytes and panic when a promise is broken. They
//! call public functions only, and are shared by `cargo test` and by cargo-fuzz (`fuzz/`).

pub mod accounting;
pub mod classifier;
pub mod configuration;
pub mod kernel;
pub mod pmta_config;
pub mod printers;
pub mod reference;
pub mod web;

/// A body, and the words that its mutator may throw in.
pub struct Body {
    /// Also the name of its folder under `fuzz/corpus`.
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub words: &'static [&'static str],
    /// Of a hundred mutations, how many are its own.
    pub share: usize,
}

pub const BODIES: &[Body] = &[
    Body { name: "accounting", run: accounting::body, words: accounting::WORDS, share: 35 },
    Body { name: "web", run: web::body, words: web::WORDS, share: 20 },
    Body { name: "pmta_config", run: pmta_config::body, words: pmta_config::WORDS, share: 4 },
    Body { name: "classifier", run: classifier::body, words: classifier::WORDS, share: 20 },
    Body { name: "configuration", run: configuration::body, words: configuration::WORDS, share: 14 },
    Body { name: "kernel", run: kernel::body, words: kernel::WORDS, share: 1 },
    Body { name: "printers", run: printers::body, words: printers::WORDS, share: 6 },
];
