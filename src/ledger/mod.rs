//! The only disk writes: totals, windows, baseline, events and cursors in one transaction.

pub mod baseline;
pub mod windows;
