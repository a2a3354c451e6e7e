//! Accounting files of a fixed seed, and the collection that counts one of them from its start.

use influxdb_line_protocol::{FieldValue, parse_lines};
use pmta_sim::{Bulk, write_bulk};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

pub const DOMAINS: usize = 50_000;
pub const VMTAS: usize = 40;
/// Records a second of event time.
const RATE: u64 = 500;

/// One file in a folder of its own.
#[derive(Debug, Clone)]
pub struct Records {
    pub file: PathBuf,
    pub bytes: u64,
    pub count: u64,
    config: PathBuf,
    /// With room for every pair of provider and VMTA, so that none is folded into `other`.
    wide: PathBuf,
    /// Later than the last record: one from the future is counted, but neither kept nor judged.
    now: String,
}

impl Records {
    /// 20 % deferrals in hundreds of wordings, as a busy host's.
    pub fn write(folder: &Path, bytes: u64, domains: usize) -> Records {
        let folder = folder.join(format!("{bytes}-{domains}"));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("acct-2026-11-23-0000.csv");
        let bulk = Bulk {
            path: file.clone(),
            bytes,
            domains,
            vmtas: VMTAS,
            deferrals: 0.2,
            rate: RATE,
            ..Bulk::default()
        };
        let count = write_bulk(&bulk).unwrap().records();
        let end = bulk.start + i64::try_from(count / RATE).unwrap() + 1;
        let config = folder.join("pmta-vitals.toml");
        let text = format!(
            "[pmta]\nconfig = \"/nonexistent\"\n[accounting]\nfiles = [{:?}]\n",
            folder.join("acct-*.csv")
        );
        std::fs::write(&config, &text).unwrap();
        let wide = folder.join("wide.toml");
        std::fs::write(&wide, text + "[limits]\npairs = 10000\nlines = 100000\n").unwrap();
        let now = jiff::Timestamp::from_second(end).unwrap().to_string();
        Records { file, bytes, count, config, wide, now }
    }

    /// Counts everything into an empty ledger, each time anew.
    pub fn collect(&self, product: &Path, state: &Path) -> impl Fn() -> Command + use<> {
        let (records, product, state) = (self.clone(), product.to_owned(), state.join("ledger"));
        move || records.collect_by(&records.config, &product, &state)
    }

    /// Judges everything as old files.
    pub fn replay(&self, product: &Path, state: &Path) -> impl Fn() -> Command + use<> {
        let (records, product, state) = (self.clone(), product.to_owned(), state.join("replay"));
        move || {
            let mut command = Command::new(&product);
            command.arg("--config").arg(&records.config).arg("--state").arg(&state);
            command.arg("replay").arg(&records.file);
            command
        }
    }

    /// The host that each queue's domain was first seen with: a provider is known by it, too.
    pub fn hosts(&self) -> BTreeMap<String, String> {
        let mut hosts = BTreeMap::new();
        for line in BufReader::new(File::open(&self.file).unwrap()).lines().skip(1).map(Result::unwrap) {
            let cells = cells(&line);
            let domain = cells[21].split('/').next().unwrap();
            if !hosts.contains_key(domain) {
                hosts.insert(domain.to_owned(), cells[9].to_owned());
            }
        }
        hosts
    }

    /// What such a collection prints.
    pub fn printed(&self, product: &Path, state: &Path) -> Printed {
        let said = self.collect_by(&self.wide, product, &state.join("ledger")).output().unwrap();
        Printed::read(&String::from_utf8(said.stdout).unwrap())
    }

    fn collect_by(&self, config: &Path, product: &Path, state: &Path) -> Command {
        let _ = std::fs::remove_dir_all(state);
        let mut command = Command::new(product);
        command.arg("--config").arg(config).arg("--state").arg(state);
        command.args(["--now", &self.now, "collect", "--only", "accounting", "--from-start"]);
        command.args(["--deadline", "10m", "--consumer", "bench"]);
        command
    }

    /// `wc -l` of the same bytes.
    pub fn lines(&self) -> impl Fn() -> Command + use<> {
        let file = self.file.clone();
        move || {
            let mut command = Command::new("wc");
            command.arg("-l").arg(&file);
            command
        }
    }
}

/// The cells of a line without a line break in it.
fn cells(line: &str) -> Vec<&str> {
    let mut quoted = false;
    line.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .collect()
}

/// Types of records, and the fields that count them.
pub const KINDS: [(&str, &str); 4] = [
    ("d", "delivered_total"),
    ("b", "bounced_total"),
    ("t", "deferred_total"),
    ("tq", "queue_deferred_total"),
];

/// What a collection printed: records by provider, and all of them.
pub struct Printed {
    pub providers: BTreeMap<String, [u64; 4]>,
    pub all: [u64; 4],
}

impl Printed {
    pub fn read(text: &str) -> Printed {
        let mut printed = Printed { providers: BTreeMap::new(), all: [0; 4] };
        for line in parse_lines(text).map(Result::unwrap) {
            let name = line.series.measurement.as_str();
            let numbers = match name {
                "pmta_totals" => &mut printed.all,
                "pmta_recipients" => {
                    let provider = line.tag_value("provider").unwrap().to_string();
                    printed.providers.entry(provider).or_default()
                }
                _ => continue,
            };
            for (number, (_, field)) in numbers.iter_mut().zip(KINDS) {
                let Some(FieldValue::I64(value)) = line.field_value(field) else {
                    panic!("{name} has no {field}")
                };
                *number += u64::try_from(*value).unwrap();
            }
        }
        printed
    }
}
