//! `config`: the effective configuration, or a host agent's drop-in file as it is shipped.

use super::setup::Setup;
use super::{RunError, print};
use crate::cli::{HostAgent, Show};
use crate::config::{Origin, render};
use crate::emit::DROP_INS;
use crate::record::Notes;
use crate::sources::pmta_config;

pub fn run(setup: &Setup, args: &Show) -> Result<(), RunError> {
    match args.host {
        Some(HostAgent::Telegraf) => drop_in("telegraf"),
        Some(HostAgent::Vector) => drop_in("vector"),
        Some(HostAgent::Icinga) => drop_in("icinga"),
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

/// The file as it is shipped.
fn drop_in(host: &str) -> Result<(), RunError> {
    let text = DROP_INS.iter().find(|drop_in| drop_in.host == host).map_or("", |drop_in| drop_in.text);
    print(text.as_bytes())
}
