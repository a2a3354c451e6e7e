//! Ourselves: the user we run as, the folder we keep state in, and the clock.

use super::permission::{quoted, word};
use super::{Advice, Examination, Kind, Want};
use std::path::Path;

/// Users that host agents run as.
const AGENTS: &[&str] = &["telegraf", "vector", "nagios", "nrpe", "icinga", "node_exporter", "prometheus"];
const FOLDER: &str = "state-folder";
const MOST_FILES: usize = 100;

pub(super) fn user(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    let user = asked.host.user();
    let groups: Vec<String> = user.groups.iter().map(|gid| asked.host.group_name(*gid)).collect();
    let found = format!("this is user {} (uid {}), groups {}", user.name, user.uid, groups.join(", "));
    if user.uid != 0 {
        advice.push(Advice::good("user", found));
        return;
    }
    let agent = AGENTS.iter().find(|name| asked.host.has_user(name)).copied().unwrap_or("telegraf");
    let mend = "root may read everything: look again as the user that the agent runs as";
    advice.push(Advice::info("user", found, mend).run(format!("sudo -u {agent} pmta-vitals doctor")));
}

pub(super) fn folder(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    let (host, path, shown) = (asked.host, asked.state, asked.state.display());
    let Some(facts) = host.facts(path) else {
        let mend = "create it, shared by all agents that run this";
        advice.push(create(asked, Advice::bad(FOLDER, format!("{shown} is not there"), mend)));
        return;
    };
    if facts.kind != Kind::Folder {
        advice.push(Advice::bad(
            FOLDER,
            format!("{shown} is no folder"),
            "move it away, or name another with --state",
        ));
        return;
    }
    let name = quoted(path);
    if facts.mode & 0o007 != 0 {
        let found = format!("{shown} is open to every user of this host (mode {:04o})", facts.mode);
        advice.push(Advice::bad(FOLDER, found, "close it to others").run(format!("chmod o= {name}")));
    }
    if ![Want::Read, Want::Write, Want::Pass].iter().all(|want| host.may(*want, path)) {
        advice.push(not_ours(asked, &facts));
        return;
    }
    if facts.mode & 0o2070 == 0o2070 {
        let group = host.group_name(facts.gid);
        advice.push(Advice::good(FOLDER, format!("{shown} can be written and is shared by group {group}")));
        shared_files(asked, advice);
    } else if facts.mode & 0o070 != 0 {
        let found = format!("{shown} is half shared: mode {:04o} is neither 2770 nor 0700", facts.mode);
        let mend = "a folder for several agents has mode 2770, one for a single agent 0700";
        advice.push(Advice::bad(FOLDER, found, mend).run(format!("chmod 2770 {name}")));
    } else {
        let found = format!("{shown} can be written and belongs to user {} alone", host.user().name);
        advice.push(Advice::info(FOLDER, found, "share it (mode 2770) if another agent runs this too"));
    }
}

fn create(asked: &Examination<'_>, advice: Advice) -> Advice {
    let (user, group) = owners(asked);
    let path = quoted(asked.state);
    let line = format!("d {} 2770 {user} {group} -", asked.state.display());
    advice.run(format!("install -d -m 2770 -o {} -g {} {path}", word(&user), word(&group))).edit(
        Path::new("/etc/tmpfiles.d/pmta-vitals.conf"),
        "where folders are made at boot by tmpfiles.d",
        &[&line],
    )
}

/// The agent's user, and the group that all agents share to read PowerMTA's files. For root the
/// user of an agent is named, or a word that no command takes.
fn owners(asked: &Examination<'_>) -> (String, String) {
    let (host, user) = (asked.host, asked.host.user());
    let own = || user.groups.first().map(|gid| host.group_name(*gid));
    let (owner, group) = match AGENTS.iter().find(|name| host.has_user(name)) {
        _ if user.uid != 0 => (user.name.clone(), own().unwrap_or_else(|| user.name.clone())),
        Some(agent) => ((*agent).to_owned(), (*agent).to_owned()),
        None => ("AGENT".to_owned(), "AGENT".to_owned()),
    };
    (owner, if host.has_group("pmta") { "pmta".to_owned() } else { group })
}

fn not_ours(asked: &Examination<'_>, facts: &super::Facts) -> Advice {
    let (host, user) = (asked.host, &asked.host.user().name);
    let (owner, group) = (host.owner_name(facts.uid), host.group_name(facts.gid));
    let found = format!(
        "{} cannot be written by user {user}: it belongs to {owner}:{group} with mode {:04o}",
        asked.state.display(),
        facts.mode
    );
    if facts.mode & 0o070 == 0o070 && facts.gid != 0 && !host.user().groups.contains(&facts.gid) {
        let mend = format!("add user {user} to group {group}; then restart the agent");
        return Advice::bad(FOLDER, found, mend).run(format!("usermod -aG {} {}", word(&group), word(user)));
    }
    create(asked, Advice::bad(FOLDER, found, "share the folder with a group that every agent's user is in"))
}

/// One file that another agent's user cannot write would stop that agent.
fn shared_files(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    let host = asked.host;
    let closed = host.expand(&asked.state.join("*")).into_iter().take(MOST_FILES).find(|path| {
        let facts = host.facts(path).filter(|facts| facts.kind == Kind::File);
        facts.is_some_and(|facts| facts.mode & 0o060 != 0o060 || facts.mode & 0o007 != 0)
    });
    if let Some(path) = closed {
        let mode = host.facts(&path).map_or(0, |facts| facts.mode);
        let found = format!("{} has mode {mode:04o}, not 0660 as in a shared folder", path.display());
        let command = format!("chmod 0660 {}/*", quoted(asked.state));
        advice.push(Advice::bad(FOLDER, found, "let the group write it, and nobody else").run(command));
    }
}

/// Files from the future, and a clock that was never set.
pub(super) fn clock(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    const TOPIC: &str = "clock";
    const EARLIEST: i64 = 1_704_067_200;
    const AHEAD: i64 = 300;
    let globs = asked.config.accounting.files.clone().unwrap_or_default();
    let newest = super::accounting::newest(&globs, asked);
    let ahead =
        newest.map(|(path, facts)| (path, facts.modified - asked.now)).filter(|(_, ahead)| *ahead > AHEAD);
    let mend = "set the clock and keep it set (chrony or systemd-timesyncd)";
    advice.push(match ahead {
        _ if asked.now < EARLIEST => {
            Advice::bad(TOPIC, "this host's clock is before 2024", mend).run("timedatectl")
        }
        Some((path, ahead)) => {
            let found = format!("{} was written {ahead} seconds in the future", path.display());
            Advice::bad(TOPIC, found, mend).run("timedatectl")
        }
        None => Advice::good(TOPIC, "no file is from the future"),
    });
}
