//! `sbin/pmta`: a stand-in for PowerMTA's command, a script that prints answers prepared in `lib/answers`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::monitor::{commands, words};
use crate::options::SimError;
use crate::world::{World, write_whole};

/// Picks the prepared answer by the words of the command; `list` is answered from a table of waiting
/// recipients, so that `--queue`, `--older-than` and `--maxitems` do what they say.
const SCRIPT: &str = include_str!("command_line/pmta.sh");

/// Recipients in the table behind `list`, the oldest first.
const LISTED: usize = 2_000;

const ANSWERS: &[(&str, &str)] = &[
    ("status", "show status"),
    ("queues", "show topqueues --errors --maxitems=1000"),
    ("domains", "show topdomains --errors --maxitems=1000"),
    ("vmtas", "show vmtas"),
    ("jobs", "show jobs"),
    ("version", "show version"),
    ("license", "show license"),
];

/// Writes the script and the first answers.
pub fn install(world: &World) -> Result<(), SimError> {
    let script = world.options.dir.join("sbin/pmta");
    let folder = world.options.dir.join("lib/answers");
    fs::create_dir_all(&folder).map_err(SimError::file(&folder))?;
    fs::write(&script, SCRIPT).map_err(SimError::file(&script))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).map_err(SimError::file(&script))?;
    settings(world)
}

/// What is in force for each queue, behind a line with its name.
pub fn settings(world: &World) -> Result<(), SimError> {
    let queues = world.flow.queues.iter().map(|queue| world.flow.queue_name(queue));
    let all: String = queues.map(|name| format!("== {name}\n{}", words::settings(world, &name))).collect();
    write_whole(&world.options.dir.join("lib/answers/settings.txt"), all.as_bytes())
}

/// Writes every answer as it is now.
pub fn refresh(world: &World) -> Result<(), SimError> {
    if !world.options.command_line {
        return Ok(());
    }
    let folder = world.options.dir.join("lib/answers");
    for (name, line) in ANSWERS {
        for (form, text) in commands::prints(world, line) {
            write_whole(&folder.join(format!("{name}.{form}")), text.as_bytes())?;
        }
    }
    write_whole(&folder.join("waiting.tsv"), waiting(world).as_bytes())
}

/// `age in seconds <TAB> queue <TAB> orig <TAB> rcpt <TAB> file <TAB> time queued`
fn waiting(world: &World) -> String {
    let mut oldest = Vec::new();
    for queue in &world.flow.queues {
        let name = world.flow.queue_name(queue);
        oldest.extend(queue.waiting.iter().map(|message| (message.0.queued, message.0.serial, name.clone())));
    }
    oldest.sort_unstable();
    oldest.truncate(LISTED);
    let rows = oldest.into_iter().map(|(queued, serial, queue)| {
        let domain = queue.split('/').next().unwrap_or("");
        format!(
            "{}\t{queue}\tbounce-secret-{serial:x}@mail.sender.example\tsecret-{serial:x}@{domain}\t\
             /var/spool/pmta/0/{serial:08X}\t{}\n",
            world.now - queued,
            world.calendar.stamp(queued)
        )
    });
    rows.collect()
}
