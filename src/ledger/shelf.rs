//! The judge's windows and baselines, taken down only by a run that needs them and put back in
//! its transaction. It knows what they are called, not what is in them.

use super::{Baselines, Ledger, LedgerError, Windows};

/// Stays usable beside a borrowed tally, as a source's notes do.
#[derive(Debug, Clone, Copy)]
pub struct Shelf<'l> {
    pub(super) ledger: &'l Ledger,
}

impl Shelf<'_> {
    pub fn windows(&self) -> Result<Windows, LedgerError> {
        self.ledger.heed(Windows::load(&self.ledger.db).map_err(LedgerError::from))
    }

    /// `history`: also the seven days of five-minute totals.
    pub fn baselines(&self, history: bool) -> Result<Baselines, LedgerError> {
        self.ledger.heed(Baselines::load(&self.ledger.db, history).map_err(LedgerError::from))
    }

    /// Writes what changed, within the transaction that is open.
    pub fn keep(&self, windows: &mut Windows, baselines: &mut Baselines) -> Result<(), LedgerError> {
        let kept = windows.save(&self.ledger.db).and_then(|()| baselines.save(&self.ledger.db));
        self.ledger.heed(kept.map_err(LedgerError::from))
    }
}
