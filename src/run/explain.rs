//! tmp
use super::{RunError, print, setup::Setup};
pub fn run(_s: &Setup, _a: &crate::cli::Explain) -> Result<(), RunError> {
    print(b"")
}
