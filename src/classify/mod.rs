//! The provider and the reason of each SMTP reply. Pure; names no other box.

mod diagnostic;
mod engine;
mod hash;
mod provider;
mod reason;
mod rule;
mod status;
mod verdict;

pub use engine::{Classifier, Reply};
pub use provider::Providers;
pub use reason::Reason;
pub use rule::{Rule, RuleError};
pub use status::EnhancedStatus;
pub use verdict::{Answer, Provider, Stage};
