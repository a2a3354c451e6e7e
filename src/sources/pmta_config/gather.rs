//! Turns groups and directives into what is kept. Only directives named here are stored, so that
//! a password or key cannot be by mistake; unknown ones are none of our business.

use super::discovered::{Access, AcctFile, Discovered, Listener, Spool};
use super::lines::{Directive, words};
use super::pattern::Macros;
use super::queues::{Block, Pool, Queues, ReplyPattern, Rollup, Vmta};
use super::reader::{At, Group, Problems, Reading, Reads};
use super::settings::SETTINGS;
use super::{Parsed, dkim, values};
use std::path::{Path, PathBuf};

/// Directives of the server that others want to see.
const SERVER: &[&str] = &[
    "allow-starttls",
    "http-default-max-items",
    "http-csrf-protection",
    "log-rotate",
    "max-memory-usage-percent",
    "queue-to",
    "run-as-root",
    "spool-max-recipients",
    "sync-msg-create",
    "sync-msg-update",
    "total-max-smtp-in",
    "total-max-smtp-out",
];

const MOST_BLOCKS: usize = 50_000;
const MOST_PATTERNS: usize = 200_000;
const MOST_OF_A_LIST: usize = 20_000;
const MOST_LINES_KEPT: usize = 1_000;
const LONGEST_VALUE: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Gatherer {
    found: Discovered,
    queues: Queues,
    macros: Macros,
    blocks: usize,
    patterns: usize,
    /// A `<domain>` named a macro that was not known at that point.
    pub(super) lacked_a_macro: bool,
}

impl Gatherer {
    /// Nothing gathered yet, but every macro known.
    pub(super) fn again(self) -> Gatherer {
        Gatherer { macros: self.macros.fresh(), ..Gatherer::default() }
    }

    pub(super) fn finish(mut self, path: &Path, reading: Reading) -> Parsed {
        let mut problems = reading.problems;
        for name in self.queues.in_two_pools() {
            let at = At { file: path, line: 0 };
            problems.add(at, format!("VMTA {} is in two pools with <domain> blocks", short(name)));
        }
        self.found.path = path.to_owned();
        self.found.readable = reading.readable;
        self.found.fingerprint = if reading.readable { reading.fingerprint } else { 0 };
        self.found.stamps = reading.stamps;
        self.found.not_fetched = reading.not_fetched;
        self.found.problems = problems.0;
        Parsed { found: self.found, queues: self.queues }
    }

    fn server(&mut self, said: &Directive<'_>, at: At<'_>, problems: &mut Problems) {
        let value = said.value();
        match said.name.as_str() {
            "http-mgmt-port" => match value.parse() {
                Ok(port) => self.found.http_port = Some(port),
                Err(_) => problems.add(at, "http-mgmt-port is no port"),
            },
            "http-redirect-to-https" => self.found.http_redirect_to_https = values::flag(&value),
            "http-access" => self.access(&said.words(), at, problems),
            "http-api-key" => self.found.api_keys = self.found.api_keys.saturating_add(1),
            "log-file" => self.found.log_file = Some(PathBuf::from(short(&value))),
            "log-file-world-readable" => {
                self.found.log_world_readable = values::flag(&value).unwrap_or(false);
            }
            "smtp-listener" => self.listener(&said.words(), at, problems),
            "spool" => self.spool(&value),
            "domain-macro" => {
                if let Err(why) = self.macros.add(said.raw) {
                    problems.add(at, format!("domain-macro: {why}"));
                }
            }
            "domain-key" => self.dkim(&value, None),
            name if SERVER.contains(&name) => drop(self.found.server.insert(name.to_owned(), short(&value))),
            _ => {}
        }
    }

    fn access(&mut self, words: &[String], at: At<'_>, problems: &mut Problems) {
        let (Some(network), Some(level)) = (words.first(), words.get(1)) else {
            problems.add(at, "http-access needs a network and a level");
            return;
        };
        if self.found.access.len() < MOST_LINES_KEPT {
            let mut level = level.split(',');
            self.found.access.push(Access {
                network: short(network),
                level: short(level.next().unwrap_or_default()).to_ascii_lowercase(),
                deny_logs: level.any(|word| word.eq_ignore_ascii_case("deny-logs")),
            });
        }
    }

