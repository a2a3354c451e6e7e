//! Memory that is granted, and memory that stays.

use super::{Bench, fires, quiet};
use crate::rig::{Rig, Value};
use std::fs;

#[test]
fn memory_of_the_control_group_is_held_against_its_limit_without_what_can_be_dropped() {
    let bench = Bench::new();
    fs::write(bench.proc(10).join("cgroup"), "0::/system.slice/pmta.service\n").unwrap();
    let group = bench.rig.folder.path().join("cgroup/system.slice/pmta.service");
    fs::create_dir_all(&group).unwrap();
    let write = |name: &str, text: &str| fs::write(group.join(name), text).unwrap();
    write("memory.current", "950000000\n");
    write("memory.max", "max\n");
    let unlimited = bench.runs(3, 60);
    quiet(&unlimited, "memory");
    assert!(!unlimited.text.contains("cgroup_max_bytes"));
    // Files that were read once fill every group up to its limit.
    write("memory.max", "1000000000\n");
    write("memory.stat", "anon 400000000\ninactive_file 500000000\n");
    let metrics = bench.runs(3, 60);
    quiet(&metrics, "memory");
    assert_eq!(metrics.int("pmta_memory", &[("process", "pmtad")], "cgroup_bytes"), 450_000_000);
    write("memory.stat", "anon 930000000\ninactive_file 10000000\n");
    fires(&bench.runs(3, 60), "memory", "limit", "warning");
    write("memory.current", "990000000\n");
    fires(&bench.runs(1, 60), "memory", "limit", "critical");
    write("memory.current", "500000000\n");
    quiet(&bench.runs(3, 60), "memory");
}

#[test]
fn leak_residue_is_what_stays_after_a_large_queue_is_gone() {
    for stays in [true, false] {
        let bench = Bench::with_rate(0.2);
        bench.process("pmtad", 10, 100, 200_000);
        bench.runs(2, 3_600);
        bench.rig.host.load_queue("gmail.com", 60_000, 60);
        bench.rig.host.pause_queue("gmail.com/*", true);
        bench.process("pmtad", 10, 100, 1_200_000);
        quiet(&bench.runs(2, 3_600), "leak");
        bench.rig.host.pause_queue("gmail.com/*", false);
        bench.process("pmtad", 10, 100, if stays { 1_000_000 } else { 300_000 });
        let metrics = bench.runs(6, 3_600);
        let floor = metrics.int("pmta_memory", &[("process", "pmtad")], "anon_floor_bytes");
        assert_eq!(floor, 200_000 * 1_024);
        if stays {
            fires(&metrics, "leak", "residue", "info");
        } else {
            quiet(&metrics, "leak");
        }
    }
}

#[test]
fn memory_pools_are_shown_where_a_version_has_them_and_asked_for_once_a_day_elsewhere() {
    for has in [true, false] {
        let rig = Rig::with(|options| options.rate = 1.0);
        let (script, said) = (rig.folder.path().join("pmta"), rig.folder.path().join("said"));
        let answer =
            if has { "echo 'memory.heapInUse=\"123456\"'" } else { "echo 'Unknown command' >&2; exit 1" };
        let real = rig.host.command_path();
        let text = format!(
            "#!/bin/sh\ncase \"$*\" in\n*\"show memory\") echo asked >> {}; {answer};;\n*) exec {} \"$@\";;\nesac\n",
            said.display(),
            real.display()
        );
        let write = ["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\"", script.to_str().unwrap(), &text];
        assert!(std::process::Command::new("sh").args(write).status().unwrap().success());
        rig.configure_command(script.to_str().unwrap());
        rig.pass(60);
        let metrics = rig.collect(&[]);
        let expected = Value::Int(123_456);
        let shown = metrics.get("pmta_memory_pool", &[("name", "heapinuse")], "value");
        assert_eq!(shown, has.then_some(&expected), "{}", metrics.text);
        assert_eq!(
            metrics.int("pmta_collector", &[("source", "queues")], "up"),
            1,
            "that it is not there is no trouble"
        );
        (0..2).for_each(|_| {
            rig.pass(60);
            rig.collect(&[]);
        });
        rig.pass(900);
        rig.collect(&[]);
        let times = fs::read_to_string(&said).unwrap().lines().count();
        assert_eq!(times, if has { 2 } else { 1 });
    }
}
