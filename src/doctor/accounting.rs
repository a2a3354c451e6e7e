//! Accounting files: configured, there, readable, with the columns that are needed, and the
//! folders they are moved to. Whether deferrals are recorded is told next door.

use super::permission::{Obstacle, closed, obstacle};
use super::{Advice, Examination, Facts};
use crate::sources::follow::FOREIGN;
use crate::sources::pmta_config::AcctFile;
use std::path::{Path, PathBuf};

const TOPIC: &str = "accounting";
const COLUMNS: &str = "accounting-columns";
const HEADER_BYTES: usize = 64 << 10;

/// Without these there is nothing to count, or no reason to name.
const NEEDED: &[&str] = &["type", "timeLogged", "dsnStatus", "dsnDiag", "vmta"];
/// Without these something is missing from the picture.
const WANTED: &[&str] = &["timeQueued", "queue", "dsnMta", "dlvSourceIp", "dlvSize", "bounceCat"];

pub(super) fn files(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    let globs = asked.config.accounting.files.clone().unwrap_or_default();
    for file in asked.found.acct_files.iter().filter(|file| !file.pipe && file.path.is_relative()) {
        let found =
            format!("<acct-file {}> in {} has no absolute path", file.path.display(), file.file.display());
        advice.push(Advice::bad(TOPIC, found, "name its files in [accounting] files"));
    }
    if globs.is_empty() {
        advice.push(none_configured(asked));
        return;
    }
    for (label, globs, section) in groups(&globs, asked) {
        one(&label, &globs, section, asked, advice);
    }
    compressed(&globs, asked, advice);
}

pub(super) fn moved(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    const TOPIC: &str = "moved-folder";
    for folder in asked.config.accounting.moved.iter().flatten() {
        advice.push(match obstacle(asked.host, folder) {
            Some(Obstacle::Missing) => Advice::bad(
                TOPIC,
                format!("{} is not there, so finished files cannot be moved to it", folder.display()),
                "create it as PowerMTA's user, on the same volume as the live files",
            ),
            Some(Obstacle::Closed(at, facts)) => closed(TOPIC, folder, &at, &facts, "", asked),
            None => Advice::good(TOPIC, format!("{} can be listed", folder.display())),
        });
    }
}

pub(super) fn rejected(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    const TOPIC: &str = "accounting-records";
    let Some((count, first)) = &asked.rejected else { return };
    let (records, were) = if *count == 1 { ("record", "was") } else { ("records", "were") };
    let found = format!("{count} {records} made no sense and {were} not counted; the first: {first}");
    let mend = "look at that place: a torn write costs one record, but columns that do not fit the header line cost all";
    advice.push(Advice::info(TOPIC, found, mend));
}

fn none_configured(asked: &Examination<'_>) -> Advice {
    let config = &asked.config.pmta.config;
    if !asked.found.readable {
        let found = "no accounting files are known, as PowerMTA's configuration was not read";
        return Advice::unknown(TOPIC, found, "let it be read, or set [accounting] files");
    }
    let pipes = asked.found.acct_files.iter().any(|file| file.pipe);
    let found = if pipes {
        "PowerMTA writes accounting records to a program only"
    } else {
        "PowerMTA writes no accounting files"
    };
    let section = ["<acct-file /var/log/pmta/acct.csv>", "    records d,b,t,tq", "</acct-file>"];
    Advice::bad(TOPIC, found, "let it write a file too: totals, reasons and delays come from there")
        .edit(config, "anywhere outside of < >", &section)
        .run(format!("{} reload", super::permission::quoted(&asked.config.pmta.command)))
}

type Group<'a> = (String, Vec<String>, Option<&'a AcctFile>);

/// The dated and the plain name of one section are looked at together: usually one matches.
fn groups<'a>(globs: &[String], asked: &Examination<'a>) -> Vec<Group<'a>> {
    let mut left = globs.to_vec();
    let mut out = Vec::new();
    for file in &asked.found.acct_files {
        let own: Vec<String> = file.globs().into_iter().filter(|glob| left.contains(glob)).collect();
        if !own.is_empty() {
            left.retain(|glob| !own.contains(glob));
            out.push((file.path.display().to_string(), own, Some(file)));
        }
    }
    out.extend(left.into_iter().map(|glob| (glob.clone(), vec![glob], None)));
    out
}