    fn listener(&mut self, words: &[String], at: At<'_>, problems: &mut Problems) {
        let Some(address) = words.first() else { return };
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => (host, port.parse().ok()),
            _ => (address.as_str(), Some(25)),
        };
        match port {
            Some(port) if self.found.listeners.len() < MOST_LINES_KEPT => {
                self.found.listeners.push(Listener { host: short(host), port });
            }
            Some(_) => {}
            None => problems.add(at, "smtp-listener has no port"),
        }
    }

    fn spool(&mut self, path: &str) {
        if !path.is_empty() && self.found.spools.len() < MOST_LINES_KEPT {
            self.found.spools.push(Spool { path: PathBuf::from(short(path)), min_free_bytes: None });
        }
    }

    fn acct_file(&mut self, arg: &str, at: At<'_>) {
        if self.found.acct_files.len() < MOST_LINES_KEPT {
            let pipe = arg.starts_with('|');
            // A command may carry a password among its arguments: only its name is kept.
            let path = if pipe { arg.split_whitespace().next().unwrap_or("|") } else { arg };
            self.found.acct_files.push(AcctFile {
                path: PathBuf::from(short(path)),
                pipe,
                records: vec!["d".to_owned(), "b".to_owned()],
                file: at.file.to_owned(),
                line: at.line,
                ..AcctFile::default()
            });
        }
    }

    fn acct_directive(&mut self, said: &Directive<'_>, at: At<'_>, problems: &mut Problems) {
        let Some(file) = self.found.acct_files.last_mut() else { return };
        let value = said.value();
        match said.name.as_str() {
            "records" => file.records = record_types(&value, at, problems),
            "record-fields" if file.record_fields.len() < MOST_LINES_KEPT => {
                let (types, list) = value.split_once(' ').unwrap_or((&value, "*"));
                for code in record_types(types, at, problems) {
                    file.record_fields.push((code, short(list)));
                }
            }
            "move-to" => file.move_to = Some(PathBuf::from(short(&value))).filter(|path| path.is_absolute()),
            "move-interval" => file.move_interval = Some(short(&value)),
            "delete-after" => file.delete_after = Some(short(&value)),
            "max-size" => file.max_size = Some(short(&value)),
            "world-readable" => file.world_readable = values::flag(&value).unwrap_or(false),
            "queue-filter" => file.filtered = !value.is_empty(),
            _ => {}
        }
    }

    fn dkim(&mut self, value: &str, vmta: Option<&str>) {
        if self.queues.dkim_keys.len() < MOST_OF_A_LIST {
            self.queues.dkim_keys.extend(dkim::read(&short(value), vmta));
        }
    }

    fn vmta_directive(&mut self, said: &Directive<'_>) {
        let Some(vmta) = self.queues.vmtas.last_mut() else { return };
        let value = short(&said.value());
        match said.name.as_str() {
            "max-smtp-out" => vmta.max_smtp_out = Some(value),
            "max-smtp-msg-rate" => vmta.max_smtp_msg_rate = Some(value),
            "smtp-source-host" | "smtp-source-ip" if vmta.sources.len() < MOST_LINES_KEPT => {
                vmta.sources.extend(said.words().into_iter().take(1).map(|word| short(&word)));
            }
            "domain-key" => {
                let name = vmta.name.clone();
                self.dkim(&value, Some(&name));
            }
            _ => {}
        }
    }

    fn block(&mut self, arg: &str, groups: &[Group], at: At<'_>, problems: &mut Problems) {
        let parts = arg.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
        let mut block = Block { listed: true, ..Block::default() };
        for part in parts {
            match self.macros.expand(&part.to_lowercase()) {
                Ok((patterns, listed)) => {
                    block.listed &= listed;
                    block.patterns.extend(patterns.into_iter().filter(|pattern| pattern.len() <= 255));
                }
                Err(why) => {
                    self.lacked_a_macro = true;
                    problems.add(at, format!("<domain>: {why}"));
                }
            }
        }
        self.blocks += 1;
        self.patterns += block.patterns.len();
        if self.blocks > MOST_BLOCKS || self.patterns > MOST_PATTERNS {
            problems.add(at, "more <domain> blocks than are kept");
            block.patterns.clear();
        }
        if let Some(blocks) = self.blocks_of(groups) {
            blocks.push(block);
        }
    }

    /// The blocks of the level that the innermost VMTA or pool makes.
    fn blocks_of(&mut self, groups: &[Group]) -> Option<&mut Vec<Block>> {
        match groups
            .iter()
            .rev()
            .find(|group| group.tag.starts_with("virtual-mta"))
            .map(|group| group.tag.as_str())
        {
            None => Some(&mut self.queues.blocks),
            Some("virtual-mta") => self.queues.vmtas.last_mut().map(|vmta| &mut vmta.blocks),
            Some(_) => self.queues.pools.last_mut().map(|pool| &mut pool.blocks),
        }
    }

    fn block_directive(&mut self, said: &Directive<'_>, groups: &[Group]) {
        if !SETTINGS.iter().any(|(known, _)| *known == said.name) {
            return;
        }
        let words = said.words();
        // `source-ip-max-msg-rate CIDR RATE`: the strictest network is told apart nowhere, the
        // value is what is shown.
        let value =
            if said.name.starts_with("source-ip-") { words.last().cloned() } else { Some(said.value()) };
        if let Some(block) = self.blocks_of(groups).and_then(|blocks| blocks.last_mut()) {
            block.settings.insert(said.name.clone(), short(&value.unwrap_or_default()));
        }
    }
}

