//! `collect`: one collection, or the loops that repeat it for hosts that keep the process.

use super::pipes::{self, Fate};
use super::setup::Setup;
use super::stop::Stop;
use super::{RunError, passage, textfile};
use crate::cli;
use crate::emit::{self, Document};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Whose events are moved when nobody says so and the output goes to a program.
const DEFAULT_CONSUMER: &str = "default";
/// Who has our standard error when nobody's events are moved.
const NO_CONSUMER: &str = "-";
/// How often a loop with its own clock looks for SIGTERM.
const GLANCE: Duration = Duration::from_millis(20);
/// How long to wait for the ledger once everything is printed; the cursor may move later, too.
const AFTER_PRINT: Duration = Duration::from_millis(200);
/// A run that used up its time may still print for so long.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Lines of trouble on stderr in one run; the first is the one that hosts show.
const MOST_TROUBLES: usize = 5;

pub fn run(setup: &Setup, args: &cli::Collect, started: Instant) -> Result<ExitCode, RunError> {
    passage::check_names(&args.only)?;
    if let Some(interval) = args.stream {
        by_own_clock(setup, args, started, interval)?;
    } else if args.stdin {
        by_newlines(setup, args)?;
    } else {
        let until = started + args.deadline;
        once(setup, args, started, Some(until))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// One collection, printed. The order is the contract: commit, unlock, print, flush, and only
/// then this consumer's event cursor, if the reader got everything. A host that keeps the process
/// may let it wait; else printing ends at `until`, too.
fn once(
    setup: &Setup,
    args: &cli::Collect,
    started: Instant,
    until: Option<Instant>,
) -> Result<(), RunError> {
    let tick = setup.clock.tick(started, args.deadline);
    let wish = passage::Wish {
        only: &args.only,
        consumer: consumer(args),
        reader: reader(args),
        from_start: args.from_start,
        dry_run: args.dry_run,
    };
    let mut passage = passage::collect(setup, &wish, tick)?;
    tell(&passage.troubles);
    let until = until.map(|until| until.max(Instant::now() + LAST_WORDS));
    if publish(&passage.document, args, until, &setup.stop)? == Fate::Refused {
        passage.unheard();
    }
    passage.printed(Instant::now() + AFTER_PRINT);
    if until.is_some() {
        // The process ends here, and the kernel takes back a thousand rows at once.
        std::mem::forget((passage.document, passage.gauges));
    }
    Ok(())
}

fn publish(
    document: &Document,
    args: &cli::Collect,
    until: Option<Instant>,
    stop: &Stop,
) -> Result<Fate, RunError> {
    let name = if args.textfile.is_some() { "prometheus" } else { args.format.name() };
    let bytes = emit::format(name).map(|format| (format.print)(document)).unwrap_or_default();
    match &args.textfile {
        Some(path) => textfile::write(path, &bytes).map(|()| Fate::Given),
        None => pipes::give(&bytes, until, stop).map_err(RunError::Output),
    }
}

/// A person who looks must not take away what a host agent has not yet seen; nor may Prometheus,
/// which has no events.
fn consumer(args: &cli::Collect) -> Option<&str> {
    if args.textfile.is_some() || matches!(args.format, cli::Format::Prometheus) {
        return None;
    }
    match &args.consumer {
        Some(name) => Some(name),
        None if std::io::stdout().is_terminal() => None,
        None => Some(DEFAULT_CONSUMER),
    }
}

/// Whose log our troubles go to. A person is told everything each time.
fn reader(args: &cli::Collect) -> Option<&str> {
    let logged = !args.dry_run && !std::io::stderr().is_terminal();
    logged.then(|| consumer(args).unwrap_or(NO_CONSUMER))
}

/// Telegraf's log levels are prefixes; other hosts show the line as it is.
pub fn tell(troubles: &[String]) {
    for trouble in troubles.iter().take(MOST_TROUBLES) {
        let line: String = trouble.chars().take(400).collect();
        pipes::mutter(&format!("W! {}\n", line.replace(['\n', '\r'], " ")));
    }
}

/// A failed collection must not end a process that its host would restart: it is told, and the
/// next newline or tick tries again.
fn endure(result: Result<(), RunError>) {
    if let Err(error) = result {
        let line: String = error.to_string().chars().take(400).collect();
        pipes::mutter(&format!("E! {}\n", line.replace(['\n', '\r'], " ")));
    }
}

/// Telegraf's execd: a collection for each newline, until the input ends.
fn by_newlines(setup: &Setup, args: &cli::Collect) -> Result<(), RunError> {
    while let Some(lines) = pipes::lines(&setup.stop).map_err(RunError::Input)? {
        for _ in (0..lines).take_while(|_| !setup.stop.asked()) {
            endure(once(setup, args, Instant::now(), None));
        }
    }
    Ok(())
}

/// Vector's streaming mode: an own clock without drift. A run that took longer than the interval
/// skips the beats it missed, so that they never come in a burst.
fn by_own_clock(
    setup: &Setup,
    args: &cli::Collect,
    started: Instant,
    interval: Duration,
) -> Result<(), RunError> {
    let mut beat = started;
    while !setup.stop.asked() {
        endure(once(setup, args, beat.max(Instant::now()), None));
        while beat <= Instant::now() {
            beat += interval;
        }
        while Instant::now() < beat && !setup.stop.asked() {
            std::thread::sleep(GLANCE.min(beat.saturating_duration_since(Instant::now())));
        }
    }
    Ok(())
}
