//! Time and memory against what grows on a host: the delta, the past, domains, queues, consumers.
//! Each is a plot and one sentence that says whether it is what it should be.

use crate::history::{self, Past};
use crate::plot::{Point, svg};
use crate::queues;
use crate::race::{Contender, Runs, mib, ms, race};
use crate::records::{DOMAINS, Records};
use crate::stage::Stage;
use std::fmt::Write;
use std::path::Path;

const ROUNDS: usize = 7;
const SHORT_ROUNDS: usize = 40;
const MB: u64 = 1_000_000;
/// The budget of memory, whatever grows.
const BUDGET_MIB: f64 = 32.0;

/// How it should grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Should {
    BeLinear,
    BeFlat,
}

struct Curve {
    file: &'static str,
    along: &'static str,
    about: String,
    should: Should,
    points: Vec<Point>,
}

/// Measures, and gives the page and its plots.
pub fn run(stage: &Stage, lived: &[Past], circumstances: &str) -> Vec<(String, String)> {
    let curves = [
        by_delta(stage),
        by_domains(stage),
        by_queues(stage),
        by_past(stage, lived),
        by_consumers(stage, lived),
    ];
    let mut files = Vec::new();
    let mut page = format!(
        "# How it grows\n\nMade by the bench, plots and sentences alike. {circumstances}\n\nTime is processor time, the \
         median of a race in which each point ran in turn with the others.\n\n"
    );
    for curve in &curves {
        let Curve { file, along, about, .. } = curve;
        let _ = writeln!(page, "**By {along}** ({about}). {}\n", curve.sentence());
        let _ = writeln!(page, "![time and memory by {along}](growth-{file}.svg)\n");
        files.push((
            format!("growth-{file}.svg"),
            svg(along, &curve.points, curve.should == Should::BeLinear),
        ));
    }
    files.insert(0, ("growth.md".to_owned(), page));
    files
}

fn by_delta(stage: &Stage) -> Curve {
    let sizes: Vec<u64> = [1, 4, 16, 64, 250, 1_000, 3_000, 10_000]
        .map(|size| size * MB)
        .into_iter()
        .filter(|size| *size <= stage.bytes)
        .collect();
    let files: Vec<Records> = sizes.iter().map(|size| Records::write(stage.data(), *size, DOMAINS)).collect();
    let runs =
        counted(stage, "deltas of so many bytes", &files, |records| format!("{} MB", records.bytes / MB));
    Curve {
        file: "delta",
        along: "bytes of new records",
        about: format!("{DOMAINS} domains, everything on"),
        should: Should::BeLinear,
        points: points(&runs, sizes.iter().map(|size| (format!("{} MB", size / MB), *size as f64))),
    }
}

fn by_domains(stage: &Stage) -> Curve {
    let bytes = (stage.bytes / 10).min(50 * MB);
    let counts = [10, 100, 1_000, 10_000, 100_000];
    let files: Vec<Records> =
        counts.iter().map(|count| Records::write(stage.data(), bytes, *count)).collect();
    let name =
        |records: &Records| format!("{}", records.file.parent().unwrap().file_name().unwrap().display());
    let runs = counted(stage, "the same bytes over so many domains", &files, name);
    Curve {
        file: "domains",
        along: "recipient domains",
        about: format!("{} MB of new records each", bytes / MB),
        should: Should::BeFlat,
        points: points(&runs, counts.iter().map(|count| (count.to_string(), *count as f64))),
    }
}

fn counted(stage: &Stage, title: &str, files: &[Records], name: impl Fn(&Records) -> String) -> Vec<Runs> {
    let contenders: Vec<Contender> = files
        .iter()
        .map(|records| Contender::new(&name(records), records.collect(&stage.product, stage.state())))
        .collect();
    let runs = race(title, stage.rounds(ROUNDS), &contenders);
    for records in files {
        std::fs::remove_file(&records.file).unwrap();
    }
    runs
}

fn by_queues(stage: &Stage) -> Curve {
    let rows = [10, 100, 1_000, 10_000, 100_000];
    let runs = queues::growth(stage, &rows, stage.rounds(SHORT_ROUNDS));
    Curve {
        file: "queues",
        along: "rows of /queues",
        about: "one page with every row on it, `--only web`".to_owned(),
        should: Should::BeLinear,
        points: points(&runs, rows.iter().map(|rows| (rows.to_string(), *rows as f64))),
    }
}

fn by_past(stage: &Stage, lived: &[Past]) -> Curve {
    let runs = history::tick_each(stage, lived, stage.rounds(SHORT_ROUNDS));
    Curve {
        file: "history",
        along: "length of the past",
        about: "an idle tick; the ledger counted five records a second to 1,000 domains".to_owned(),
        should: Should::BeFlat,
        points: points(&runs[1..], lived.iter().map(|past| (past.name(), past.seconds as f64))),
    }
}

fn by_consumers(stage: &Stage, lived: &[Past]) -> Curve {
    let counts = [1, 2, 5, 10];
    let runs = history::consumers(stage, lived, &counts, stage.rounds(SHORT_ROUNDS));
    Curve {
        file: "consumers",
        along: "host agents that ask",
        about: "an idle tick of one of them".to_owned(),
        should: Should::BeFlat,
        points: points(&runs, counts.iter().map(|count| (count.to_string(), *count as f64))),
    }
}

fn points(runs: &[Runs], sizes: impl Iterator<Item = (String, f64)>) -> Vec<Point> {
    let point = |(runs, (label, size)): (&Runs, (String, f64))| Point {
        label,
        size,
        time: ms(runs.processor()),
        memory: mib(runs.memory()),
    };
    runs.iter().zip(sizes).map(point).collect()
}

impl Curve {
    fn sentence(&self) -> String {
        let (first, last) = (&self.points[0], &self.points[self.points.len() - 1]);
        let time = match self.should {
            Should::BeFlat => {
                let times = last.time / first.time;
                let verdict = if times <= 1.25 { "flat, as it should be" } else { "**not flat**" };
                format!("Time is {verdict}: {times:.2} times from {} to {}", first.label, last.label)
            }
            Should::BeLinear => {
                let before = &self.points[self.points.len() - 2];
                let exponent = (last.time / before.time).ln() / (last.size / before.size).ln();
                let verdict = if exponent <= 1.1 {
                    "no worse than linear, as it should be"
                } else {
                    "**worse than linear**"
                };
                format!("Time is {verdict}: exponent {exponent:.2} from {} to {}", before.label, last.label)
            }
        };
        let most = self.points.iter().map(|point| point.memory).fold(0.0, f64::max);
        let budget = if most <= BUDGET_MIB { "within" } else { "**above**" };
        let memory = last.memory / first.memory;
        format!(
            "{time}; peak memory is {most:.1} MiB, {budget} the budget of {BUDGET_MIB:.0}, and grows {memory:.2} times."
        )
    }
}

/// Writes what `run` gave into the folder of documents.
pub fn write(files: &[(String, String)]) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for (name, text) in files {
        std::fs::write(docs.join(name), format!("{}\n", text.trim_end())).unwrap();
    }
}
