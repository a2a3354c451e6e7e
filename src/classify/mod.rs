//! The provider and the reason of each SMTP reply. Pure; names no other box.

mod diagnostic;
mod engine;
pub mod explain;
mod facets;
mod hash;
mod provider;
mod reason;
mod rule;
mod status;
mod verdict;
pub mod words;

pub use engine::{Classifier, Reply};
pub use facets::Facets;
pub use provider::Providers;
pub use reason::Reason;
pub use rule::{Rule, RuleError};
pub use status::EnhancedStatus;
pub use verdict::{Answer, Provider, Stage};
