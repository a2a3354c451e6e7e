//! The grammars of the hosts, written down strictly for the tests. It knows no printer.

pub mod exposition;
pub mod influx;
pub mod perfdata;
pub mod schema;
pub mod vector;

use std::collections::BTreeMap;

/// A series' name with its tags, and its number: what every format must agree on.
pub type Numbers = BTreeMap<(String, BTreeMap<String, String>), f64>;
