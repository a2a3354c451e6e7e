//! The limits of every queue: `<domain>` blocks of the server, of pools and of VMTAs, and how
//! PowerMTA merges them. It reads no file.

use super::dkim::DkimKey;
use super::pattern::rank;
use super::settings::{Level, Settings};
use super::values;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Queues {
    /// `<domain>` blocks outside of any VMTA and pool, in the order of the file.
    pub blocks: Vec<Block>,
    pub pools: Vec<Pool>,
    pub vmtas: Vec<Vmta>,
    pub rollups: Vec<Rollup>,
    /// `<smtp-pattern-list>` names and their patterns, in order.
    pub pattern_lists: BTreeMap<String, Vec<ReplyPattern>>,
    pub dkim_keys: Vec<DkimKey>,
}

/// One `<domain ...>`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Block {
    /// In lower case, macros already replaced.
    pub patterns: Vec<String>,
    /// Written out, not by a macro.
    pub listed: bool,
    /// Kept directives; an empty text takes an inherited value back.
    pub settings: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pool {
    pub name: String,
    pub vmtas: Vec<String>,
    pub blocks: Vec<Block>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Vmta {
    pub name: String,
    /// Addresses of `smtp-source-host` and `smtp-source-ip`.
    pub sources: Vec<String>,
    pub max_smtp_out: Option<String>,
    pub max_smtp_msg_rate: Option<String>,
    pub blocks: Vec<Block>,
}

/// `reply /EXPRESSION/ mode=...` of an `<smtp-pattern-list>`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplyPattern {
    /// What stands between the slashes.
    pub expression: String,
    /// It brings its own `backoff-to-normal-after`.
    pub ends_backoff: bool,
    pub file: PathBuf,
    pub line: usize,
}

impl ReplyPattern {
    /// Slashes within the expression are escaped.
    pub(super) fn read(raw: &str, file: &Path, line: usize) -> Option<ReplyPattern> {
        let inside = raw.trim().strip_prefix('/')?;
        let mut escaped = false;
        let end = inside.find(|letter| {
            let ends = letter == '/' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        })?;
        let expression = inside.get(..end)?.replace("\\/", "/");
        let effect = inside.get(end..).unwrap_or_default();
        let ends_backoff = effect.contains("backoff-to-normal-after");
        Some(ReplyPattern { expression, ends_backoff, file: file.to_owned(), line })
    }
}

/// `mx PATTERN NAME.rollup`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollup {
    pub pattern: String,
    pub name: String,
}

impl Queues {
    /// What holds for the queue `domain/vmta`: the server's blocks, then the pool's, then the
    /// VMTA's, and within each the more specific pattern over the less specific one.
    pub fn settings_for(&self, domain: &str, vmta: &str) -> Settings {
        let domain = domain.to_lowercase();
        let mut settings = Settings::default();
        merge(&self.blocks, &domain, Level::Global, &mut settings);
        let is_named = |name: &String| name.eq_ignore_ascii_case(vmta);
        for pool in self.pools.iter().filter(|pool| pool.vmtas.iter().any(is_named)) {
            merge(&pool.blocks, &domain, Level::Pool, &mut settings);
        }
        for own in self.vmtas.iter().filter(|own| is_named(&own.name)) {
            merge(&own.blocks, &domain, Level::Vmta, &mut settings);
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            settings.vmta_max_smtp_out = values::count(&text(&own.max_smtp_out)).flatten();
            settings.vmta_max_msg_rate = values::rate(&text(&own.max_smtp_msg_rate)).flatten();
        }
        settings
    }

    pub fn vmta(&self, name: &str) -> Option<&Vmta> {
        self.vmtas.iter().find(|vmta| vmta.name.eq_ignore_ascii_case(name))
    }

    /// VMTAs in two pools that both have `<domain>` blocks, which PowerMTA does not allow.
    pub fn in_two_pools(&self) -> Vec<&str> {
        let with_blocks = || self.pools.iter().filter(|pool| !pool.blocks.is_empty());
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for name in with_blocks().flat_map(|pool| &pool.vmtas) {
            *times.entry(name).or_default() += 1;
        }
        times.into_iter().filter(|(_, times)| *times > 1).map(|(name, _)| name).collect()
    }
}

/// General before specific; of two alike the later line wins.
fn merge(blocks: &[Block], domain: &str, level: Level, settings: &mut Settings) {
    let best =
        |block: &Block| block.patterns.iter().filter_map(|pattern| rank(pattern, block.listed, domain)).max();
    let mut found: Vec<_> = blocks.iter().filter_map(|block| best(block).map(|rank| (rank, block))).collect();
    found.sort_by_key(|(rank, _)| *rank);
    for (name, value) in found.into_iter().flat_map(|(_, block)| &block.settings) {
        if value.is_empty() {
            settings.said.remove(name);
        } else {
            settings.said.insert(name.clone(), (value.clone(), level));
        }
    }
}