fn one(
    label: &str,
    globs: &[String],
    section: Option<&AcctFile>,
    asked: &Examination<'_>,
    advice: &mut Vec<Advice>,
) {
    let world = "world-readable yes in its <acct-file>";
    if let Some(folder) = globs.iter().find_map(|glob| Path::new(glob).parent())
        && let Some(Obstacle::Closed(at, facts)) = obstacle(asked.host, folder)
    {
        advice.push(closed(TOPIC, folder, &at, &facts, "", asked));
        return;
    }
    let Some((newest, _)) = newest(globs, asked) else {
        let found = format!("no file matches {label}");
        let mend = match section {
            Some(_) => {
                "PowerMTA creates it with its first record; if mail is flowing, see its log for errors"
            }
            None => "correct the pattern in [accounting] files",
        };
        advice.push(Advice::bad(TOPIC, found, mend));
        return;
    };
    match obstacle(asked.host, &newest) {
        Some(Obstacle::Closed(at, facts)) => {
            let mut closed = closed(TOPIC, &newest, &at, &facts, world, asked);
            if let Some(file) = section.filter(|_| at == newest) {
                closed = closed.edit(&file.file, super::deferrals::inside(file), &["world-readable yes"]);
            }
            advice.push(closed);
        }
        Some(Obstacle::Missing) => {}
        None => {
            advice.push(Advice::good(TOPIC, format!("{} is readable", newest.display())));
            advice.push(columns(&newest, section, asked));
        }
    }
}

pub(super) fn newest(globs: &[String], asked: &Examination<'_>) -> Option<(PathBuf, Facts)> {
    let paths = globs.iter().flat_map(|glob| asked.host.expand(Path::new(glob)));
    let known = paths.filter_map(|path| asked.host.facts(&path).map(|facts| (path, facts)));
    known.max_by(|(a, left), (b, right)| left.modified.cmp(&right.modified).then_with(|| a.cmp(b)))
}

fn columns(path: &Path, section: Option<&AcctFile>, asked: &Examination<'_>) -> Advice {
    let head = asked.host.head(path, HEADER_BYTES);
    let shown = path.display();
    let Some(end) = head.iter().position(|byte| *byte == b'\n') else {
        return Advice::unknown(
            COLUMNS,
            format!("{shown} has no complete first line yet"),
            "look again later",
        );
    };
    let line = String::from_utf8_lossy(head.get(..end).unwrap_or_default()).into_owned();
    let names: Vec<&str> =
        line.trim_start_matches('\u{feff}').trim().split(',').map(|name| name.trim_matches('"')).collect();
    if names.first() != Some(&"type") {
        let mend = "correct [accounting] files: each file must begin with PowerMTA's line of column names";
        return Advice::bad(COLUMNS, format!("{shown} does not begin with PowerMTA's column names"), mend);
    }
    let lacks =
        |list: &[&'static str]| list.iter().copied().filter(|name| !names.contains(name)).collect::<Vec<_>>();
    // Who got the mail is told by the queue or by the recipient's domain.
    let nobody = !names.contains(&"queue") && !names.contains(&"rcpt");
    let mut needed = lacks(NEEDED);
    needed.extend(nobody.then_some("queue"));
    if needed.is_empty() {
        let wanted = lacks(WANTED);
        let found = format!("{shown} has {} columns", names.len());
        return match wanted.is_empty() {
            true => Advice::good(COLUMNS, found),
            false => Advice::info(
                COLUMNS,
                format!("{found}, but not {}", wanted.join(", ")),
                "add them to record-fields",
            ),
        };
    }
    let found = format!("{shown} lacks the columns {}", needed.join(", "));
    let advice = Advice::bad(
        COLUMNS,
        found,
        "let PowerMTA write them: without record-fields it writes all that matter",
    );
    match section {
        Some(file) => {
            let line = format!("record-fields {} *", file.records.join(","));
            advice.edit(&file.file, super::deferrals::inside(file), &[&line])
        }
        None => advice,
    }
}

fn compressed(globs: &[String], asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    let moved = asked.config.accounting.moved.iter().flatten().cloned();
    let mut folders: Vec<PathBuf> =
        globs.iter().filter_map(|glob| Path::new(glob).parent().map(Path::to_owned)).chain(moved).collect();
    folders.sort();
    folders.dedup();
    for folder in folders {
        let matches = asked.host.expand(&folder.join("*.csv.*"));
        let other = |path: &&PathBuf| {
            let name = path.to_string_lossy();
            FOREIGN.iter().any(|ending| name.ends_with(ending))
        };
        let Some(example) = matches.iter().find(other) else { continue };
        let found = format!(
            "{} and the like cannot be read if they are compressed before their end was",
            example.display()
        );
        advice.push(Advice::info("compression", found, "compress with gzip, which can, or a day later"));
    }
}
