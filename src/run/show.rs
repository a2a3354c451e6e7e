//! `config`: the effective configuration, or a host agent's drop-in file as it is shipped.

use super::setup::Setup;
use super::{RunError, print};
use crate::cli::{HostAgent, Show};
use crate::config::{Origin, render};
use crate::record::Notes;
use crate::sources::pmta_config;

const TELEGRAF: &str = include_str!("../../telegraf.d/pmta-vitals.conf");
const VECTOR: &str = include_str!("../../vector/pmta-vitals.yaml");
const ICINGA: &str = include_str!("../../icinga/pmta-vitals.conf");

pub fn run(setup: &Setup, args: &Show) -> Result<(), RunError> {
    match args.host {
        Some(HostAgent::Telegraf) => print(TELEGRAF.as_bytes()),
        Some(HostAgent::Vector) => print(VECTOR.as_bytes()),
        Some(HostAgent::Icinga) => print(ICINGA.as_bytes()),
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
