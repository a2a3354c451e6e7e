//! Whether PowerMTA records deferrals (`t`, `tq`): without them their reasons are invisible, and
//! PowerMTA's default is without.

use super::{Advice, Examination};
use crate::sources::pmta_config::AcctFile;

const TOPIC: &str = "deferral-records";

pub(super) fn records(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    let found = asked.found;
    if !found.readable {
        let what = "whether PowerMTA records deferrals is unknown, as its configuration was not read";
        advice.push(Advice::unknown(TOPIC, what, "let it be read; PowerMTA's default is not to record them"));
        return;
    }
    let missing: Vec<&str> = ["t", "tq"].into_iter().filter(|code| !found.records(code)).collect();
    if missing.is_empty() {
        advice.push(Advice::good(TOPIC, "deferrals of recipients (t) and of whole queues (tq) are recorded"));
    } else {
        advice.push(missing_ones(&missing, asked));
    }
    for file in found.acct_files.iter().filter(|file| file.filtered && !file.pipe) {
        let what =
            format!("<acct-file {}> has a queue-filter: other queues are not counted", file.path.display());
        advice.push(Advice::info(TOPIC, what, "let another file carry the rest, or take the filter out"));
    }
}

/// How an operator finds the section.
pub(super) fn inside(file: &AcctFile) -> String {
    format!("inside <acct-file {}> (line {})", file.path.display(), file.line)
}

fn missing_ones(missing: &[&str], asked: &Examination<'_>) -> Advice {
    let names: Vec<&str> = missing
        .iter()
        .map(|code| if *code == "t" { "recipients (t)" } else { "whole queues (tq)" })
        .collect();
    let found = format!("deferrals of {} are not recorded: their reasons are invisible", names.join(" and "));
    let reload = format!("{} reload", super::permission::quoted(&asked.config.pmta.command));
    let Some(file) = best_file(asked) else {
        let section = ["<acct-file /var/log/pmta/diag.csv>", "    records t,tq", "</acct-file>"];
        return Advice::bad(TOPIC, found, "record them in a file of their own")
            .edit(&asked.config.pmta.config, "anywhere outside of < >", &section)
            .run(reload);
    };
    let all = file.records.iter().map(String::as_str).chain(missing.iter().copied());
    let line = format!("records {}", all.collect::<Vec<_>>().join(","));
    let mend = "record them in the same file, or in one of their own (<acct-file /var/log/pmta/diag.csv> with records t,tq)";
    Advice::bad(TOPIC, found, mend)
        .edit(&file.file, format!("{}, as its only records line", inside(file)), &[&line])
        .run(reload)
}

/// The file that already has one of the two, else the one with deliveries.
fn best_file<'a>(asked: &Examination<'a>) -> Option<&'a AcctFile> {
    let files = || asked.found.acct_files.iter().filter(|file| !file.pipe && !file.filtered);
    let with =
        |codes: &[&str]| files().find(|file| file.records.iter().any(|code| codes.contains(&code.as_str())));
    with(&["t", "tq"]).or_else(|| with(&["d", "b"]))
}
