//! Performance data items: `'label'=value[unit];[warn];[crit];[min];[max]`. It knows no check.

use super::super::clean;
use super::range::Range;

/// Units that every host understands, base units only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uom {
    None,
    Seconds,
    Percent,
    Bytes,
    /// A counter that only grows.
    Counter,
}

impl Uom {
    fn text(self) -> &'static str {
        match self {
            Uom::None => "",
            Uom::Seconds => "s",
            Uom::Percent => "%",
            Uom::Bytes => "B",
            Uom::Counter => "c",
        }
    }
}

/// One number for a graph. A label keeps its name and unit for ever.
#[derive(Debug, Clone, PartialEq)]
pub struct Perf {
    pub label: String,
    /// Nothing is printed for what is not known: Icinga reads `U` as a number.
    pub value: Option<f64>,
    pub uom: Uom,
    pub warn: Option<Range>,
    pub crit: Option<Range>,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

impl Perf {
    pub fn new(label: impl Into<String>, value: Option<f64>, uom: Uom) -> Perf {
        Perf { label: label.into(), value, uom, warn: None, crit: None, min: None, max: None }
    }

    pub fn thresholds(mut self, warn: Option<Range>, crit: Option<Range>) -> Perf {
        self.warn = warn;
        self.crit = crit;
        self
    }

    pub fn bounds(mut self, min: f64, max: Option<f64>) -> Perf {
        self.min = Some(min);
        self.max = max;
        self
    }

    /// The item, or nothing when its value is unknown.
    pub(super) fn text(&self) -> Option<String> {
        let value = self.value.and_then(clean::float)?;
        let range = |range: Option<Range>| range.map(|range| range.to_string()).unwrap_or_default();
        let bound =
            |bound: Option<f64>| bound.and_then(clean::float).map(|n| n.to_string()).unwrap_or_default();
        let item = format!(
            "{}={value}{};{};{};{};{}",
            label(&self.label),
            self.uom.text(),
            range(self.warn),
            range(self.crit),
            bound(self.min),
            bound(self.max)
        );
        Some(item.trim_end_matches(';').to_owned())
    }
}

/// Without `=`, quotes, `|`, `::` (which means something to check_multi) and control characters;
/// in quotes unless it is a plain word.
fn label(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() || matches!(c, '=' | '\'' | '"' | '`' | '|' | '\\') { '_' } else { c })
        .collect();
    let clean = clean.replace("::", "_");
    let clean = clean::cut(clean.trim(), 64).trim_end();
    let clean = if clean.is_empty() { "value" } else { clean };
    if clean.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        clean.to_owned()
    } else {
        format!("'{clean}'")
    }
}
