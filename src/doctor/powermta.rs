//! PowerMTA's configuration, its command and its listeners: can they be read, run and found.

use super::permission::{Obstacle, closed, obstacle};
use super::{Advice, Examination, Want};

const CONFIG: &str = "powermta-config";
const MOST_SHOWN: usize = 5;

pub(super) fn config(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    let path = &asked.config.pmta.config;
    match obstacle(asked.host, path) {
        Some(Obstacle::Missing) => advice.push(missing(asked)),
        Some(Obstacle::Closed(at, facts)) => advice.push(closed(CONFIG, path, &at, &facts, "", asked)),
        None => {
            let (files, listed) =
                (asked.found.stamps.iter().filter(|stamp| stamp.seen.is_some()).count(), path.display());
            advice.push(Advice::good(
                CONFIG,
                format!("{listed} is readable ({files} files and folders in all)"),
            ));
        }
    }
    for stamp in asked.found.stamps.iter().filter(|stamp| asked.found.readable && stamp.path != *path) {
        if let Some(Obstacle::Closed(at, facts)) = obstacle(asked.host, &stamp.path) {
            advice.push(closed("powermta-include", &stamp.path, &at, &facts, "", asked));
        }
    }
    for problem in asked.found.problems.iter().take(MOST_SHOWN) {
        let line = if problem.line == 0 { String::new() } else { format!(":{}", problem.line) };
        let found = format!("{}{line}: {}", problem.file.display(), problem.text);
        let mend = "mend the line if PowerMTA complains too; what stands there is ignored here";
        let test = format!("{} test config", super::permission::quoted(&asked.config.pmta.command));
        advice.push(Advice::info("powermta-config-line", found, mend).run(test));
    }
    for url in asked.found.not_fetched.iter().take(MOST_SHOWN) {
        let found =
            format!("the include {url} is not fetched: limits and files named there are unknown here");
        advice.push(Advice::info(
            "powermta-include",
            found,
            "set what it names in the configuration of this program",
        ));
    }
}

fn missing(asked: &Examination<'_>) -> Advice {
    let found = format!("{} is not there", asked.config.pmta.config.display());
    let told = asked.config.pmta.url.is_some() || asked.config.accounting.files.is_some();
    let mend = "run this on the PowerMTA host, or name the file in [pmta] config";
    if told { Advice::info(CONFIG, found, mend) } else { Advice::bad(CONFIG, found, mend) }
}

pub(super) fn command(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    const TOPIC: &str = "pmta-command";
    let path = &asked.config.pmta.command;
    let shown = path.display();
    let use_of = "it is needed only where there is no web monitor, and for the age of queues";
    advice.push(match asked.host.facts(path) {
        None => Advice::info(TOPIC, format!("{shown} is not there; {use_of}"), "name it in [pmta] command"),
        Some(_) if asked.host.may(Want::Pass, path) => Advice::good(TOPIC, format!("{shown} can be run")),
        Some(facts) => {
            let group = asked.host.group_name(facts.gid);
            let found = format!("{shown} cannot be run by user {}; {use_of}", asked.host.user().name);
            Advice::info(
                TOPIC,
                found,
                format!("add the user to group {group} if that suits you; sudo is never used"),
            )
        }
    });
}

pub(super) fn listener(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    const TOPIC: &str = "smtp-listener";
    advice.push(match &asked.config.smtp.address {
        Some(address) => Advice::good(TOPIC, format!("{address} will be tried once a minute")),
        None => Advice::info(
            TOPIC,
            "no smtp-listener was found: whether PowerMTA accepts mail is not tried",
            "set [smtp] address if this host accepts mail by SMTP",
        ),
    });
}
