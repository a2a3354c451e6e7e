//! What every host may rely on: a state between 0 and 3, its line on stdout, within the time. It
//! knows no check.

use crate::cli::PluginState;
use crate::emit::nagios::{MAX_OUTPUT, Plugin, Status};
use crate::run::print;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Options of ours that take a value and may stand before the command.
const WITH_VALUE: &[&str] = &["--config", "--state", "--now"];

/// Whether a command line that could not be understood was meant for `check`.
pub fn is_asked_for(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut arguments = arguments.into_iter().skip(1);
    while let Some(argument) = arguments.next() {
        let argument = argument.to_string_lossy();
        if WITH_VALUE.contains(&&*argument) {
            arguments.next();
        } else if !argument.starts_with('-') {
            return argument == "check";
        }
    }
    false
}

/// Usage errors, help and version: on stdout and with 3, or the host shows nothing and believes
/// in a state.
pub fn answer_usage(usage: &clap::Error) -> ExitCode {
    if usage.use_stderr() {
        return answer(&Plugin::new(Status::Unknown, complaint(&usage.to_string())), MAX_OUTPUT);
    }
    let _ = print(usage.to_string().as_bytes());
    ExitCode::from(Status::Unknown.code())
}

/// What clap says before its usage, in one line.
fn complaint(said: &str) -> String {
    let head = said.split("\n\nUsage").next().unwrap_or(said);
    let words: Vec<&str> = head.split_whitespace().collect();
    format!("{} (see pmta-vitals check --help)", words.join(" ").trim_start_matches("error: "))
}

/// Prints and gives the exit code. A reader that went away still gets the code.
pub fn answer(plugin: &Plugin, max_output: usize) -> ExitCode {
    let _ = print(&plugin.print(max_output));
    ExitCode::from(plugin.status.code())
}

pub fn status(state: PluginState) -> Status {
    match state {
        PluginState::Ok => Status::Ok,
        PluginState::Warning => Status::Warning,
        PluginState::Critical => Status::Critical,
        PluginState::Unknown => Status::Unknown,
    }
}

/// What the work is at, for the line that tells of a timeout.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Mutex<&'static str>>);

impl Progress {
    pub fn reach(&self, stage: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    fn stage(&self) -> &'static str {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does the work on a thread that nobody waits for beyond `until`, and turns a panic and a
/// timeout into answers.
pub fn guard(
    until: Instant,
    late: Status,
    work: impl FnOnce(&Progress) -> Plugin + Send + 'static,
) -> Plugin {
    let progress = Progress(Arc::new(Mutex::new("starting")));
    let theirs = progress.clone();
    let (tell, told) = channel();
    let thread = std::thread::Builder::new().name("check".to_owned()).spawn(move || {
        let plugin = catch_unwind(AssertUnwindSafe(|| work(&theirs)));
        // Nobody listens any more when the time is over.
        let _ = tell.send(plugin.ok());
    });
    if let Err(why) = thread {
        return Plugin::new(Status::Unknown, format!("cannot start a thread: {why}"));
    }
    match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Ok(Some(plugin)) => plugin,
        Err(RecvTimeoutError::Timeout) => Plugin::new(
            late,
            format!("timed out while {} (give -t more, or see pmta-vitals doctor)", progress.stage()),
        ),
        Ok(None) | Err(RecvTimeoutError::Disconnected) => Plugin::new(
            Status::Unknown,
            format!(
                "internal error while {}; please report it with the output of pmta-vitals doctor",
                progress.stage()
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_panic_is_unknown_and_says_where() {
        let plugin = guard(soon(), Status::Critical, |progress| {
            progress.reach("judging");
            panic!("on purpose");
        });
        assert_eq!(plugin.status.code(), 3);
        assert!(plugin.text.contains("internal error while judging"), "{}", plugin.text);
    }

    /// Where a panic aborts, nobody can answer for it.
    #[test]
    fn what_users_get_unwinds() {
        let manifest: toml::Table = include_str!("../../../Cargo.toml").parse().unwrap();
        let profiles = manifest["profile"].as_table().unwrap();
        assert_eq!(profiles["release"]["panic"].as_str(), Some("unwind"));
        let mut all = profiles.values().filter_map(|profile| profile.get("panic"));
        assert!(all.all(|panic| panic.as_str() == Some("unwind")));
    }

    #[test]
    fn a_hanging_stage_is_told_by_name_with_the_state_that_was_chosen() {
        let hang = |progress: &Progress| {
            progress.reach("collecting");
            loop {
                std::thread::park();
            }
        };
        let plugin = guard(Instant::now() + Duration::from_millis(100), Status::Critical, hang);
        assert_eq!(plugin.status, Status::Critical);
        assert!(plugin.text.starts_with("timed out while collecting"), "{}", plugin.text);
    }

    #[test]
    fn an_answer_in_time_is_the_answer() {
        let plugin = guard(soon(), Status::Unknown, |_| Plugin::new(Status::Warning, "x"));
        assert_eq!(plugin, Plugin::new(Status::Warning, "x"));
    }

    #[test]
    fn a_check_is_recognised_in_a_broken_command_line() {
        let asked = |line: &str| is_asked_for(line.split(' ').map(OsString::from));
        for check in
            ["p check", "p check --bad", "p --state check check", "p --now=x check all", "p -z check"]
        {
            assert!(asked(check), "{check}");
        }
        for other in ["p", "p collect check", "p --state check", "p --help", "p explain check"] {
            assert!(!asked(other), "{other}");
        }
    }

    #[test]
    fn a_usage_error_is_one_line() {
        let said =
            "error: the following required arguments were not provided:\n  <NAME>\n\nUsage: x\n\nFor more";
        assert_eq!(
            complaint(said),
            "the following required arguments were not provided: <NAME> (see pmta-vitals check --help)"
        );
    }
}
