//! Defaults, then the file, then the flags; whatever is unknown or senseless is refused with one
//! line. It reads its own file and nothing else.

use super::error::shown;
use super::keys::{self, Kind, SECTIONS};
use super::{Config, ConfigError, Place, Word, nearest};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Value;
use toml::de::{DeTable, DeValue};

pub const DEFAULT_PATH: &str = "/etc/pmta-vitals.toml";

const MOST_BYTES: u64 = 1 << 20;

/// Where the value of a key came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    #[default]
    Default,
    File,
    Flag,
    /// Found in PowerMTA's own configuration.
    PowerMta,
}

/// `section.key` -> where it came from; what is not listed is a default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    pub fn of(&self, section: &str, key: &str) -> Origin {
        self.0.get(&format!("{section}.{key}")).copied().unwrap_or_default()
    }

    /// Notes every key whose value differs between the two as coming from `origin`.
    pub fn note(&mut self, before: &Config, after: &Config, origin: Origin) {
        let (before, after) = (as_table(before), as_table(after));
        for key in keys::KEYS {
            let at =
                |table: &toml::Table| table.get(key.section).and_then(|part| part.get(key.name)).cloned();
            if at(&before) != at(&after) {
                self.0.insert(format!("{}.{}", key.section, key.name), origin);
            }
        }
    }
}

/// What was loaded, and enough about it to say where a word was written.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    pub config: Config,
    pub origins: Origins,
    table: toml::Table,
    /// `section.key` (or `suppress.0.reason`) -> where.
    places: BTreeMap<String, Place>,
}

impl Loaded {
    /// The configuration at `path`; `named` says that the operator asked for this very file, so
    /// that its absence is an error.
    pub fn read(path: &Path, named: bool) -> Result<Loaded, ConfigError> {
        let file = path.display().to_string();
        let unreadable = |why: String| ConfigError::Unreadable { file: file.clone(), why };
        let size = match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(unreadable("it is a folder".to_owned())),
            Ok(found) => found.len(),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound && !named => return Ok(Loaded::default()),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                return Err(ConfigError::Missing { file });
            }
            Err(why) => return Err(unreadable(why.to_string())),
        };
        if size > MOST_BYTES {
            return Err(ConfigError::TooLarge { file, bytes: size, most: MOST_BYTES });
        }
        let bytes = std::fs::read(path).map_err(|why| unreadable(why.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))?;
        Loaded::parse(&text, &file)
    }

    /// The configuration in `text`, which errors will call `file`.
    pub fn parse(text: &str, file: &str) -> Result<Loaded, ConfigError> {
        let mut loaded = Loaded::default();
        loaded.take(
            text,
            &|at| Place { file: file.to_owned(), line: Some(line_of(text, at)) },
            Origin::File,
        )?;
        Ok(loaded)
    }

    /// Overrides one key (`pmta.url`) by the value of a flag, as if the file had said so.
    pub fn set(&mut self, key: &str, value: &str, flag: &str) -> Result<(), ConfigError> {
        let place = Place { file: flag.to_owned(), line: None };
        let (section, name) = key.split_once('.').unwrap_or((key, ""));
        let quoted = Value::String(value.to_owned()).to_string();
        let written = match keys::find(section, name).map(|key| key.kind) {
            Some(Kind::Flag | Kind::Count | Kind::Number) => value.to_owned(),
            Some(Kind::Texts) => format!("[{quoted}]"),
            _ => quoted,
        };
        self.take(&format!("[{section}]\n{name} = {written}\n"), &|_| place.clone(), Origin::Flag)
    }

    /// Refuses reasons and providers that nobody knows. A provider may be a built-in one, one of
    /// `[providers]`, or a domain.
    pub fn check_words(&self, reasons: &[&str], providers: &[&str]) -> Result<(), ConfigError> {
        for (index, rule) in self.config.suppress.iter().enumerate() {
            if let Some(reason) = &rule.reason {
                let known = reasons.contains(&reason.as_str());
                self.check_word(known, Word::Reason, reason, index, reasons.iter().copied())?;
            }
            if let Some(provider) = &rule.provider {
                let own = self.config.providers.keys().map(String::as_str);
                let mut all = providers.iter().copied().chain(own.clone());
                let known = provider.contains('.') || all.any(|known| known.eq_ignore_ascii_case(provider));
                let candidates = providers.iter().copied().chain(own);
                self.check_word(known, Word::Provider, provider, index, candidates)?;
            }
        }
        Ok(())
    }

    fn check_word<'a>(
        &self,
        known: bool,
        word: Word,
        text: &str,
        index: usize,
        candidates: impl Iterator<Item = &'a str>,
    ) -> Result<(), ConfigError> {
        if known {
            return Ok(());
        }
        let place = self.places.get(&format!("suppress.{index}.{word}")).cloned();
        Err(ConfigError::UnknownWord {
            word,
            text: shown(text),
            section: "suppress".to_owned(),
            place: place.unwrap_or(Place { file: "the configuration".to_owned(), line: None }),
            near: nearest(text, candidates).map(str::to_owned),
        })
    }

    /// Checks `text` against the table of keys and lays it over what is there.
    fn take(
        &mut self,
        text: &str,
        place: &dyn Fn(usize) -> Place,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        let syntax = |why: &toml::de::Error| ConfigError::Syntax {
            place: place(why.span().map_or(0, |span| span.start)),
            why: shown(why.message().lines().next().unwrap_or("it cannot be understood")),
        };
        let parsed = DeTable::parse(text).map_err(|why| syntax(&why))?;
        let new: toml::Table = toml::from_str(text).map_err(|why| syntax(&why))?;
        let mut seen = Vec::new();
        for (section, body) in parsed.get_ref() {
            let at = place(section.span().start);
            let empty = Value::Boolean(false);
            let values = new.get(section.get_ref().as_ref()).unwrap_or(&empty);
            check_section(section.get_ref(), body.get_ref(), values, &at, place, &mut seen)?;
        }
        for (key, at) in seen {
            self.origins.0.insert(key.clone(), origin);
            self.places.insert(key, at);
        }
        lay_over(&mut self.table, new);
        self.config = Config::deserialize(Value::Table(self.table.clone())).map_err(|why| syntax(&why))?;
        Ok(())
    }
}

