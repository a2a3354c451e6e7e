//! `doctor`: asks the web monitor once, lets everything be examined, and prints what to mend.

use super::setup::Setup;
use super::{RunError, print};
use crate::cli;
use crate::doctor::{Examination, LocalHost, State, WebProbe, examine, fix_commands, render, worst};
use crate::record::Notes;
use crate::sources::pmta_config;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A person waits for this one.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn run(setup: &Setup, args: &cli::Doctor, started: Instant) -> Result<ExitCode, RunError> {
    let own = &setup.loaded.config;
    let found = pmta_config::discover(&own.pmta.config, &mut Notes::default());
    let config = pmta_config::fill(own.clone(), &found);
    let tick = setup.clock.tick(started, PATIENCE);
    let web = WebProbe::NotTried;
    let advice = examine(&Examination {
        config: &config,
        found: &found,
        web,
        state: &setup.place.folder,
        now: tick.now(),
        host: &LocalHost::here(),
    });
    let text = if args.fix_commands { fix_commands(&advice) } else { render(&advice) };
    print(text.as_bytes())?;
    Ok(if worst(&advice) == State::Bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
