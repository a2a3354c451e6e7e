//! Several runs and several users on one ledger.

use super::{busy, events, fine, health, is_root};
use crate::rig::{Metrics, Rig, Shown, binary, equal, never_fell};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

fn delivered(metrics: &Metrics) -> i64 {
    metrics.int("pmta_totals", &[], "delivered_total")
}

#[test]
fn runs_at_once_count_every_record_once() {
    const CONSUMERS: [&str; 3] = ["telegraf", "vector", "third"];
    let rig = busy();
    let mut shown: Vec<Shown> = CONSUMERS.map(|_| Shown::default()).into();
    rig.collect(&[]);
    for _ in 0..5 {
        rig.pass(10);
        let truth = rig.host.totals();
        let spawn = |arguments: &[&str]| {
            let mut command = rig.command();
            command.arg("collect").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        let children = CONSUMERS.map(|name| spawn(&["--consumer", name]));
        let rehearsal = spawn(&["--consumer", "telegraf", "--dry-run"]);
        for (child, shown) in children.into_iter().zip(&mut shown) {
            let metrics = shown.see(fine(&child.wait_with_output().unwrap()));
            assert_eq!(health(metrics, "ledger_up"), 1);
            if health(metrics, "skipped") == 0 {
                equal(metrics, &truth);
            }
        }
        equal(&fine(&rehearsal.wait_with_output().unwrap()), &truth);
        for (name, shown) in CONSUMERS.iter().zip(&mut shown) {
            equal(shown.see(rig.collect(&["--consumer", name])), &truth);
        }
    }
}

#[test]
fn a_run_that_overlaps_the_next_one_is_waited_for_or_skipped() {
    let rig = busy();
    let mut shown = Shown::default();
    let before = delivered(shown.see(rig.collect(&[])));
    rig.pass(10);
    let lock = File::open(rig.state().join("ledger.lock")).unwrap();
    lock.lock().unwrap();
    let metrics = shown.see(rig.collect(&["--deadline", "3s"]));
    assert_eq!((health(metrics, "skipped"), health(metrics, "ledger_up")), (1, 1));
    assert_eq!(delivered(metrics), before, "the last commit is shown");
    assert!(metrics.series("pmta", &[], "up").next().is_some(), "and fresh gauges");
    assert!(!metrics.text.contains("pmta_event"), "no events: it does not know the newest");
    lock.unlock().unwrap();
    equal(shown.see(rig.collect(&[])), &rig.host.totals());
}

/// A copy of the binary that everybody can run.
fn reachable(rig: &Rig) -> PathBuf {
    let copy = rig.folder.path().join("pmta-vitals");
    if !copy.exists() {
        fs::copy(binary(), &copy).unwrap();
    }
    copy
}

/// A run as another user.
fn run_as(rig: &Rig, (uid, gid): (u32, u32), arguments: &[&str]) -> Output {
    let copy = reachable(rig);
    let inner = rig.command();
    let mut command = Command::new(copy);
    command.args(inner.get_args()).args(arguments).stdin(Stdio::null()).uid(uid).gid(gid);
    command.env_clear().output().unwrap()
}

/// A run as a user with a group of his own who was added to the ledger's group, as `usermod -aG`
/// does; util-linux has the program for it.
fn as_member(rig: &Rig, user: u32, group: u32, arguments: &[&str]) -> Child {
    let copy = reachable(rig);
    let inner = rig.command();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &user.to_string(), "--regid", &user.to_string()]);
    command.args(["--groups", &group.to_string(), "--"]).arg(copy);
    command.args(inner.get_args()).args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("setpriv (util-linux) must be installed")
}

/// Everybody may come to the rig's files; the state folder is another matter.
fn open_to_all(rig: &Rig) {
    fs::set_permissions(rig.folder.path(), Permissions::from_mode(0o755)).unwrap();
}

const COLLECT: [&str; 3] = ["collect", "--consumer", "rig"];

#[test]
fn two_users_of_one_group_share_it_and_a_third_is_kept_out() {
    const GROUP: u32 = 54_321;
    const USERS: [(u32, u32); 2] = [(54_331, GROUP), (54_332, GROUP)];
    if !is_root() {
        println!("skipped: not root");
        return;
    }
    let rig = busy();
    open_to_all(&rig);
    fs::create_dir(rig.state()).unwrap();
    chown(rig.state(), Some(USERS[0].0), Some(GROUP)).unwrap();
    fs::set_permissions(rig.state(), Permissions::from_mode(0o2770)).unwrap();
    let mut shown = Shown::default();
    shown.see(fine(&run_as(&rig, USERS[1], &COLLECT)));
    for round in 0..4 {
        rig.pass(10);
        let metrics = shown.see(fine(&run_as(&rig, USERS[round % 2], &COLLECT)));
        equal(metrics, &rig.host.totals());
        assert_eq!(health(metrics, "ledger_up"), 1);
        if round == 2 {
            // Root in between leaves no file that the others cannot write.
            equal(shown.see(rig.collect(&[])), &rig.host.totals());
        }
    }
    for entry in fs::read_dir(rig.state()).unwrap() {
        let found = entry.unwrap().metadata().unwrap();
        assert_eq!((found.gid(), found.mode() & 0o777), (GROUP, 0o660));
    }
    rig.pass(10);
    let stranger = fine(&run_as(&rig, (54_333, 54_333), &COLLECT));
    assert_eq!(health(&stranger, "ledger_up"), 0);
    assert!(stranger.series("pmta_totals", &[], "delivered_total").next().is_none());
    assert!(stranger.series("pmta", &[], "up").next().is_some(), "gauges go on");
    equal(shown.see(fine(&run_as(&rig, USERS[0], &COLLECT))), &rig.host.totals());
}

