//! `doctor`: asks the web monitor once, lets everything be examined, and prints what to mend.

use super::aside;
use super::explain::refused_rules;
use super::passage::RECORDS;
use super::setup::Setup;
use super::{RunError, patterns, print};
use crate::classify::Providers;
use crate::cli;
use crate::config::Config;
use crate::doctor::{Examination, LocalHost, Rules, State, WebProbe, examine, fix_commands, render, worst};
use crate::ledger::{Ledger, Limits};
use crate::record::{Notes, Tick, tag};
use crate::sources::{SOURCES, Source, follow, pmta_config, web};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A person waits for this one.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn run(setup: &Setup, args: &cli::Doctor, started: Instant) -> Result<ExitCode, RunError> {
    let own = &setup.loaded.config;
    let pmta_config::Parsed { found, queues } = pmta_config::read(&own.pmta.config);
    let config = Arc::new(pmta_config::fill(own.clone(), &found));
    let tick = setup.clock.tick(started, PATIENCE);
    let off = found.readable && found.web_port().is_none() && own.pmta.url.is_none();
    let web = if off { WebProbe::Off } else { probe(setup, &config, tick) };
    let rules = own.rules.directory.as_ref().map(|folder| Rules {
        folder: folder.clone(),
        files: setup.rules.len(),
        refused: refused_rules(setup, &Providers::new(&own.providers)),
    });
    let advice = examine(&Examination {
        config: &config,
        found: &found,
        web,
        state: &setup.place.folder,
        now: tick.now(),
        host: &LocalHost::here(),
        rules: &rules,
        patterns: &patterns::faults(&queues),
        rejected: rejected(setup, &tick),
    });
    let text = if args.fix_commands { fix_commands(&advice) } else { render(&advice) };
    print(text.as_bytes())?;
    Ok(if worst(&advice) == State::Bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What `collect` kept of records that made no sense. A ledger that cannot be read has a line of its
/// own in the report.
fn rejected(setup: &Setup, tick: &Tick) -> Option<(u64, String)> {
    let ledger = Ledger::rehearse(&setup.place, Limits::default(), tick).ok()?;
    let notes = ledger.glance().ok()?.notes(RECORDS).ok()?;
    follow::rejected(&notes)
}

/// One fetch of the pages by the source itself, so that the doctor sees what a run would see: over
/// HTTP only, for a run that must use the `pmta` command instead is what is to be mended.
fn probe(setup: &Setup, config: &Arc<Config>, tick: Tick) -> WebProbe {
    if config.pmta.url.is_none() {
        return WebProbe::NotTried;
    }
    let mut config = Config::clone(config);
    config.pmta.command = PathBuf::new();
    let config = &Arc::new(config);
    let source: Option<&&'static dyn Source> = SOURCES.iter().find(|source| source.name() == web::NAME);
    let asked = source.map(|source| (*source, Notes::default())).into_iter().collect();
    let hauls = aside::start(asked, config, tick).wait(tick.deadline, &setup.stop);
    let Some(haul) = hauls.into_iter().next() else { return WebProbe::NotTried };
    let version = haul.samples.iter().find(|sample| sample.measurement == "pmta");
    match &haul.result {
        Err(error) => WebProbe::told(error),
        Ok(()) => WebProbe::Answers {
            version: version.map_or_else(String::new, |sample| tag(&sample.tags, "version").to_owned()),
        },
    }
}
