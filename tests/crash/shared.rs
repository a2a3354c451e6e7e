//! Several runs and several users on one ledger.

use super::{busy, events, fine, health, is_root};
use crate::rig::{Metrics, Rig, Shown, binary, equal};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

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

/// A run as another user, with a copy of the binary that everybody can reach.
fn run_as(rig: &Rig, (uid, gid): (u32, u32), arguments: &[&str]) -> Output {
    let copy = rig.folder.path().join("pmta-vitals");
    if !copy.exists() {
        fs::copy(binary(), &copy).unwrap();
    }
    let inner = rig.command();
    let mut command = Command::new(copy);
    command.args(inner.get_args()).args(arguments).stdin(Stdio::null()).uid(uid).gid(gid);
    command.env_clear().output().unwrap()
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
