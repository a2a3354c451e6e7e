//! The arrows between the boxes: one function per subcommand, the one clock read, the order of
//! the commit. It holds no knowledge of its own.

mod aside;
mod check;
mod clock;
mod collect;
mod counting;
mod demo;
mod doctor;
mod explain;
mod fates;
mod health;
mod hush;
mod judgement;
mod passage;
mod patterns;
mod pipeline;
mod pipes;
mod recollection;
mod replay;
mod setup;
mod show;
mod simulate;
mod stop;
mod textfile;

use crate::cli::{Asked, Cli, Command};
use crate::config::ConfigError;
use crate::judge::SuppressError;
use crate::ledger::LedgerError;
use clap::CommandFactory;
use clock::Clock;
use rustix::fs::Mode;
use rustix::process::umask;
use setup::Setup;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use stop::Stop;

/// Does what the command line asks.
pub fn run(cli: &Cli, started: Instant) -> Result<ExitCode, RunError> {
    let global = &cli.global;
    match &cli.command {
        Command::Collect(Asked(args)) => {
            leave_modes_to_the_folder();
            return collect::run(&Setup::read(global)?, args, started);
        }
        Command::Check(Asked(args)) => {
            leave_modes_to_the_folder();
            return Ok(check::run(global, args, started));
        }
        Command::Explain(Asked(args)) => explain::run(&Setup::read(global)?, args, started)?,
        Command::Doctor(Asked(args)) => return doctor::run(&Setup::read(global)?, args, started),
        Command::Demo(Asked(args)) => demo::run(args)?,
        Command::Simulate(Asked(args)) => {
            simulate::run(args, Clock::from_flag(global.now.as_deref())?, &Stop::on_signals())?;
        }
        Command::Replay(Asked(args)) => replay::run(Setup::read(global)?, args, started)?,
        Command::Config(Asked(args)) => show::run(&Setup::read(global)?, args)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "pmta-vitals", &mut script);
            print(&script)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Files of a shared ledger, SQLite's own among them, must be open to the group as soon as they are
/// there: another user's run may come at that moment. Their modes are set by the folder's; the mask
/// that an agent was started with would close them first.
fn leave_modes_to_the_folder() {
    let mask = umask(Mode::empty());
    umask(mask - Mode::RWXG);
}

/// What a command line that cannot be understood, or that asks for help, is answered with.
pub fn answer_usage(usage: &clap::Error) -> ExitCode {
    if check::is_asked_for(std::env::args_os()) {
        return check::answer_usage(usage);
    }
    // clap exits with 2, which a Nagios-like host reads as CRITICAL: usage errors are 1 here, and
    // help that was asked for is a success.
    let _ = usage.print();
    ExitCode::from(u8::from(usage.use_stderr()))
}

/// Why a command failed as a whole; the first line an operator sees.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Suppress(#[from] SuppressError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Simulation(#[from] pmta_sim::SimError),
    #[error("`{0}` is no RFC 3339 time; write for example --now 2026-11-24T03:00:00Z")]
    Now(String),
    #[error("`{0}` is no host name or address; write for example -H mx1.example.com")]
    Hostname(String),
    #[error("cannot write {}: {source} (is the folder there, and may this user write to it?)", path.display())]
    Textfile { path: PathBuf, source: std::io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("cannot read {}: {source} (is the path right, and may this user read it?)", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}, line {line}: {why}", path.display())]
    Line { path: PathBuf, line: u64, why: String },
    #[error("live records came while old ones were being learned; run `replay --learn` again")]
    Overtaken,
    #[error("--what-if {0}: write it as key=value, for example --what-if judge.alpha=1e-6")]
    WhatIf(String),
    #[error("cannot make a temporary folder: {source} (is TMPDIR writable?)")]
    Temporary { source: std::io::Error },
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} holds no accounting record (its header begins with `type,`, each record with d, b, t, tq ...)", path.display())]
    NoRecords { path: PathBuf },
    #[error("there is no source {name:?}{nearest} (sources: {known})")]
    UnknownSource { name: String, nearest: String, known: String },
    #[error("cannot read standard input: {0}")]
    Input(std::io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
}

/// Prints whole output at once and flushes it. A reader that went away is no error: it has what
/// it wanted.
fn print(bytes: &[u8]) -> Result<(), RunError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(RunError::Output(error)),
        _ => Ok(()),
    }
}
