//! The one table: for people at the end of a run, as Markdown, and between the README's markers.

use crate::product::compiler;
use crate::race::{Ratio, Runs, mib};
use std::fmt::Write;
use std::path::Path;

#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

/// One line. Ratios are over a floor that is named.
#[derive(Default)]
pub struct Row {
    what: String,
    floor: String,
    wall: Option<Ratio>,
    processor: Option<Ratio>,
    against: Option<Ratio>,
    memory: String,
    budget: &'static str,
}

impl Row {
    pub fn over(what: &str, runs: &Runs, base: &Runs, floor: &str) -> Row {
        Row {
            what: what.to_owned(),
            floor: floor.to_owned(),
            wall: Some(runs.wall_over(base)),
            processor: Some(runs.processor_over(base)),
            ..Row::default()
        }
    }

    /// A row of one number that is no time.
    pub fn size(what: &str, bytes: u64, budget: &'static str) -> Row {
        Row { what: what.to_owned(), memory: format!("{:.1} MiB", mib(bytes)), budget, ..Row::default() }
    }

    pub fn absent(what: &str, how: &str) -> Row {
        Row { what: what.to_owned(), floor: format!("not installed: {how}"), ..Row::default() }
    }

    pub fn budget(self, budget: &'static str) -> Row {
        Row { budget, ..self }
    }

    pub fn memory(self, runs: &Runs) -> Row {
        Row { memory: format!("{:.1} MiB", mib(runs.memory())), ..self }
    }

    /// How often our time fits into theirs.
    pub fn against(self, theirs: &Runs, ours: &Runs) -> Row {
        Row { against: Some(theirs.wall_over(ours)), ..self }
    }
}

impl Table {
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "| what | over | time | processor time | over ours | memory, size | budget |\n|---|---|---|---|---|---|---|\n",
        );
        let ratio = |ratio: Option<Ratio>| ratio.map(|ratio| ratio.to_string()).unwrap_or_default();
        for row in &self.rows {
            let (wall, processor, against) = (ratio(row.wall), ratio(row.processor), ratio(row.against));
            let Row { what, floor, memory, budget, .. } = row;
            let _ = writeln!(
                text,
                "| {what} | {floor} | {wall} | {processor} | {against} | {memory} | {budget} |"
            );
        }
        text
    }
}

/// When, where and how: what a figure is worth nothing without.
pub fn circumstances(arguments: &str) -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    #[allow(clippy::disallowed_methods, reason = "a measurement has a date")]
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    format!(
        "Measured on {date}, {cores} cores of {model}, Linux {}, {}, load {load} at the end, by\n\
         `cargo bench --profile quick --bench speed -- {arguments}`: whole processes in turn, medians of the\n\
         rounds' ratios with their quarters; ratios travel, times do not.",
        kernel.trim(),
        compiler().split(" (").next().unwrap_or_default(),
    )
}

/// Puts a text between two markers of a file.
pub fn write_between(file: &Path, name: &str, text: &str) {
    let page = std::fs::read_to_string(file).unwrap();
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = page.split_once(&open).unwrap_or_else(|| panic!("{} has no {open}", file.display()));
    let (_, after) = rest.split_once(&close).unwrap_or_else(|| panic!("{} has no {close}", file.display()));
    std::fs::write(file, format!("{before}{open}{}\n{close}{after}", text.trim_end())).unwrap();
}
