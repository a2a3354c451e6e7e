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
}

impl Setup {
    pub fn read(global: &Global) -> Result<Setup, RunError> {
        let clock = Clock::from_flag(global.now.as_deref())?;
        let named = global.config.is_some();
        let path = global.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_PATH));
        let loaded = Loaded::read(&path, named)?;
        check(&loaded)?;
        let place = state_place(global.state.as_deref())?;
        let rules = operator_rules(loaded.config.rules.directory.as_deref())?;
        Ok(Setup { loaded, place, clock, stop: Stop::on_signals(), host: host_name(), rules })
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

/// The `*.toml` files of the operator's folder, in the order of their names. A folder that was
/// named and cannot be read is an error: silence would mean that its rules are in force.
fn operator_rules(folder: Option<&Path>) -> Result<Vec<(String, String)>, RunError> {
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let failed = |path: &Path, source| RunError::Rules { path: path.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|why| failed(folder, why))? {
        let path = entry.map_err(|why| failed(folder, why))?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut rules = Vec::new();
    for path in paths.into_iter().take(MOST_RULE_FILES) {
        let size = std::fs::metadata(&path).map_err(|why| failed(&path, why))?.len();
        if size > MOST_RULE_BYTES {
            return Err(failed(&path, std::io::Error::other("larger than 1 MiB")));
        }
        let text = std::fs::read_to_string(&path).map_err(|why| failed(&path, why))?;
        rules.push((path.display().to_string(), text));
    }
    Ok(rules)
}
