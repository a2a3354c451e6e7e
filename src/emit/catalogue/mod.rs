//! The one place that knows what every field is called, holds and means: HELP lines, types and the
//! README's table come from here. It knows no format.

mod table;

use crate::record::{Sample, Value};
use std::fmt::Write;

pub use table::MEASUREMENTS;

/// One measurement, in the order of importance: what comes last is cut first.
#[derive(Debug, Clone, Copy)]
pub struct Measurement {
    pub name: &'static str,
    pub tags: &'static [&'static str],
    pub help: &'static str,
    pub fields: &'static [Field],
}

#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub kind: Type,
    pub unit: &'static str,
    pub help: &'static str,
}

/// What a field holds, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Int,
    Float,
    Text,
}

impl Type {
    pub fn name(self) -> &'static str {
        match self {
            Type::Int => "integer",
            Type::Float => "float",
            Type::Text => "string",
        }
    }
}

/// The measurement's place; unknown ones come last.
pub fn rank(measurement: &str) -> usize {
    MEASUREMENTS.iter().position(|known| known.name == measurement).unwrap_or(MEASUREMENTS.len())
}

pub fn find(measurement: &str, field: &str) -> Option<&'static Field> {
    MEASUREMENTS.get(rank(measurement))?.fields.iter().find(|known| known.name == field)
}

/// The types of one row's fields, mostly asked for in the catalogue's own order.
pub struct Types {
    fields: &'static [Field],
    /// Behind the field that was asked for last.
    next: usize,
}

impl Types {
    /// `rank`: the measurement's place.
    pub fn of(rank: usize) -> Types {
        Types { fields: MEASUREMENTS.get(rank).map_or(&[], |known| known.fields), next: 0 }
    }

    /// The field's type: the catalogue's, else what its name promises.
    pub fn of_field(&mut self, field: &str) -> Type {
        let (before, behind) = self.fields.split_at_checked(self.next).unwrap_or_default();
        let Some(at) = behind.iter().chain(before).position(|known| known.name == field) else {
            return promised(field);
        };
        let at = (self.next + at) % self.fields.len();
        self.next = at + 1;
        self.fields.get(at).map_or_else(|| promised(field), |known| known.kind)
    }
}

/// A counter never falls, and its name says so.
pub fn is_counter(field: &str) -> bool {
    field == "total" || field.ends_with("_total")
}

/// The name that Prometheus and Vector see.
pub fn full_name(measurement: &str, field: &str) -> String {
    format!("{measurement}_{field}")
}

pub fn help(measurement: &str, field: &str) -> &'static str {
    find(measurement, field).map_or("not described", |known| known.help)
}

/// Whether the catalogue knows the row's tags and fields, each with its type; what is wrong, if not.
pub fn check(row: &Sample) -> Result<(), String> {
    let name = row.measurement;
    let Some(known) = MEASUREMENTS.iter().find(|known| known.name == name) else {
        return Err(format!("{name} is not in the catalogue"));
    };
    if let Some((tag, _)) = row.tags.iter().find(|(tag, _)| !known.tags.contains(tag)) {
        return Err(format!("{name} has no tag {tag}"));
    }
    for (field, value) in &row.fields {
        let Some(known) = find(name, field) else { return Err(format!("{name} has no field {field}")) };
        let kind = match value {
            Value::Int(_) | Value::Growing(_) => Type::Int,
            Value::Float(_) => Type::Float,
            Value::Text(_) => Type::Text,
        };
        if kind != known.kind {
            return Err(format!("{name}_{field} holds {}, not {}", known.kind.name(), kind.name()));
        }
    }
    Ok(())
}

/// The README's table of metrics, in Markdown.
pub fn markdown() -> String {
    let mut out = String::from("| metric | type | unit | tags | what it is |\n|---|---|---|---|---|\n");
    for measurement in MEASUREMENTS {
        let tags = measurement.tags.join(", ");
        // Writing to a String cannot fail.
        let _ = writeln!(out, "| **`{}`** | | | {tags} | {} |", measurement.name, measurement.help);
        for field in measurement.fields {
            let name = full_name(measurement.name, field.name);
            let kind = if is_counter(field.name) { "counter" } else { field.kind.name() };
            let _ = writeln!(out, "| `{name}` | {kind} | {} | | {} |", field.unit, field.help);
        }
    }
    out
}

/// The rule of the names: what a field's name says about its type.
fn promised(field: &str) -> Type {
    let float = matches!(field, "p50" | "p95" | "max" | "jain_index" | "was" | "now" | "ratio")
        || field.ends_with("_ratio")
        || field.ends_with("_seconds");
    if float { Type::Float } else { Type::Int }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_type_is_what_the_name_promises() {
        for measurement in MEASUREMENTS {
            for field in measurement.fields {
                let sentence = measurement.name == "pmta_event" && field.unit.is_empty();
                let promised = if sentence { Type::Text } else { promised(field.name) };
                assert_eq!(field.kind, promised, "{} {}", measurement.name, field.name);
            }
        }
    }

    #[test]
    fn names_are_unique_and_valid_everywhere() {
        let mut seen = BTreeSet::new();
        for measurement in MEASUREMENTS {
            assert!(!measurement.help.is_empty() && measurement.help.is_ascii());
            for tag in measurement.tags {
                assert!(is_snake(tag) && *tag != "time" && *tag != "host", "{tag}");
                assert!(measurement.fields.iter().all(|field| field.name != *tag), "{tag} is tag and field");
            }
            for field in measurement.fields {
                let name = full_name(measurement.name, field.name);
                assert!(is_snake(&name) && name.starts_with("pmta_"), "{name}");
                assert!(
                    field.help.is_ascii() && !field.help.contains('|') && !field.help.is_empty(),
                    "{name}"
                );
                assert!(seen.insert(name.clone()), "{name} is there twice");
            }
        }
    }

    #[test]
    fn a_row_is_held_against_the_table() {
        assert_eq!(check(&Sample::new("pmta").int("up", 1)), Ok(()));
        for (row, wrong) in [
            (Sample::new("mail").int("up", 1), "mail is not in the catalogue"),
            (Sample::new("pmta").tag("host", "a").int("up", 1), "pmta has no tag host"),
            (Sample::new("pmta").int("down", 1), "pmta has no field down"),
            (Sample::new("pmta").int("uptime_seconds", 1), "pmta_uptime_seconds holds float, not integer"),
        ] {
            assert_eq!(check(&row), Err(wrong.to_owned()));
        }
    }

    #[test]
    fn the_readme_shows_this_table() {
        let Ok(readme) = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")) else {
            return;
        };
        let Some((_, rest)) = readme.split_once("<!-- metrics -->\n") else { return };
        let (shown, _) = rest.split_once("<!-- /metrics -->").expect("<!-- /metrics --> ends the table");
        assert_eq!(
            shown.trim(),
            markdown().trim(),
            "README.md: put `catalogue::markdown()` between the marks"
        );
    }

    fn is_snake(name: &str) -> bool {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    }
}
