//! Puts what PowerMTA's configuration says where the operator said nothing.

use super::Discovered;
use crate::config::Config;

/// The configuration with everything that could be found; what the operator set stays.
pub fn fill(mut config: Config, found: &Discovered) -> Config {
    if !found.readable {
        return config;
    }
    if config.pmta.url.is_none() {
        // PowerMTA speaks http and https on one port and says itself where it redirects.
        config.pmta.url = found.web_port().map(|port| format!("http://127.0.0.1:{port}"));
    }
    let files = found.acct_globs();
    if config.accounting.files.is_none() && !files.is_empty() {
        config.accounting.files = Some(files);
        let moved = found.moved_folders();
        if config.accounting.moved.is_none() && !moved.is_empty() {
            config.accounting.moved = Some(moved);
        }
    }
    if let (None, Some(log)) = (&config.logs.pmta, &found.log_file)
        && log.is_absolute()
    {
        config.logs.pmta = Some(vec![super::discovered::escaped(&log.to_string_lossy())]);
    }
    config.host.spools = found.spools.iter().map(|spool| spool.path.clone()).collect();
    config.host.min_free =
        found.spools.iter().filter_map(|spool| Some((spool.path.clone(), spool.min_free_bytes?))).collect();
    if config.smtp.address.is_none() {
        let mut addresses: Vec<String> = found.listeners.iter().map(super::Listener::address).collect();
        let mut seen = std::collections::BTreeSet::new();
        addresses.retain(|address| seen.insert(address.clone()));
        config.smtp.address = (!addresses.is_empty()).then(|| addresses.join(","));
    }
    config
}
