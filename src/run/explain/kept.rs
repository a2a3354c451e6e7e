//! Replies that the ledger remembers: those that no rule knows, those that are new. It writes
//! nothing.

use crate::classify::templates::{self, Template};
use crate::cli;
use crate::ledger::{Ledger, Limits, repertoire};
use crate::record::Seconds;
use crate::run::counting::CLASSIFY;
use crate::run::setup::Setup;
use crate::run::{RunError, print};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);
/// For so long a reply counts as new.
const NEW: Seconds = 86_400;
/// More than a screen or two is no list for people.
const MOST: usize = 200;

pub fn list(setup: &Setup, args: &cli::Explain, started: Instant) -> Result<(), RunError> {
    let tick = setup.clock.tick(started, PATIENCE);
    let ledger = Ledger::rehearse(&setup.place, Limits::default(), &tick)?;
    let kept = repertoire::kept(&ledger.glance()?.notes(CLASSIFY)?);
    if kept.is_empty() {
        return print(b"No reply has been kept yet: the ledger is filled by `collect`.\n");
    }
    let total = kept.len();
    let mut wanted: Vec<Template> =
        if args.unknown { templates::unknown(kept) } else { templates::by_volume(kept) };
    if args.new {
        wanted.retain(|template| tick.now() - template.first_seen < NEW);
    }
    if wanted.is_empty() {
        return print(format!("None of the {total} replies kept.\n").as_bytes());
    }
    let mut text = templates::listing(wanted.iter().take(MOST), &date);
    if wanted.len() > MOST {
        text.push_str(&format!("({} more)\n", wanted.len() - MOST));
    }
    print(text.as_bytes())
}

fn date(time: Seconds) -> String {
    jiff::Timestamp::from_second(time).map_or_else(|_| time.to_string(), |time| time.to_string())
}
