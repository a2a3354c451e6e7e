//! Which right is missing on the way to a file, and the least that gives it. Pure but for what
//! the host answers.

use super::host::{Facts, Host, Kind, Want};
use super::{Advice, Examination};
use std::path::{Path, PathBuf};

/// Why a path cannot be read.
pub(super) enum Obstacle {
    Missing,
    /// This folder or file does not let us.
    Closed(PathBuf, Facts),
}

/// What stands between us and reading `path`; for a folder, listing it.
pub(super) fn obstacle(host: &dyn Host, path: &Path) -> Option<Obstacle> {
    let mut above: Vec<&Path> =
        path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()).collect();
    above.reverse();
    for folder in above {
        let Some(facts) = host.facts(folder) else { return Some(Obstacle::Missing) };
        if !host.may(Want::Pass, folder) {
            return Some(Obstacle::Closed(folder.to_owned(), facts));
        }
    }
    let Some(facts) = host.facts(path) else { return Some(Obstacle::Missing) };
    let enough = host.may(Want::Read, path) && (facts.kind != Kind::Folder || host.may(Want::Pass, path));
    (!enough).then(|| Obstacle::Closed(path.to_owned(), facts))
}

/// The advice for something that exists and is closed to us. `instead` is PowerMTA's own setting
/// that would open it, where there is one.
pub(super) fn closed(
    topic: &'static str,
    path: &Path,
    at: &Path,
    facts: &Facts,
    instead: &str,
    asked: &Examination<'_>,
) -> Advice {
    let (host, user) = (asked.host, &asked.host.user().name);
    let (owner, group) = (host.owner_name(facts.uid), host.group_name(facts.gid));
    let what = if at == path { String::new() } else { format!(" because of {}", at.display()) };
    let found = format!(
        "cannot read {}{what}: it belongs to {owner}:{group} with mode {:03o}, and this is user {user}",
        path.display(),
        facts.mode & 0o777
    );
    let wanted = if facts.kind == Kind::Folder { 0o050 } else { 0o040 };
    let through_group = facts.mode & wanted == wanted && facts.gid != 0;
    let alternative =
        if instead.is_empty() { String::new() } else { format!(", or set {instead} in PowerMTA") };
    if through_group && !host.user().groups.contains(&facts.gid) {
        let mend = format!("add user {user} to group {group}{alternative}; then restart the agent");
        return Advice::bad(topic, found, mend).run(format!("usermod -aG {} {}", word(&group), word(user)));
    }
    let right = if facts.kind == Kind::Folder { "rx" } else { "r" };
    let mend = format!("give user {user} the right to read {}{alternative}", at.display());
    Advice::bad(topic, found, mend).run(format!("setfacl -m u:{}:{right} {}", word(user), quoted(at)))
}

/// A name as a shell takes it; names with anything else in them are quoted.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@+".contains(c);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

pub(super) fn quoted(path: &Path) -> String {
    word(&path.to_string_lossy())
}
