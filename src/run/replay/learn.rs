//! `replay --learn`: what old files say is usual becomes the ledger's own. It changes nothing that
//! live records taught.

use super::super::RunError;
use super::super::judgement::Judgement;
use super::super::setup::Setup;
use super::ledger_of;
use crate::ledger::baseline::{BUCKET_SECONDS, Pair};
use crate::ledger::windows::{HOST, OTHER};
use crate::record::{Seconds, Tick};

/// Whose notes say what was learned.
const LEARNED: &str = "learned";

/// The time of the ledger's first live record, if it has one.
pub fn first_live(setup: &Setup, tick: Tick) -> Result<Option<Seconds>, RunError> {
    let mut ledger = ledger_of(setup, tick)?;
    let locked = ledger.lock(tick.deadline)?;
    Ok(locked.shelf().windows()?.span().map(|(first, _)| first))
}

/// Lays what was learned under what the ledger knows.
pub fn keep(
    setup: &Setup,
    tick: Tick,
    judgement: &Judgement,
    first_live: Option<Seconds>,
) -> Result<(), RunError> {
    let mut ledger = ledger_of(setup, tick)?;
    let locked = ledger.lock(tick.deadline)?;
    let shelf = locked.shelf();
    let mut windows = shelf.windows()?;
    let mut baselines = shelf.baselines(true)?;
    let born = windows.span().map(|(first, _)| first);
    if born != first_live {
        return Err(RunError::Overtaken);
    }
    let learned = &judgement.windows;
    let now = first_live.unwrap_or(tick.now());
    let mut pairs = vec![Pair { theirs: HOST, ours: HOST, name: String::new() }];
    for key in learned.keys().filter(|key| *key != OTHER) {
        if let Some(row) = learned.provider(key) {
            let ours = windows.adopt(&row.name, row.named, now);
            if ours != OTHER {
                pairs.push(Pair { theirs: key, ours, name: row.name.clone() });
            }
        }
    }
    let until = first_live.map_or(i64::MAX, |first| first.div_euclid(BUCKET_SECONDS));
    baselines.lay_under(&judgement.baselines, &pairs, until, &mut locked.notes(LEARNED));
    shelf.keep(&mut windows, &mut baselines)?;
    locked.commit()?;
    Ok(())
}
