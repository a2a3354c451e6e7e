//! Pure judgement: detect, attribute, suppress, advise. It reads the ledger's counts and keeps
//! its own state in the baselines; it reads no clock, no file and no socket.

mod advise;
mod attribute;
mod bench;
pub mod checks;
mod describe;
pub mod detectors;
mod habits;
mod learn;
mod life;
mod series_step;
mod signal;
pub mod signals;
mod suppress;
mod surroundings;
pub mod theory;
pub mod wording;

pub use bench::{Bench, STEP};
pub use detectors::{DETECTORS, Detector};
pub use suppress::{SuppressError, maintenance};
pub use surroundings::{Change, Surroundings, changed_before};

#[cfg(test)]
mod measure_tests;