/// Telegraf and somebody's `telegraf --test`, Vector, and a check, all at the same moment, as two
/// users who were added to one group; a third one was not.
#[test]
fn users_of_one_group_at_once_count_every_record_once() {
    const GROUP: u32 = 54_341;
    const TELEGRAF: u32 = 54_342;
    const VECTOR: u32 = 54_343;
    const STRANGER: u32 = 54_344;
    if !is_root() {
        println!("skipped: not root");
        return;
    }
    let rig = busy();
    open_to_all(&rig);
    fs::create_dir(rig.state()).unwrap();
    chown(rig.state(), Some(0), Some(GROUP)).unwrap();
    fs::set_permissions(rig.state(), Permissions::from_mode(0o2770)).unwrap();
    let telegraf = ["collect", "--consumer", "telegraf"];
    let vector = ["collect", "--consumer", "vector"];
    let mut seen = [Shown::default(), Shown::default()];
    for _ in 0..4 {
        let runs = [(TELEGRAF, telegraf, 0), (TELEGRAF, telegraf, 0), (VECTOR, vector, 1)];
        let children = runs.map(|(user, arguments, who)| (as_member(&rig, user, GROUP, &arguments), who));
        let check = as_member(&rig, VECTOR, GROUP, &["check", "all"]);
        let stranger = as_member(&rig, STRANGER, STRANGER, &["collect", "--consumer", "stranger"]);
        for (child, who) in children {
            // In whichever order they ended, the totals of each are at least those of the round before.
            let metrics = fine(&child.wait_with_output().unwrap());
            never_fell(&seen[who].last, &metrics);
            assert_eq!(health(&metrics, "ledger_up"), 1);
            if health(&metrics, "skipped") == 0 {
                equal(&metrics, &rig.host.totals());
            }
        }
        let answer = check.wait_with_output().unwrap();
        assert!(matches!(answer.status.code(), Some(0..=2)), "{answer:?}");
        let stranger = fine(&stranger.wait_with_output().unwrap());
        assert_eq!(health(&stranger, "ledger_up"), 0);
        assert!(stranger.totals().keys().all(|series| !series.starts_with("pmta_totals")));
        for (who, (user, arguments)) in [(TELEGRAF, telegraf), (VECTOR, vector)].into_iter().enumerate() {
            let output = as_member(&rig, user, GROUP, &arguments).wait_with_output().unwrap();
            equal(seen[who].see(fine(&output)), &rig.host.totals());
        }
        rig.pass(10);
    }
    for entry in fs::read_dir(rig.state()).unwrap() {
        let found = entry.unwrap().metadata().unwrap();
        assert_eq!((found.gid(), found.mode() & 0o777), (GROUP, 0o660));
    }
}

/// Who may only look is shown the last commit and fresh gauges, and told what to do.
#[test]
fn a_state_folder_that_may_only_be_read_shows_the_last_commit() {
    let rig = busy();
    open_to_all(&rig);
    let mut shown = Shown::default();
    let before = delivered(shown.see(rig.collect(&[])));
    let modes = |folder: u32, file: u32| {
        for entry in fs::read_dir(rig.state()).unwrap() {
            fs::set_permissions(entry.unwrap().path(), Permissions::from_mode(file)).unwrap();
        }
        fs::set_permissions(rig.state(), Permissions::from_mode(folder)).unwrap();
    };
    modes(0o555, 0o444);
    rig.pass(10);
    for _ in 0..2 {
        let output = if is_root() { run_as(&rig, (65_534, 65_534), &COLLECT) } else { rig.run(&COLLECT) };
        assert!(String::from_utf8_lossy(&output.stderr).contains("chmod 2770"), "{output:?}");
        let metrics = shown.see(fine(&output));
        assert_eq!(delivered(metrics), before);
        assert_eq!(health(metrics, "ledger_up"), 0);
        assert!(metrics.series("pmta", &[], "up").next().is_some(), "and fresh gauges");
        assert!(events(metrics, "ledger-damaged").is_empty());
    }
    fs::set_permissions(rig.state(), Permissions::from_mode(0o755)).unwrap();
    modes(0o700, 0o600);
    equal(shown.see(rig.collect(&[])), &rig.host.totals());
}
