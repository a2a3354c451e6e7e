//! SIGKILL at one system call after another: after each, the next run is exact and no printed
//! total has fallen. Needs strace; `.ci/run` installs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    dead_code,
    reason = "tests may stop at the first surprise; not every test needs all of the rig"
)]

#[path = "rig.rs"]
mod rig;

use rig::{Rig, Shown, equal};
use std::process::Command;

/// What can change a file or a lock, and what can be interrupted between two of them.
const CALLS: &[&str] = &[
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "rename",
    "flock",
    "ftruncate",
    "unlink",
    "fchmod",
    "fcntl",
    "openat",
];

/// Of calls that are made so often, this many instants are tried at most.
const INSTANTS: usize = 24;

/// A run that is killed at its `nth` call of this kind; says whether it was.
fn killed_at(rig: &Rig, call: &str, nth: usize, shown: &mut Shown) -> bool {
    let inner = rig.command();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={call}"));
    command.arg("-e").arg(format!("inject={call}:signal=KILL:when={nth}"));
    command.arg(inner.get_program()).args(inner.get_args()).args(["collect", "--consumer", "rig"]);
    let output = command.output().expect("strace must be installed");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked") && !stderr.contains("strace"), "{call} {nth}: {stderr}");
    shown.see_part(&output.stdout);
    !output.status.success()
}

/// How many calls of each kind a run makes.
fn calls(rig: &Rig, call: &str) -> usize {
    let list = rig.folder.path().join("calls");
    let inner = rig.command();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e"]).arg(format!("trace={call}")).arg("-o").arg(&list);
    command.arg(inner.get_program()).args(inner.get_args()).args(["collect", "--consumer", "rig"]);
    assert!(command.output().expect("strace must be installed").status.success());
    let begun = format!(" {call}(");
    std::fs::read_to_string(list).unwrap().lines().filter(|line| line.contains(&begun)).count()
}

/// `before` makes the situation in which each killed run begins, `after` is the proof.
fn kill_at_every_call(rig: &Rig, before: impl Fn(&Rig), after: impl Fn(&Rig, &mut Shown)) -> usize {
    let mut shown = Shown::default();
    shown.see(rig.collect(&[]));
    let mut kills = 0;
    for call in CALLS {
        before(rig);
        let count = calls(rig, call);
        let step = count.div_ceil(INSTANTS).max(1);
        println!("{call}: {count} calls in a run, killed at every {step}.");
        // Some more than were counted: threads and a longer delta may add calls. Who survives
        // twice in a row has no such call left.
        let mut survived = 0;
        for nth in (1..=count + 4 * step).step_by(step) {
            before(rig);
            let killed = killed_at(rig, call, nth, &mut shown);
            kills += usize::from(killed);
            survived = if killed { 0 } else { survived + 1 };
            println!("{call} {nth}: killed {killed}");
            after(rig, &mut shown);
            if survived == 2 {
                break;
            }
        }
    }
    kills
}

fn exact(rig: &Rig, shown: &mut Shown) {
    equal(shown.see(rig.collect(&[])), &rig.host.totals());
}

fn quiet_rig() -> Rig {
    Rig::with(|options| {
        options.rate = 20.0;
        options.small_domains = 5;
        options.command_line = false;
    })
}

#[test]
fn an_ordinary_run() {
    let rig = quiet_rig();
    rig.collect(&[]);
    let kills = kill_at_every_call(&rig, |rig| rig.pass(2), exact);
    assert!(kills > 60, "only {kills} runs were killed");
}

/// Every time another bucket, another hour, another file: checkpoint, hourly copy, rotation.
#[test]
fn a_run_with_everything_to_do() {
    let rig = quiet_rig();
    rig.collect(&[]);
    let situation = |rig: &Rig| {
        rig.host.rotate_accounting().unwrap();
        rig.pass(2);
        let _ = std::fs::remove_file(rig.state().join("ledger-copy.db"));
    };
    let kills = kill_at_every_call(&rig, situation, exact);
    assert!(kills > 60, "only {kills} runs were killed");
}

/// The ledger is garbage each time, and whoever mends it is killed.
#[test]
fn a_run_that_mends_the_ledger() {
    let rig = quiet_rig();
    rig.collect(&[]);
    rig.collect(&[]);
    let situation = |rig: &Rig| {
        rig.pass(2);
        std::fs::write(rig.state().join("ledger.db"), "garbage".repeat(9_000)).unwrap();
        std::fs::write(rig.state().join("ledger.db-wal"), "").unwrap();
    };
    let kills = kill_at_every_call(&rig, situation, exact);
    assert!(kills > 60, "only {kills} runs were killed");
}

/// Whoever is killed while making the ledger leaves one that the next run takes over or makes anew.
#[test]
fn a_first_run() {
    let rig = quiet_rig();
    rig.pass(5);
    let situation = |rig: &Rig| {
        let _ = std::fs::remove_dir_all(rig.state());
    };
    let kills = kill_at_every_call(&rig, situation, |rig, shown| {
        let before = rig.host.totals();
        *shown = Shown::default();
        shown.see(rig.collect(&[]));
        rig.pass(2);
        equal(shown.see(rig.collect(&[])), &rig.host.totals().since(&before));
        // The next first run knows nothing of it.
        *shown = Shown::default();
    });
    assert!(kills > 60, "only {kills} runs were killed");
}
