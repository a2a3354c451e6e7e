//! A document as bytes, one file per format. Pure: it opens nothing, reads no clock and knows
//! neither the configuration nor the ledger.

pub mod catalogue;
mod clean;
mod document;
mod drop_ins;
mod influx;
mod json;
pub mod nagios;
mod native_json;
mod prometheus;
mod stamp;
mod text;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod grammar;
#[cfg(test)]
mod tests;

pub use clean::text as clean_text;
pub use document::{Document, Gathered};
pub use drop_ins::{DROP_INS, DropIn};
pub use json::told;
pub use stamp::{rfc3339, rfc3339_at};
pub use text::render as render_text;

/// One way to print a document.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// The word behind `--format`.
    pub name: &'static str,
    pub help: &'static str,
    pub print: fn(&Document) -> Vec<u8>,
}

/// Every format; the first is the default.
pub const FORMATS: &[Format] = &[
    Format { name: "influx", help: "InfluxDB line protocol, for Telegraf", print: influx::print },
    Format {
        name: "native-json",
        help: "Vector's native_json, one metric or log a line",
        print: native_json::print,
    },
    Format { name: "json", help: "one JSON document (schema/collect.schema.json)", print: json::print },
    Format { name: "prometheus", help: "Prometheus text exposition", print: prometheus::print },
    Format { name: "nagios", help: "plugin output, the worst finding first", print: nagios::print },
    Format { name: "text", help: "for people at a terminal", print: text::print },
];

/// The format of that name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}
