//! The provider and the reason of each SMTP reply. Pure; names no other box.

mod columns;
pub mod crosscheck;
mod diagnostic;
mod engine;
pub mod explain;
mod facets;
pub mod hash;
mod provider;
mod reason;
mod rule;
mod status;
pub mod summary;
pub mod templates;
mod verdict;
mod word;
pub mod words;

pub use engine::{Classifier, Reply};
pub use facets::Facets;
pub use provider::{Providers, Receiver};
pub use reason::Reason;
pub use rule::{Rule, RuleError, check as check_rules};
pub use status::EnhancedStatus;
pub use templates::{Template, Templates};
pub use verdict::{Answer, Provider, Stage};
pub use word::{ByHash, Word, hash as hash_of, hash_of_two};
