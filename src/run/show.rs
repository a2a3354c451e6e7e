//! `config`: the effective configuration, or a host agent's drop-in file as it is shipped.

use super::setup::Setup;
use super::{RunError, print};
use crate::cli::{HostAgent, Show};
use crate::config::{Origin, render};
use crate::emit::DROP_INS;
use crate::record::Notes;
use crate::sources::pmta_config;
use clap::ValueEnum;

pub fn run(setup: &Setup, args: &Show) -> Result<(), RunError> {
    match args.host {
        Some(host) => drop_in(&name(host)),
        None => {
            let own = &setup.loaded.config;
            let found = pmta_config::discover(&own.pmta.config, &mut Notes::default());
            let filled = pmta_config::fill(own.clone(), &found);
            let mut origins = setup.loaded.origins.clone();
            origins.note(own, &filled, Origin::PowerMta);
            print(render(&filled, &origins).as_bytes())
        }
    }
}

/// The word that was asked with.
fn name(host: HostAgent) -> String {
    host.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// The file as it is shipped.
fn drop_in(host: &str) -> Result<(), RunError> {
    let text = DROP_INS.iter().find(|drop_in| drop_in.host == host).map_or("", |drop_in| drop_in.text);
    print(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drop_in_can_be_asked_for() {
        let words: Vec<String> = HostAgent::value_variants().iter().map(|host| name(*host)).collect();
        let files: Vec<&str> = DROP_INS.iter().map(|drop_in| drop_in.host).collect();
        assert_eq!(words, files);
    }
}