impl Reads for Gatherer {
    fn open(&mut self, groups: &[Group], at: At<'_>, problems: &mut Problems) {
        let Some(group) = groups.last() else { return };
        let name = short(&group.arg);
        match group.tag.as_str() {
            "acct-file" => self.acct_file(&group.arg, at),
            "domain" => self.block(&group.arg, groups, at, problems),
            "spool" => self.spool(&group.arg),
            "virtual-mta" if self.queues.vmtas.len() < MOST_OF_A_LIST => {
                self.queues.vmtas.push(Vmta { name, ..Vmta::default() });
            }
            "virtual-mta-pool" if self.queues.pools.len() < MOST_OF_A_LIST => {
                self.queues.pools.push(Pool { name, ..Pool::default() });
            }
            "virtual-mta" | "virtual-mta-pool" => problems.add(at, "more VMTAs or pools than are kept"),
            "smtp-pattern-list" if self.queues.pattern_lists.len() < MOST_LINES_KEPT => {
                self.queues.pattern_lists.entry(name).or_default();
            }
            "" => problems.add(at, "a group without a name"),
            _ => {}
        }
    }

    fn directive(&mut self, said: &Directive<'_>, groups: &[Group], at: At<'_>, problems: &mut Problems) {
        let Some(group) = groups.last() else { return self.server(said, at, problems) };
        match group.tag.as_str() {
            "acct-file" => self.acct_directive(said, at, problems),
            "domain" => self.block_directive(said, groups),
            "spool" if said.name == "min-free-space" => {
                let bytes = values::size(&said.value());
                if let Some(spool) = self.found.spools.last_mut() {
                    spool.min_free_bytes = bytes;
                }
            }
            "virtual-mta" => self.vmta_directive(said),
            "virtual-mta-pool" if said.name == "virtual-mta" => {
                let names = said.raw.replace(',', " ");
                if let Some(pool) =
                    self.queues.pools.last_mut().filter(|pool| pool.vmtas.len() < MOST_OF_A_LIST)
                {
                    pool.vmtas.extend(words(&names).iter().map(|name| short(name)));
                }
            }
            "smtp-pattern-list" if said.name == "reply" => {
                let list = self.queues.pattern_lists.get_mut(&short(&group.arg));
                if let Some(list) = list.filter(|list| list.len() < MOST_LINES_KEPT) {
                    match ReplyPattern::read(said.raw, at.file, at.line) {
                        Some(pattern) if pattern.expression.len() <= LONGEST_VALUE => list.push(pattern),
                        _ => problems.add(at, "reply needs an expression between slashes"),
                    }
                }
            }
            "mx-rollup-list" if said.name == "mx" && self.queues.rollups.len() < MOST_OF_A_LIST => {
                if let [pattern, name, ..] = said.words().as_slice() {
                    self.queues.rollups.push(Rollup { pattern: short(pattern), name: short(name) });
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, _group: &Group) {}
}

/// Short forms of a list of record types; unknown ones are told by place only.
fn record_types(list: &str, at: At<'_>, problems: &mut Problems) -> Vec<String> {
    let mut out = Vec::new();
    for word in list.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty()) {
        let code = match word.to_ascii_lowercase().as_str() {
            "d" | "delivery" => "d",
            "b" | "bounce" => "b",
            "t" | "transient" => "t",
            "tq" | "transient-queue" => "tq",
            "r" | "receipt" => "r",
            "rb" | "remote-bounce" => "rb",
            "rs" | "remote-status" => "rs",
            "f" | "feedback-loop" => "f",
            _ => {
                problems.add(at, "unknown record type");
                continue;
            }
        };
        if !out.iter().any(|known| known == code) {
            out.push(code.to_owned());
        }
    }
    out
}

fn short(text: &str) -> String {
    text.chars().take(LONGEST_VALUE).collect()
}
