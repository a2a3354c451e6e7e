//! `check`: a Nagios plugin over the ledger. It brings the question, the evidence and the judgement
//! together; whatever happens, the host gets a state and one line.

mod contract;
mod evidence;
mod question;
mod verdict;
mod words;

pub use contract::{answer_usage, is_asked_for};

use super::setup::Setup;
use super::{RunError, print};
use crate::cli::{self, Global};
use crate::emit::nagios::{Plugin, Status};
use contract::Progress;
use question::Question;
use std::process::ExitCode;
use std::time::Instant;

/// Answers within `-t`, also when something hangs or breaks.
pub fn run(global: &Global, args: &cli::Check, started: Instant) -> ExitCode {
    if args.name == "list" {
        return match print(question::list().as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(Status::Unknown.code()),
        };
    }
    let (max, limit) = (usize::try_from(args.max_output).unwrap_or(usize::MAX), started + args.timeout);
    let late = contract::status(args.timeout_state);
    let (global, args) = (global.clone(), args.clone());
    let plugin = contract::guard(limit, late, move |progress| {
        judge(&global, &args, started, progress)
            .unwrap_or_else(|refused| Plugin::new(Status::Unknown, refused.to_string()))
    });
    contract::answer(&plugin, max)
}

/// Why a check cannot even be asked.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("{0}")]
    Question(String),
}

fn judge(
    global: &Global,
    args: &cli::Check,
    started: Instant,
    progress: &Progress,
) -> Result<Plugin, Refused> {
    progress.reach("reading the configuration");
    let setup = Setup::read(global)?;
    let question = Question::new(args, &setup).map_err(Refused::Question)?;
    let evidence = evidence::gather(setup, &question, started, progress)?;
    progress.reach("judging");
    Ok(verdict::verdict(&question, &evidence))
}
