//! Who may read and write: modes whatever the umask, other users' folders, folders we may not
//! write in. What is a process's own (user, umask) is tried in a child.

use super::*;
use rustix::fs::Mode;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

const FOLDER: &str = "PMTA_VITALS_TEST_FOLDER";
const UMASK: &str = "PMTA_VITALS_TEST_UMASK";
/// `nobody` on every Linux.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// One test of this file in a process of its own. `/proc/self/exe`, because another user need not
/// see the folder that this binary lies in.
fn child(test: &str, folder: &Path, umask: u32) -> Command {
    let mut child = Command::new("/proc/self/exe");
    child.args(["--exact", &format!("ledger::tests::shared::{test}"), "--nocapture"]);
    child.env(FOLDER, folder).env(UMASK, umask.to_string()).current_dir("/");
    child
}

fn again(test: &str, folder: &Path, umask: u32, user: Option<u32>) -> bool {
    let mut child = child(test, folder, umask);
    if let Some(user) = user {
        child.uid(user).gid(user);
    }
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed") || !output.status.success(), "{test} did not run: {text}");
    if !output.status.success() {
        eprintln!("{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    output.status.success()
}

/// In the child: the folder to work in, once the umask is set.
fn as_child() -> Option<std::path::PathBuf> {
    let folder = std::env::var_os(FOLDER)?;
    let umask: u32 = std::env::var(UMASK).unwrap().parse().unwrap();
    rustix::process::umask(Mode::from_raw_mode(umask));
    Some(folder.into())
}

fn files(folder: &Path) -> Vec<(String, fs::Metadata)> {
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), entry.metadata().unwrap())
    };
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(entry).collect();
    files.sort_by(|one, two| one.0.cmp(&two.0));
    files
}

#[test]
fn modes_follow_the_folder_and_not_the_umask() {
    if let Some(folder) = as_child() {
        for run in 0..2 {
            let mut ledger = open(&folder, NOW + run);
            count(&mut ledger, 1).unwrap();
            ledger.tend().unwrap();
        }
        return;
    }
    let table = [
        (None, 0o600),
        (Some(0o700), 0o600),
        (Some(0o755), 0o600),
        (Some(0o770), 0o660),
        (Some(0o2770), 0o660),
    ];
    for (folder_mode, file_mode) in table {
        for umask in [0o000, 0o022, 0o077, 0o027] {
            let parent = tempfile::tempdir().unwrap();
            let folder = parent.path().join("state");
            if let Some(mode) = folder_mode {
                fs::create_dir(&folder).unwrap();
                fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            }
            assert!(again("modes_follow_the_folder_and_not_the_umask", &folder, umask, None));
            let names: Vec<_> = files(&folder).into_iter().map(|(name, _)| name).collect();
            assert_eq!(
                names,
                ["ledger-copy.db", "ledger.db", "ledger.db-shm", "ledger.db-wal", "ledger.lock"]
            );
            for (name, found) in files(&folder) {
                assert_eq!(found.mode() & 0o7777, file_mode, "{name} in {folder_mode:?} under {umask:o}");
            }
            let mode = fs::metadata(&folder).unwrap().mode() & 0o7777;
            assert_eq!(mode, folder_mode.unwrap_or(0o700));
        }
    }
}

#[test]
fn root_gives_its_files_to_the_folders_owner_who_goes_on_with_them() {
    if let Some(folder) = as_child() {
        count(&mut open(&folder, NOW + 1), 1).unwrap();
        return;
    }
    if !is_root() {
        eprintln!("skipped: only root can work in another's folder");
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
    for mode in [0o700, 0o2770] {
        let folder = parent.path().join(format!("state{mode:o}"));
        fs::create_dir(&folder).unwrap();
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
        let mut ledger = open(&folder, NOW);
        count(&mut ledger, 1).unwrap();
        ledger.tend().unwrap();
        for (name, found) in files(&folder) {
            assert_eq!((found.uid(), found.gid()), (NOBODY, NOBODY), "{name}");
        }
        let test = "root_gives_its_files_to_the_folders_owner_who_goes_on_with_them";
        assert!(again(test, &folder, 0o077, Some(NOBODY)));
        assert_eq!(committed(&open(&folder, NOW)), 2);
    }
}

#[test]
fn two_users_of_one_group_share_a_ledger() {
    if let Some(folder) = as_child() {
        count(&mut open(&folder, NOW), 1).unwrap();
        return;
    }
    if !is_root() {
        eprintln!("skipped: only root can become two users");
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
    let folder = parent.path().join("state");
    fs::create_dir(&folder).unwrap();
    // The group is the users' own primary group, so that no setgid bit is needed to share it.
    chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o2770)).unwrap();
    let test = "two_users_of_one_group_share_a_ledger";
    assert!(again(test, &folder, 0o077, Some(NOBODY)));
    // Same group, another user: `uid` alone differs.
    for (name, found) in files(&folder) {
        assert_eq!(found.gid(), NOBODY, "{name}");
        chown(folder.join(name), Some(NOBODY - 1), None).unwrap();
    }
    assert!(again(test, &folder, 0o077, Some(NOBODY)));
    assert_eq!(committed(&open(&folder, NOW)), 2);
}

