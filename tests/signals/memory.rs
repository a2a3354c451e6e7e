//! Memory that is granted, and memory that stays.

use super::{Bench, fires, open, program, quiet};
use crate::rig::{Rig, Value};
use pmta_sim::Gauges;
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
        bench.rig.host.show(Gauges { waiting: Some(60_000), ..Gauges::default() });
        bench.process("pmtad", 10, 100, 1_200_000);
        quiet(&bench.runs(2, 3_600), "leak");
        bench.rig.host.show(Gauges::default());
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
        let said = rig.folder.path().join("said");
        let answer =
            if has { "echo 'memory.heapInUse=\"123456\"'" } else { "echo 'Unknown command' >&2; exit 1" };
        let real = rig.host.command_path();
        let text = format!(
            "case \"$*\" in\n*\"show memory\") echo asked >> {}; {answer};;\n*) exec {} \"$@\";;\nesac",
            said.display(),
            real.display()
        );
        let script = program(&rig, "pmta", &text);
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

#[test]
fn memory_of_pmtad_that_is_swapped_out_is_told_and_what_is_never_used_is_not() {
    let bench = Bench::new();
    let status = bench.proc(10).join("status");
    let text = fs::read_to_string(&status).unwrap();
    let swapped = |kb: u64| {
        let swap = format!("VmSwap:\t{kb} kB");
        fs::write(&status, text.replace("VmSwap:\t0 kB", &swap)).unwrap();
    };
    // Little of it, however large a share: what the start needed and nothing since.
    swapped(40_000);
    quiet(&bench.runs(3, 40), "memory");
    swapped(90_000);
    quiet(&bench.runs(1, 10), "memory");
    fires(&bench.runs(2, 40), "memory", "swap", "warning");
    swapped(0);
    quiet(&bench.runs(3, 200), "memory");
}

#[test]
fn memory_descriptors_of_each_process_are_held_against_its_own_limit() {
    let bench = Bench::new();
    bench.process("pmtawatch", 12, 100, 900);
    let opened = |pid: u32, open: usize, most: usize| {
        let fd = bench.proc(pid).join("fd");
        let _ = fs::remove_dir_all(&fd);
        fs::create_dir(&fd).unwrap();
        (0..open).for_each(|at| fs::write(fd.join(at.to_string()), "").unwrap());
        let limits = format!("Limit  Soft\nMax open files            {most}  {most}  files\n");
        fs::write(bench.proc(pid).join("limits"), limits).unwrap();
    };
    // More than the others may have, and far from its own limit.
    opened(10, 30, 60);
    opened(11, 10, 20);
    opened(12, 10, 20);
    quiet(&bench.runs(1, 60), "memory");
    for (pid, name) in [(11, "pmtahttp"), (12, "pmtawatch"), (10, "pmtad")] {
        let most = if pid == 10 { 60 } else { 20 };
        opened(pid, most * 9 / 10, most);
        let metrics = bench.runs(1, 60);
        fires(&metrics, "memory", "descriptors", "warning");
        let said = format!("{name} has {} of {most} file descriptors open", most * 9 / 10);
        assert!(metrics.text.contains(&said), "{}", metrics.text);
        opened(pid, most / 2, most);
        quiet(&bench.runs(3, 60), "memory");
        // Another one is a finding of its own.
        bench.runs(1, 1_000);
    }
    // Who may not look at them says nothing.
    fs::remove_dir_all(bench.proc(10).join("fd")).unwrap();
    let metrics = bench.runs(1, 60);
    assert!(metrics.get("pmta_memory", &[("process", "pmtad")], "descriptors").is_none());
}

#[test]
fn fragmentation_is_memory_per_recipient_above_its_own_floor_and_not_a_longer_queue() {
    // Memory at first and later, the queue at first and what comes to it.
    for (anon, more, told) in [(900_000, 0, true), (900_000, 16_000, false), (250_000, 0, false)] {
        let bench = Bench::with_rate(0.2);
        bench.rig.host.load_queue("gmail.com", 4_000, 60);
        bench.rig.host.pause_queue("gmail.com/*", true);
        bench.process("pmtad", 10, 100, 200_000);
        quiet(&bench.runs(2, 3_600), "fragmentation");
        bench.process("pmtad", 10, 100, anon);
        if more > 0 {
            bench.rig.host.load_queue("gmail.com", more, 60);
        }
        quiet(&bench.runs(2, 3_600), "fragmentation");
        let metrics = bench.runs(3, 3_600);
        assert_eq!(open(&metrics, "fragmentation").len(), usize::from(told), "{}", metrics.text);
        if told {
            fires(&metrics, "fragmentation", "per-recipient", "warning");
            let floor = metrics.int("pmta_memory", &[("process", "pmtad")], "bytes_per_recipient_floor");
            assert!((45_000..55_000).contains(&floor), "{floor}");
        }
    }
}

#[test]
fn fragmentation_of_free_memory_is_told_when_programs_wait_for_it() {
    let bench = Bench::new();
    let proc = bench.rig.folder.path().join("proc");
    let zone = |counts: &str| {
        fs::write(proc.join("buddyinfo"), format!("Node 0, zone   Normal  {counts}\n")).unwrap();
    };
    let (pieces, whole) = ("100000 0 0 0 0 0 0 0 0 0 0", "10 10 10 10 10 10 10 10 10 10 10");
    // In pieces, as every busy host's is; then waiting, as at every large job.
    zone(pieces);
    bench.pressure("0.50");
    quiet(&bench.runs(4, 200), "fragmentation");
    zone(whole);
    bench.pressure("8.00");
    quiet(&bench.runs(4, 200), "fragmentation");
    zone(pieces);
    quiet(&bench.runs(3, 200), "fragmentation");
    fires(&bench.runs(2, 200), "fragmentation", "kernel", "warning");
    // A kernel that does not say how long programs wait.
    fs::remove_file(proc.join("pressure/memory")).unwrap();
    let bench = Bench::new();
    let proc = bench.rig.folder.path().join("proc");
    fs::write(proc.join("buddyinfo"), format!("Node 0, zone   Normal  {pieces}\n")).unwrap();
    quiet(&bench.runs(5, 200), "fragmentation");
}
