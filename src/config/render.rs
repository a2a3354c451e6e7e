//! The effective configuration as a commented file, and the README's table of every key. Pure:
//! text out, nothing opened.

use super::Config;
use super::keys::{KEYS, Key, SECTIONS};
use super::load::{Origin, Origins, as_table};
use toml::Value;

/// A file that says what holds: each key with its meaning and where the value came from. Reading
/// it back gives the same configuration.
pub fn render(config: &Config, origins: &Origins) -> String {
    let table = as_table(config);
    let mut out = String::from("# The effective configuration. Keys behind a # are not set.\n");
    for (section, about) in SECTIONS {
        out.push_str(&format!("\n# {about}.\n"));
        match *section {
            "providers" => providers(config, &mut out),
            "suppress" => suppress(&table, &mut out),
            _ => {
                out.push_str(&format!("[{section}]\n"));
                for key in KEYS.iter().filter(|key| key.section == *section) {
                    let value = table.get(*section).and_then(|part| part.get(key.name));
                    line(key, value, Some(origins.of(section, key.name)), &mut out);
                }
            }
        }
    }
    out
}

/// The table of every key for the README.
pub fn keys_as_markdown() -> String {
    let defaults = as_table(&Config::default());
    let mut out = String::from("| section | key | default | meaning |\n|---|---|---|---|\n");
    for (section, about) in SECTIONS {
        if *section == "providers" {
            out.push_str(&format!("| `[providers]` | `\"NAME\" = [\"DOMAIN\", ...]` | none | {about} |\n"));
        }
        for key in KEYS.iter().filter(|key| key.section == *section) {
            let value = defaults.get(*section).and_then(|part| part.get(key.name));
            let default = value.map_or_else(|| key.unset.to_owned(), |value| format!("`{}`", written(value)));
            let shown =
                if *section == "suppress" { "[[suppress]]".to_owned() } else { format!("[{section}]") };
            out.push_str(&format!("| `{shown}` | `{}` | {default} | {} |\n", key.name, key.about));
        }
    }
    out
}

fn line(key: &Key, value: Option<&Value>, origin: Option<Origin>, out: &mut String) {
    out.push_str(&format!("# {}\n", key.about));
    match value {
        Some(value) => {
            let from = origin.map(|origin| format!("  # {}", from(origin))).unwrap_or_default();
            out.push_str(&format!("{} = {}{from}\n", key.name, written(value)));
        }
        None => out.push_str(&format!("# {} = {}  # not set: {}\n", key.name, key.example, key.unset)),
    }
}

fn providers(config: &Config, out: &mut String) {
    out.push_str("[providers]\n");
    for (name, domains) in &config.providers {
        let domains = Value::Array(domains.iter().cloned().map(Value::String).collect());
        // A table's own spelling: a key may not be written in every way that a text may.
        out.push_str(&toml::Table::from_iter([(name.clone(), domains)]).to_string());
    }
    if config.providers.is_empty() {
        out.push_str("# \"Example Corp\" = [\"example.com\", \"*.mx.example.net\"]\n");
    }
}

fn suppress(table: &toml::Table, out: &mut String) {
    let set = table.get("suppress").and_then(Value::as_array);
    let keys = || KEYS.iter().filter(|key| key.section == "suppress");
    for rule in set.into_iter().flatten() {
        out.push_str("[[suppress]]\n");
        for key in keys() {
            if let Some(value) = rule.get(key.name) {
                line(key, Some(value), None, out);
            }
        }
    }
    if set.is_none_or(Vec::is_empty) {
        out.push_str("# [[suppress]]\n");
        for key in keys() {
            out.push_str(&format!("# # {}\n# {} = {}\n", key.about, key.name, key.example));
        }
    }
}

fn from(origin: Origin) -> &'static str {
    match origin {
        Origin::Default => "default",
        Origin::File => "from the file",
        Origin::Flag => "from the command line",
        Origin::PowerMta => "from PowerMTA's configuration",
    }
}

/// On one line, and a small number as people write it.
fn written(value: &Value) -> String {
    match value {
        Value::Float(number) if *number != 0.0 && number.abs() < 1e-4 => format!("{number:e}"),
        other => other.to_string(),
    }
}
