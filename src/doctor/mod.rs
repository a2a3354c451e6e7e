//! Looks at access, configuration and PowerMTA's own settings and says how to mend what is wrong.
//! It changes nothing, runs nothing and asks no network: what the web monitor answered is told to it.

mod accounting;
mod deferrals;
mod host;
mod logs;
mod permission;
mod powermta;
mod print;
mod rules;
mod state;
mod web;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod host_tests;
#[cfg(test)]
mod tests;

pub use host::{Facts, Host, Kind, LocalHost, User, Want};
pub use print::{fix_commands, render};
pub use rules::Rules;
pub use web::WebProbe;

use crate::config::Config;
use crate::record::Seconds;
use crate::sources::pmta_config::Discovered;
use std::path::{Path, PathBuf};

/// How one thing stands; the later the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Good,
    /// Worth knowing; nothing is missing.
    Info,
    /// It could not be found out.
    Unknown,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// A stable word: `web-monitor`, `deferral-records`, `pmta-log` ...
    pub topic: &'static str,
    pub state: State,
    pub found: String,
    /// What to do; empty when nothing is to be done.
    pub mend: String,
    /// Shell lines, to be read before they are run.
    pub commands: Vec<String>,
    /// Lines for configuration files.
    pub edits: Vec<Edit>,
}

/// A line to add to a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub file: PathBuf,
    /// Where in the file: `inside <acct-file /var/log/pmta/acct.csv> (line 12)`.
    pub place: String,
    pub lines: Vec<String>,
}

/// What `examine` needs to know.
pub struct Examination<'a> {
    /// The effective configuration, already filled from PowerMTA's.
    pub config: &'a Config,
    pub found: &'a Discovered,
    pub web: WebProbe,
    /// The state folder that a run would use.
    pub state: &'a Path,
    pub now: Seconds,
    pub host: &'a dyn Host,
    /// The operator's rules folder, if one is named.
    pub rules: &'a Option<Rules>,
    /// What is wrong with PowerMTA's own reply patterns, a sentence each.
    pub patterns: &'a [String],
    /// Accounting records that made no sense so far, and what was wrong with the first.
    pub rejected: Option<(u64, String)>,
}

/// Looks at everything, in the order in which an operator would mend it.
pub fn examine(asked: &Examination<'_>) -> Vec<Advice> {
    let mut advice = Vec::new();
    state::user(asked, &mut advice);
    powermta::config(asked, &mut advice);
    web::monitor(asked, &mut advice);
    accounting::files(asked, &mut advice);
    accounting::rejected(asked, &mut advice);
    deferrals::records(asked, &mut advice);
    accounting::moved(asked, &mut advice);
    logs::powermta(asked, &mut advice);
    logs::panic(asked, &mut advice);
    logs::kernel(asked, &mut advice);
    rules::operators(asked, &mut advice);
    rules::patterns(asked, &mut advice);
    powermta::command(asked, &mut advice);
    powermta::listener(asked, &mut advice);
    state::folder(asked, &mut advice);
    state::clock(asked, &mut advice);
    advice
}

/// The worst of all, which is the exit state.
pub fn worst(advice: &[Advice]) -> State {
    advice.iter().map(|advice| advice.state).max().unwrap_or(State::Good)
}

impl Advice {
    fn good(topic: &'static str, found: impl Into<String>) -> Advice {
        Advice::new(topic, State::Good, found, "")
    }

    fn info(topic: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Advice {
        Advice::new(topic, State::Info, found, mend)
    }

    fn unknown(topic: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Advice {
        Advice::new(topic, State::Unknown, found, mend)
    }

    fn bad(topic: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Advice {
        Advice::new(topic, State::Bad, found, mend)
    }

    fn new(topic: &'static str, state: State, found: impl Into<String>, mend: impl Into<String>) -> Advice {
        Advice {
            topic,
            state,
            found: found.into(),
            mend: mend.into(),
            commands: Vec::new(),
            edits: Vec::new(),
        }
    }

    fn run(mut self, command: impl Into<String>) -> Advice {
        self.commands.push(command.into());
        self
    }

    fn edit(mut self, file: &Path, place: impl Into<String>, lines: &[&str]) -> Advice {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        self.edits.push(Edit { file: file.to_owned(), place: place.into(), lines });
        self
    }
}
