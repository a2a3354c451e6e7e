//! `sbin/pmta`: a stand-in for PowerMTA's command, a script that prints answers prepared beside it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::monitor::commands;
use crate::options::SimError;
use crate::world::{World, write_whole};

/// Picks the prepared answer by the words of the command; options after the first words are dropped,
/// except that `list --older-than` is answered from a table of waiting recipients.
const SCRIPT: &str = r##"#!/bin/sh
# A stand-in for the pmta command of a simulated host.
answers=$(dirname "$0")/../lib/answers
form=txt
case "$1" in
--dom) form=dom; shift ;;
--xml) form=xml; shift ;;
--json) form=json; shift ;;
esac
words=
for word in "$@"; do
    case "$word" in --*) ;; *) words="$words${words:+-}$word" ;; esac
done
case "$words" in
show-stat*) name=status ;;
show-topq* | show-queue*) name=queues ;;
show-topd* | show-dom*) name=domains ;;
show-vmtas) name=vmtas ;;
show-jobs) name=jobs ;;
show-ver*) name=version ;;
show-lic*) name=license ;;
show-settings*) name=settings ;;
list) name=list ;;
*) echo "Error: unknown command: $*" >&2; exit 1 ;;
esac
cat "$answers/$name.$form"
"##;

const ANSWERS: &[(&str, &str)] = &[
    ("status", "show status"),
    ("queues", "show topqueues --errors --maxitems=1000"),
    ("domains", "show topdomains --errors --maxitems=1000"),
    ("vmtas", "show vmtas"),
    ("jobs", "show jobs"),
    ("version", "show version"),
    ("license", "show license"),
    ("settings", "show settings */*"),
    ("list", "list --maxitems=100"),
];

/// Writes the script and the first answers.
pub fn install(world: &World) -> Result<(), SimError> {
    let script = world.options.dir.join("sbin/pmta");
    let folder = world.options.dir.join("lib/answers");
    fs::create_dir_all(&folder).map_err(SimError::file(&folder))?;
    fs::write(&script, SCRIPT).map_err(SimError::file(&script))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).map_err(SimError::file(&script))
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
    Ok(())
}
