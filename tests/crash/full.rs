//! No room: while committing, while making the ledger, while printing.

use super::{busy, fine, health, is_root};
use crate::rig::{Metrics, Rig, Shown, equal};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A run that may not make any file longer than so many blocks of 512 bytes.
fn limited(rig: &Rig, blocks: u64) -> Output {
    let inner = rig.command();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f $0; exec \"$@\""]).arg(blocks.to_string());
    command.arg(inner.get_program()).args(inner.get_args()).args(["collect", "--consumer", "rig"]);
    command.output().unwrap()
}

fn delivered(metrics: &Metrics) -> i64 {
    metrics.int("pmta_totals", &[], "delivered_total")
}

#[test]
fn a_commit_that_finds_no_room_changes_nothing() {
    let rig = busy();
    let mut shown = Shown::default();
    shown.see(rig.collect(&[]));
    let mut refused = 0;
    for blocks in [0, 1, 8, 24, 40, 64, 96, 128, 176, 200, 1_000_000] {
        let before = delivered(&shown.last);
        rig.pass(5);
        let metrics = shown.see(fine(&limited(&rig, blocks)));
        if health(metrics, "ledger_up") == 0 {
            refused += 1;
            assert_eq!(delivered(metrics), before, "{blocks}: the last commit is shown");
            assert!(metrics.series("pmta", &[], "up").next().is_some(), "{blocks}: and fresh gauges");
        } else {
            equal(metrics, &rig.host.totals());
        }
        equal(shown.see(rig.collect(&[])), &rig.host.totals());
    }
    assert!(refused > 2, "only {refused} runs were refused");
}

/// No room for the very first ledger: gauges, and no totals that somebody could take for 0.
#[test]
fn a_ledger_that_cannot_be_made_is_told() {
    for blocks in [0, 1, 8, 24, 40, 64] {
        let rig = busy();
        let metrics = fine(&limited(&rig, blocks));
        if health(&metrics, "ledger_up") == 0 {
            assert!(metrics.series("pmta", &[], "up").next().is_some(), "{blocks}");
        }
        rig.collect(&[]);
        rig.pass(10);
        equal(&rig.collect(&[]), &rig.host.totals());
    }
}

/// A file system of its own, as small as we like; gone with the value.
struct Tiny(PathBuf);

impl Tiny {
    fn mount(at: &Path) -> Option<Tiny> {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs"]).arg(at);
        let mounted = is_root() && mount.output().is_ok_and(|output| output.status.success());
        mounted.then(|| Tiny(at.to_owned()))
    }

    /// Leaves so many bytes free.
    fn fill(&self, left: u64) {
        let path = self.0.join("filling");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[0; 4_096]).is_ok() {}
        let size = file.metadata().unwrap().len();
        file.set_len(size.saturating_sub(left)).unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("filling")).unwrap();
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_delays_but_loses_nothing() {
    let rig = busy();
    let Some(disk) = Tiny::mount(&rig.state()) else {
        println!("skipped: not root, or mounting is not allowed");
        return;
    };
    let mut shown = Shown::default();
    shown.see(rig.collect(&[]));
    let mut refused = 0;
    for left in [0, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072] {
        disk.fill(left);
        for _ in 0..2 {
            rig.pass(5);
            let before = delivered(&shown.last);
            let metrics = shown.see(fine(&rig.run(&["collect", "--consumer", "rig"])));
            if health(metrics, "ledger_up") == 0 {
                refused += 1;
                assert_eq!(delivered(metrics), before, "{left}");
            } else {
                equal(metrics, &rig.host.totals());
            }
        }
        disk.make_room();
        equal(shown.see(rig.collect(&[])), &rig.host.totals());
    }
    assert!(refused > 0, "the disk was never full");
}
