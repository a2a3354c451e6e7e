//! The collector's own health as metrics: one row for the run and one for each source. It knows
//! no source by name.

use crate::record::{Sample, Value, tag};
use crate::sources::SourceError;
use std::time::Duration;

pub const MEASUREMENT: &str = "pmta_collector";

/// The rows under construction. Printed even when everything else failed.
#[derive(Debug)]
pub struct Health {
    rows: Vec<Sample>,
    /// What each failed source had to say, for people and the log.
    pub troubles: Vec<String>,
}

impl Health {
    pub fn new() -> Health {
        Health { rows: vec![Sample::new(MEASUREMENT)], troubles: Vec::new() }
    }

    /// A number about the run itself.
    pub fn run(&mut self, field: &'static str, value: Value) {
        self.set("", field, value);
    }

    /// How a source fared. A source that has nothing to read on this host is neither up nor down.
    pub fn source(&mut self, name: &str, result: &Result<(), SourceError>, took: Duration) {
        self.set(name, "duration_seconds", Value::Float(took.as_secs_f64()));
        match result {
            Ok(()) => self.set(name, "up", Value::Int(1)),
            Err(SourceError::Absent(_)) => {}
            Err(error) => {
                self.set(name, "up", Value::Int(0));
                self.troubles.push(format!("source {name}: {error}"));
            }
        }
    }

    /// Takes a source's own `pmta_collector` row into the one of that source; gives any other
    /// sample back.
    pub fn absorb(&mut self, sample: Sample) -> Option<Sample> {
        if sample.measurement != MEASUREMENT {
            return Some(sample);
        }
        let source = tag(&sample.tags, "source").to_owned();
        for (field, value) in sample.fields {
            self.set(&source, field, value);
        }
        None
    }

    pub fn rows(self) -> Vec<Sample> {
        self.rows
    }

    fn set(&mut self, source: &str, field: &'static str, value: Value) {
        let place = self.rows.iter().position(|row| tag(&row.tags, "source") == source);
        let row = match place.and_then(|at| self.rows.get_mut(at)) {
            Some(row) => row,
            None => {
                self.rows.push(Sample::new(MEASUREMENT).tag("source", source));
                let Some(row) = self.rows.last_mut() else { return };
                row
            }
        };
        match row.fields.iter_mut().find(|(name, _)| *name == field) {
            Some((_, old)) => *old = value,
            None => row.fields.push((field, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_one_row_whoever_speaks_of_it() {
        let mut health = Health::new();
        let pushed = Sample::new(MEASUREMENT).tag("source", "accounting").int("bytes_total", 10);
        assert_eq!(health.absorb(pushed), None);
        health.source("accounting", &Ok(()), Duration::from_millis(5));
        health.run("skipped", Value::Int(1));
        let other = Sample::new("pmta").int("up", 1);
        assert_eq!(health.absorb(other.clone()), Some(other));
        let rows = health.rows();
        assert_eq!(rows.len(), 2);
        let source = &rows[1];
        assert_eq!(source.field("bytes_total"), Some(&Value::Int(10)));
        assert_eq!(source.field("up"), Some(&Value::Int(1)));
    }

    #[test]
    fn a_failed_source_is_down_and_says_why_an_absent_one_is_neither() {
        let mut health = Health::new();
        let late = Err(SourceError::Late { what: "the web monitor".to_owned() });
        health.source("web", &late, Duration::ZERO);
        health.source("smtp", &Err(SourceError::Absent("no listener".to_owned())), Duration::ZERO);
        assert_eq!(health.troubles.len(), 1);
        let rows = health.rows();
        assert_eq!(rows[1].field("up"), Some(&Value::Int(0)));
        assert_eq!(rows[2].field("up"), None);
    }
}