type Seen = Vec<(String, Place)>;

fn check_section(
    section: &str,
    body: &DeValue<'_>,
    values: &Value,
    at: &Place,
    place: &dyn Fn(usize) -> Place,
    seen: &mut Seen,
) -> Result<(), ConfigError> {
    if !SECTIONS.iter().any(|(known, _)| *known == section) {
        let near = nearest(section, SECTIONS.iter().map(|(known, _)| *known)).map(str::to_owned);
        return Err(ConfigError::UnknownSection { section: shown(section), place: at.clone(), near });
    }
    let wrong = |wanted, found| {
        let key = section.to_owned();
        ConfigError::WrongType { key, section: section.to_owned(), place: at.clone(), wanted, found }
    };
    match (section, body, values) {
        ("suppress", DeValue::Array(items), Value::Array(values)) => {
            for (index, (item, values)) in items.iter().zip(values).enumerate() {
                let (DeValue::Table(table), Value::Table(values)) = (item.get_ref(), values) else {
                    return Err(wrong("written as [[suppress]]", "a plain value"));
                };
                check_keys(section, &format!("suppress.{index}"), table, values, place, seen)?;
            }
            Ok(())
        }
        ("suppress", _, _) => Err(wrong("written as [[suppress]]", "[suppress]")),
        (_, DeValue::Table(table), Value::Table(values)) => {
            check_keys(section, section, table, values, place, seen)
        }
        (_, other, _) => Err(wrong("a section", name_of(other))),
    }
}

fn check_keys(
    section: &str,
    prefix: &str,
    table: &DeTable<'_>,
    values: &toml::Table,
    place: &dyn Fn(usize) -> Place,
    seen: &mut Seen,
) -> Result<(), ConfigError> {
    for (name, found) in table {
        let (at, name) = (place(name.span().start), name.get_ref().as_ref());
        let (kind, check) = match keys::find(section, name) {
            Some(key) => (key.kind, key.check),
            // The names in [providers] are the operator's own.
            None if section == "providers" => (Kind::Texts, super::check::any as keys::Check),
            None => {
                let near = nearest(name, keys::names(section)).map(str::to_owned);
                let (key, section) = (shown(name), section.to_owned());
                return Err(ConfigError::UnknownKey { key, section, place: at, near });
            }
        };
        let (key, section) = (shown(name), section.to_owned());
        if !fits(kind, found.get_ref()) {
            let (wanted, found) = (kind.wanted(), name_of(found.get_ref()));
            return Err(ConfigError::WrongType { key, section, place: at, wanted, found });
        }
        if let Some(Err(why)) = values.get(name).map(check) {
            return Err(ConfigError::BadValue { key, section, place: at, why });
        }
        seen.push((format!("{prefix}.{name}"), at));
    }
    Ok(())
}

fn fits(kind: Kind, value: &DeValue<'_>) -> bool {
    match (kind, value) {
        (Kind::Text, DeValue::String(_))
        | (Kind::Flag, DeValue::Boolean(_))
        | (Kind::Count, DeValue::Integer(_))
        | (Kind::Number, DeValue::Float(_) | DeValue::Integer(_)) => true,
        (Kind::Texts, DeValue::Array(items)) => items.iter().all(|item| item.get_ref().is_str()),
        _ => false,
    }
}

fn name_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date without quotes",
        DeValue::Array(_) => "a list that holds something else",
        DeValue::Table(_) => "a section",
    }
}

fn lay_over(below: &mut toml::Table, above: toml::Table) {
    for (section, value) in above {
        match (below.get_mut(&section), value) {
            (Some(Value::Table(below)), Value::Table(above)) => below.extend(above),
            (_, value) => drop(below.insert(section, value)),
        }
    }
}

pub(super) fn as_table(config: &Config) -> toml::Table {
    toml::Table::try_from(config).unwrap_or_default()
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}
