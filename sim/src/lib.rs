//! A simulated PowerMTA host. It knows nothing of the product that watches it.

mod accounting;
mod books;
mod bulk;
mod calendar;
mod certificate;
mod command_line;
mod diary;
mod dice;
mod door;
mod entry;
mod faults;
mod flow;
mod harm;
mod host;
#[cfg(test)]
mod host_tests;
mod incidents;
mod meter;
mod monitor;
mod months;
mod network;
mod options;
mod providers;
mod reply;
mod settings;
mod smtp;
mod truth;
mod world;

pub use bulk::{Bulk, write_bulk};
pub use entry::Kind;
pub use faults::{Gauges, SmtpFault, WebFault};
pub use host::Host;
pub use incidents::{Incident, Plot, names as scenario_names};
pub use months::{Month, write_month};
pub use options::{Access, Columns, Options, SimError};
pub use truth::{Counts, Truth};
