//! The only disk writes: totals, windows, baseline, events and cursors in one transaction. It
//! knows no source, judges nothing and prints nothing.
//!
//! A run goes: `Ledger::open` -> `lock` -> count, keep -> `commit` (which unlocks) -> print ->
//! `printed` moves the consumer's cursor -> `tend` makes the hourly copy. Whoever does not get the
//! lock, or whose commit fails, shows what `glance` gives: the last committed truth.

pub mod baseline;
mod caught_up;
mod consumers;
mod damage;
mod delays;
mod error;
mod events;
mod findings;
mod folder;
mod glance;
mod growth;
mod key;
mod lock;
mod locked;
mod notes;
mod open;
mod packing;
mod place;
pub mod repertoire;
mod shelf;
mod sketch;
mod slots;
mod store;
mod totals;
mod vanished;
pub mod windows;

#[cfg(test)]
mod tests;

pub use baseline::Baselines;
pub use caught_up::Reading;
pub use consumers::News;
pub use error::LedgerError;
pub use glance::Glance;
pub use locked::Locked;
pub use notes::SourceNotes;
pub use open::{Ledger, Limits, Vitals};
pub use place::{Place, SHARED_FOLDER, Surroundings, resolve};
pub use repertoire::Repertoire;
pub use shelf::Shelf;
pub use slots::{OTHER, Slots};
pub use totals::Tally;
pub use windows::Windows;
