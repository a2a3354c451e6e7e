//! The provider and the reason of each SMTP reply. Pure; names no other box.

mod reason;
mod verdict;

pub use reason::Reason;
pub use verdict::{Answer, Provider, Stage};