#[test]
fn a_folder_that_cannot_be_written_still_shows_the_last_commit() {
    if let Some(folder) = as_child() {
        let mut ledger = open(&folder, NOW);
        assert_eq!(committed(&ledger), 7);
        assert!(!ledger.vitals().unwrap().writable);
        let refused = ledger.lock(soon()).map(|_| ()).unwrap_err();
        assert!(matches!(refused, LedgerError::ReadOnly { .. }), "{refused}");
        assert!(refused.to_string().contains("2770"), "{refused}");
        ledger.tend().unwrap();
        let news = ledger.glance().unwrap().news("x", 9).unwrap();
        assert!(matches!(ledger.printed(&news, soon()), Err(LedgerError::ReadOnly { .. })));
        return;
    }
    for checkpointed in [false, true] {
        let parent = tempfile::tempdir().unwrap();
        fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
        let folder = parent.path().join("state");
        let mut ledger = open(&folder, NOW);
        count(&mut ledger, 4).unwrap();
        count(&mut ledger, 3).unwrap();
        if checkpointed {
            super::super::store::checkpoint(&ledger.db).unwrap();
        }
        drop(ledger);
        for (name, _) in files(&folder) {
            fs::set_permissions(folder.join(name), Permissions::from_mode(0o444)).unwrap();
        }
        fs::set_permissions(&folder, Permissions::from_mode(0o555)).unwrap();
        let test = "a_folder_that_cannot_be_written_still_shows_the_last_commit";
        assert!(again(test, &folder, 0o022, is_root().then_some(NOBODY)));
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_folder_that_is_closed_to_us_is_named_in_the_error() {
    if let Some(folder) = as_child() {
        let refused = Ledger::open(&place(&folder), Limits::default(), &tick(NOW)).unwrap_err();
        assert!(refused.to_string().contains(&*folder.to_string_lossy()), "{refused}");
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
    let closed = parent.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o500)).unwrap();
    let test = "a_folder_that_is_closed_to_us_is_named_in_the_error";
    for folder in [closed.clone(), closed.join("below")] {
        assert!(again(test, &folder, 0o022, is_root().then_some(NOBODY)));
    }
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
}

/// Opens, counts one and closes, as a run does; waits as long as it takes.
fn run(folder: &Path) -> u64 {
    loop {
        let opened = Ledger::open(&place(folder), Limits::default(), &tick(NOW));
        match opened.and_then(|mut ledger| count(&mut ledger, 1)) {
            Ok(tally) => return delivered(&tally),
            Err(LedgerError::Busy) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn four_processes_at_once_count_everything_once() {
    const RUNS: u64 = 25;
    if let Some(folder) = as_child() {
        (0..RUNS).for_each(|_| assert!(run(&folder) > 0));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let test = "four_processes_at_once_count_everything_once";
    let children: Vec<_> =
        (0..4).map(|_| child(test, folder.path(), 0o022).stdout(Stdio::null()).spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(committed(&open(folder.path(), NOW)), 4 * RUNS);
}

#[test]
fn a_killed_process_loses_nothing_it_has_shown() {
    if let Some(folder) = as_child() {
        loop {
            println!("\nshown {}", run(&folder));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=8 {
        let test = "a_killed_process_loses_nothing_it_has_shown";
        let mut child = child(test, folder.path(), 0o022).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let shown = lines.filter_map(|line| line.unwrap().strip_prefix("shown ")?.parse::<u64>().ok());
        let last = shown.take(round * 3).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(committed(&open(folder.path(), NOW)) >= last);
    }
}

#[test]
fn a_ledger_file_of_others_is_named_as_the_reason() {
    if let Some(folder) = as_child() {
        let mut ledger = open(&folder, NOW);
        assert_eq!(committed(&ledger), 5);
        let refused = ledger.lock(soon()).map(|_| ()).unwrap_err();
        assert!(matches!(refused, LedgerError::ReadOnly { .. }), "{refused:?}");
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
    let folder = parent.path().join("state");
    count(&mut open(&folder, NOW), 5).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    for (name, mode) in
        [("ledger.db", 0o444), ("ledger.db-wal", 0o444), ("ledger.db-shm", 0o444), ("ledger.lock", 0o666)]
    {
        fs::set_permissions(folder.join(name), Permissions::from_mode(mode)).unwrap();
    }
    let test = "a_ledger_file_of_others_is_named_as_the_reason";
    assert!(again(test, &folder, 0o022, is_root().then_some(NOBODY)));
}

/// Whoever owns the folder could lead root to any file by a link.
#[test]
fn a_link_in_the_folder_is_not_followed() {
    let parent = tempfile::tempdir().unwrap();
    let target = parent.path().join("target");
    for name in ["ledger.lock", "ledger.db", "ledger-suspect"] {
        let folder = parent.path().join(format!("state-{name}"));
        fs::create_dir(&folder).unwrap();
        fs::write(&target, "").unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&target, folder.join(name)).unwrap();
        let opened = Ledger::open(&place(&folder), Limits::default(), &tick(NOW));
        // A suspicion is only looked at and then removed: the link goes, not what it names.
        assert_eq!(opened.is_ok(), name == "ledger-suspect", "{name}");
        let found = fs::metadata(&target).unwrap();
        assert_eq!((found.len(), found.mode() & 0o777), (0, 0o644), "{name}");
    }
}
