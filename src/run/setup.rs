//! What every command needs before it begins: configuration, place of the state, clock, signals.

use super::RunError;
use super::clock::Clock;
use super::stop::Stop;
use crate::classify::{Providers, Reason};
use crate::cli::Global;
use crate::config::{DEFAULT_PATH, Loaded};
use crate::judge::Bench;
use crate::ledger::{Baselines, Place, Surroundings, resolve};
use std::path::{Path, PathBuf};

pub struct Setup {
    pub loaded: Loaded,
    pub place: Place,
    pub clock: Clock,
    pub stop: Stop,
    pub host: String,
    /// Name and text of each of the operator's own rule tables.
    pub rules: Vec<(String, String)>,
    /// Why some of them could not be read; the others and the built-in ones go on.
    pub unread_rules: Vec<String>,
}

impl Setup {
    pub fn read(global: &Global) -> Result<Setup, RunError> {
        let clock = Clock::from_flag(global.now.as_deref())?;
        let named = global.config.is_some();
        let path = global.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_PATH));
        let loaded = Loaded::read(&path, named)?;
        check(&loaded)?;
        let place = state_place(global.state.as_deref())?;
        let (rules, unread_rules) = operator_rules(loaded.config.rules.directory.as_deref());
        let (stop, host) = (Stop::on_signals(), host_name());
        Ok(Setup { loaded, place, clock, stop, host, rules, unread_rules })
    }
}

/// Words that other boxes own, checked before anything is read: a typing error in a suppression
/// must not be found out at 3 a.m.
fn check(loaded: &Loaded) -> Result<(), RunError> {
    if loaded.config.suppress.is_empty() {
        return Ok(());
    }
    let reasons = Reason::ALL.map(Reason::name);
    let providers = Providers::new(&loaded.config.providers);
    let names = providers.names();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    loaded.check_words(&reasons, &names)?;
    Bench::new(&loaded.config, &Baselines::new())?;
    Ok(())
}

fn state_place(state: Option<&Path>) -> Result<Place, RunError> {
    let variable = |name| std::env::var_os(name);
    let (directory, xdg, home) = (variable("STATE_DIRECTORY"), variable("XDG_STATE_HOME"), variable("HOME"));
    let around = Surroundings {
        state,
        state_directory: directory.as_deref(),
        shared_exists: Path::new(crate::ledger::SHARED_FOLDER).is_dir(),
        xdg_state_home: xdg.as_deref(),
        home: home.as_deref(),
    };
    Ok(resolve(&around)?)
}

/// The name that Vector's tags and the JSON document carry; the kernel always has one.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// More than any sane folder of rules holds.
const MOST_RULE_FILES: usize = 100;
const MOST_RULE_BYTES: u64 = 1 << 20;

/// The `*.toml` files of the operator's folder in the order of their names, and what could not be
/// read. That is told and ends nothing: a slip in a rule must not blind the monitoring.
fn operator_rules(folder: Option<&Path>) -> (Vec<(String, String)>, Vec<String>) {
    let (mut rules, mut unread) = (Vec::new(), Vec::new());
    let Some(folder) = folder else { return (rules, unread) };
    let mut refuse = |path: &Path, why: &dyn std::fmt::Display| {
        unread.push(format!(
            "cannot read the rules in {}: {why} (mend it, or set [rules] directory)",
            path.display()
        ));
    };
    let mut paths = Vec::new();
    match std::fs::read_dir(folder) {
        Err(why) => refuse(folder, &why),
        Ok(entries) => paths.extend(entries.filter_map(Result::ok).map(|entry| entry.path())),
    }
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    for path in paths.into_iter().take(MOST_RULE_FILES) {
        match read_rules(&path) {
            Ok(text) => rules.push((path.display().to_string(), text)),
            Err(why) => refuse(&path, &why),
        }
    }
    (rules, unread)
}

/// Neither a device nor a pipe, and no larger than a table can be.
fn read_rules(path: &Path) -> std::io::Result<String> {
    let found = std::fs::metadata(path)?;
    if !found.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    if found.len() > MOST_RULE_BYTES {
        return Err(std::io::Error::other("larger than 1 MiB"));
    }
    std::fs::read_to_string(path)
}
