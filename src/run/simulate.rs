//! Keeps a simulated PowerMTA host alive by the real clock, and says how to point the product at
//! it.

use super::clock::Clock;
use super::stop::Stop;
use super::{RunError, print};
use crate::cli;
use pmta_sim::{Host, Month, Options, write_month};
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// How finely the simulated clock follows the real one.
const STEP: Duration = Duration::from_millis(100);

pub fn run(args: &cli::Simulate, clock: Clock, stop: &Stop) -> Result<(), RunError> {
    if let (true, Some(out)) = (args.month, &args.out) {
        return month(args, out);
    }
    // Kept until the end, when it removes itself with everything in it.
    let temporary = match args.dir {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(|source| RunError::Temporary { source })?),
    };
    let dir = match (&args.dir, &temporary) {
        (Some(dir), _) => dir.clone(),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => return Ok(()),
    };
    let host = Host::start(Options {
        http_port: args.port,
        smtp_port: args.smtp_port,
        seed: args.seed,
        rate: args.rate,
        scenario: args.scenario.clone(),
        start: clock.read().div_euclid(1_000_000_000),
        move_to: args.move_to,
        separate_diag: args.separate_diag,
        dir: dir.clone(),
        ..Options::default()
    })?;
    configure(&host, &dir)?;
    print(welcome(args, &host, &dir).as_bytes())?;
    live(args, &host, stop)?;
    host.flush()?;
    host.stop();
    Ok(())
}

/// A labelled month, as fast as it can be written.
fn month(args: &cli::Simulate, out: &Path) -> Result<(), RunError> {
    let usual = Month::new(args.seed, out);
    let quiet_days = (args.days / 4).max(1);
    let paged_days = usize::try_from(args.days - quiet_days).unwrap_or(0);
    // Forty in the three weeks of a month.
    let incidents = paged_days * usual.incidents / 21;
    let scale = args.scale.clamp(0.001, 100.0);
    let truth = write_month(&Month { days: args.days, quiet_days, incidents, scale, ..usual })?;
    let records = truth.total.records();
    print(format!("{records} records of {} days in {}\n", args.days, out.display()).as_bytes())
}

/// Second by second until the end that was asked for.
fn live(args: &cli::Simulate, host: &Host, stop: &Stop) -> Result<(), RunError> {
    let begun = Instant::now();
    let after = args.after.unwrap_or_default();
    let mut lived = 0;
    let mut rotated = Duration::ZERO;
    while !stop.asked() && args.lasting.is_none_or(|lasting| begun.elapsed() < after + lasting) {
        std::thread::sleep(STEP);
        let traffic = begun.elapsed().saturating_sub(after);
        let due = traffic.as_secs().saturating_sub(lived);
        if due > 0 {
            host.advance(due)?;
            host.flush()?;
            lived += due;
        }
        if args.rotate_every.is_some_and(|every| traffic >= rotated + every) {
            host.rotate_accounting()?;
            rotated = traffic;
        }
    }
    Ok(())
}

/// A configuration for the product that names this host, so that trying it is one command.
pub fn configure(host: &Host, dir: &Path) -> Result<(), RunError> {
    let path = dir.join("pmta-vitals.toml");
    let text = format!(
        "# Points pmta-vitals at the simulated host in this folder.\n[pmta]\nconfig = {:?}\ncommand = {:?}\n",
        host.config_path(),
        host.command_path()
    );
    std::fs::write(&path, text).map_err(|source| RunError::Write { path, source })
}

fn welcome(args: &cli::Simulate, host: &Host, dir: &Path) -> String {
    let mut text = format!(
        "A PowerMTA host is being simulated: {} recipients a second, scenario {}, seed {}.\n\n",
        args.rate, args.scenario, args.seed
    );
    let dir = dir.display();
    let _ = writeln!(text, "  web monitor   {}", host.http_url());
    let _ = writeln!(text, "  SMTP          127.0.0.1:{}", host.smtp_port());
    let _ = writeln!(text, "  files         {dir}");
    let _ = writeln!(text, "  truth         {dir}/truth.json, written again and again and at the end");
    let _ = writeln!(text, "\nIn another terminal, twice or more, some seconds apart:\n");
    let _ = writeln!(
        text,
        "  pmta-vitals --config {dir}/pmta-vitals.toml --state {dir}/state collect --format text\n"
    );
    let _ = writeln!(text, "ready (end with Ctrl-C)");
    text
}
