//! The collector's own health as metrics: one row for the run and one for each source. It knows
//! no source by name.

use super::fates::Fates;
use super::hush::hush;
use crate::judge::signals::Fate;
use crate::ledger::{Ledger, LedgerError};
use crate::record::{Memory, Sample, Seconds, Tick, Value, tag};
use crate::sources::SourceError;
use std::time::Duration;

pub const MEASUREMENT: &str = "pmta_collector";

/// The rows under construction. Printed even when everything else failed.
#[derive(Debug)]
pub struct Health {
    rows: Vec<Sample>,
    /// What each failed source had to say, for people and the log.
    pub troubles: Vec<String>,
    /// Those of them that the log does not have yet; `None` when they were not compared.
    unheard: Option<Vec<String>>,
    /// Whether this run's count was committed.
    pub counted: bool,
}

impl Health {
    pub fn new() -> Health {
        Health { rows: vec![Sample::new(MEASUREMENT)], troubles: Vec::new(), unheard: None, counted: false }
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

    /// `--from-start` was asked for, and these sources have cursors already.
    pub fn started_before(&mut self, sources: &[&str]) {
        if !sources.is_empty() {
            let known = sources.join(" and ");
            self.troubles.push(format!("--from-start changes nothing for {known}: what is followed already goes on where it was (a new --state folder begins anew)"));
        }
    }

    /// How counting went. A lock that somebody else holds is no trouble: this run only shows.
    pub fn ledger<T>(&mut self, result: &Result<T, LedgerError>) {
        let busy = matches!(result, Err(LedgerError::Busy));
        self.counted = result.is_ok();
        self.run("skipped", Value::Int(i64::from(busy)));
        self.run("ledger_up", Value::Int(i64::from(busy || result.is_ok())));
        if let (false, Err(trouble)) = (busy, result) {
            self.troubles.push(format!("ledger: {trouble}"));
        }
    }

    /// Compares the troubles so far with what this reader was told in the last hour.
    pub fn hush(&mut self, reader: Option<&str>, notes: &mut dyn Memory, now: Seconds) {
        let Some(reader) = reader else { return };
        let mut unheard = self.troubles.clone();
        hush(&mut unheard, reader, notes, now);
        self.unheard = Some(unheard);
    }

    /// What is to be said on standard error. Without a commit it is not known what was told.
    pub fn unheard(&mut self) -> Vec<String> {
        let unheard = self.unheard.take().filter(|_| self.counted);
        unheard.unwrap_or_else(|| std::mem::take(&mut self.troubles))
    }

    /// Whether totals are held back until a ledger that was set back knows them again.
    pub fn catching_up(&mut self, held_back: bool) {
        self.run("catching_up", Value::Int(i64::from(held_back)));
        if held_back {
            let why = "no totals until everything is read again that it may have forgotten (a copy took its place, or the host was started anew); lag_bytes tells the rest";
            let trouble = format!("ledger: {why}");
            // It lasts a few runs, and each of them shows less than the reader expects.
            self.unheard.iter_mut().for_each(|unheard| unheard.push(trouble.clone()));
            self.troubles.push(trouble);
        }
    }

    /// What the ledger says of itself, and how long all of it took.
    pub fn vitals(&mut self, ledger: Option<&Ledger>, last_success: Option<f64>, tick: &Tick) {
        if let Some(vitals) = ledger.and_then(|ledger| ledger.vitals().ok()) {
            self.run("state_bytes", Value::Int(vitals.state_bytes));
            self.run("born_seconds", Value::Float(vitals.born_seconds as f64));
            self.run("shared_state", Value::Int(i64::from(vitals.shared_state)));
        }
        if let Some(at) = last_success {
            self.run("last_success_seconds", Value::Float(at));
        }
        self.run("duration_seconds", Value::Float(tick.started.elapsed().as_secs_f64()));
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

    /// How each source fared, in words that outlive the run.
    pub fn fates(&self) -> Fates {
        let told = self.rows.iter().filter(|row| row.field("up").is_some());
        let fate = |source: &str| {
            let begin = format!("source {source}: ");
            self.troubles
                .iter()
                .find_map(|trouble| trouble.strip_prefix(&begin))
                .unwrap_or_default()
                .to_owned()
        };
        told.map(|row| tag(&row.tags, "source")).map(|source| (source.to_owned(), fate(source))).collect()
    }

    /// How each source that was asked has fared.
    pub fn standings(&self) -> Vec<(String, Fate)> {
        let asked = self.rows.iter().filter(|row| row.field("duration_seconds").is_some());
        let fate = |row: &Sample| match row.field("up") {
            Some(Value::Int(1)) => Fate::Up,
            Some(_) => Fate::Failed,
            None => Fate::Absent,
        };
        asked.map(|row| (tag(&row.tags, "source").to_owned(), fate(row))).collect()
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
