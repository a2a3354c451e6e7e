//! PowerMTA's log, panic logs and the kernel's: are they there, and may they be read.

use super::permission::{Obstacle, closed, obstacle, word};
use super::{Advice, Examination};
use std::path::{Path, PathBuf};

pub(super) fn powermta(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    const TOPIC: &str = "pmta-log";
    let Some(globs) = asked.config.logs.pmta.as_ref().filter(|globs| !globs.is_empty()) else {
        let mend = "set [logs] pmta; PowerMTA's directive is log-file";
        advice.push(Advice::unknown(TOPIC, "no PowerMTA log is known", mend));
        return;
    };
    for glob in globs {
        let mend = "correct [logs] pmta, or log-file in PowerMTA";
        let mut found = log(TOPIC, glob, mend, "log-file-world-readable yes", asked);
        if found.state == super::State::Bad && !found.commands.is_empty() && !asked.found.log_world_readable {
            let place = "beside log-file; or use the command";
            found = found.edit(&asked.config.pmta.config, place, &["log-file-world-readable yes"]);
        }
        advice.push(found);
    }
}

pub(super) fn panic(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    const TOPIC: &str = "panic-log";
    for glob in &asked.config.logs.panic {
        let there = !asked.host.expand(Path::new(glob)).is_empty();
        advice.push(match there {
            // Mailers create it with the first panic.
            false => Advice::info(TOPIC, format!("{glob} is not there, which is good unless misspelt"), ""),
            true => log(TOPIC, glob, "correct [logs] panic", "", asked),
        });
    }
}

fn log(topic: &'static str, glob: &str, mend: &str, instead: &str, asked: &Examination<'_>) -> Advice {
    let paths: Vec<PathBuf> = asked.host.expand(Path::new(glob));
    let path = paths.first().cloned().unwrap_or_else(|| PathBuf::from(glob));
    match obstacle(asked.host, &path) {
        Some(Obstacle::Missing) => Advice::bad(topic, format!("no file matches {glob}"), mend),
        Some(Obstacle::Closed(at, facts)) => closed(topic, &path, &at, &facts, instead, asked),
        None => Advice::good(topic, format!("{} is readable", path.display())),
    }
}

/// The bit of CAP_SYSLOG in `CapEff`.
const SYSLOG: u32 = 34;

pub(super) fn kernel(asked: &Examination<'_>, advice: &mut Vec<Advice>) {
    const TOPIC: &str = "kernel-log";
    let (path, user) = (&asked.config.logs.kernel, asked.host.user());
    let name = word(&user.name);
    advice.push(match obstacle(asked.host, path) {
        Some(Obstacle::Missing) => {
            let found = format!("{} is not there (in a container, this is usual)", path.display());
            Advice::info(TOPIC, found, "set [logs] kernel, or read the kernel's log on the host itself")
        }
        None if !restricted(asked) => Advice::good(TOPIC, format!("{} is readable", path.display())),
        blocked => {
            let why = if blocked.is_some() { "its mode" } else { "kernel.dmesg_restrict = 1" };
            let found = format!("{} is closed to user {} by {why}", path.display(), user.name);
            let mend = "give the agent's unit CAP_SYSLOG, or let the user read the journal instead";
            Advice::unknown(TOPIC, found, mend)
                .edit(
                    Path::new("/etc/systemd/system/AGENT.service.d/pmta-vitals.conf"),
                    "with AGENT as your agent's unit",
                    &["[Service]", "AmbientCapabilities=CAP_SYSLOG"],
                )
                .run(format!("usermod -aG systemd-journal {name}"))
        }
    });
}

/// Whether the kernel keeps its log to those with CAP_SYSLOG, and we are not among them.
fn restricted(asked: &Examination<'_>) -> bool {
    let text = |path: &str| String::from_utf8_lossy(&asked.host.head(Path::new(path), 8 << 10)).into_owned();
    let capable = text("/proc/self/status")
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok())
        .is_some_and(|bits| bits >> SYSLOG & 1 == 1);
    let device = asked.config.logs.kernel == Path::new("/dev/kmsg");
    device && asked.host.user().uid != 0 && !capable && text("/proc/sys/kernel/dmesg_restrict").trim() == "1"
}
