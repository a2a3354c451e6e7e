//! What fills up: spool, connections, disks.

use super::{Bench, fires, open, quiet};
use pmta_sim::Gauges;
use std::fs;

#[test]
fn spool_nearly_full_and_still_loading_are_two_things() {
    let bench = Bench::new();
    bench.rig.host.load_queue("gmail.com", 5_000, 60);
    bench.rig.host.pause_queue("*/*", true);
    quiet(&bench.runs(3, 10), "spool");
    bench.rig.host.show(Gauges { spool_max: Some(20_000), ..Gauges::default() });
    quiet(&bench.runs(3, 10), "spool");
    bench.rig.host.show(Gauges { spool_max: Some(5_000), ..Gauges::default() });
    fires(&bench.runs(3, 10), "spool", "full", "critical");
    bench.rig.host.show(Gauges { spool_loaded: Some(40), ..Gauges::default() });
    let metrics = bench.runs(9, 10);
    assert!(
        open(&metrics, "spool").contains(&("initialising".to_owned(), "info".to_owned())),
        "{}",
        metrics.text
    );
}

#[test]
fn connections_at_the_limit_are_told_when_it_lasts_and_mail_waits() {
    let bench = Bench::new();
    let inbound = |inbound| bench.rig.host.show(Gauges { inbound: Some(inbound), ..Gauges::default() });
    inbound(98);
    quiet(&bench.runs(4, 10), "connections");
    inbound(60);
    quiet(&bench.runs(2, 10), "connections");
    inbound(98);
    fires(&bench.runs(8, 10), "connections", "in", "warning");
    inbound(90);
    fires(&bench.runs(8, 10), "connections", "in", "warning");
    inbound(10);
    quiet(&bench.runs(8, 10), "connections");
    bench.rig.host.pause_queue("*/*", true);
    bench.rig.host.load_queue("gmail.com", 500, 60);
    bench.rig.host.show(Gauges { outbound: Some(1_199), ..Gauges::default() });
    fires(&bench.runs(8, 10), "connections", "out", "warning");
}

#[test]
fn disk_is_held_against_min_free_space() {
    let bench = Bench::new();
    let config = bench.rig.host.config_path();
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains("min-free-space 100M"));
    let metrics = bench.runs(1, 10);
    assert!(
        !open(&metrics, "disk").contains(&("space".to_owned(), "critical".to_owned())),
        "{}",
        metrics.text
    );
    let spool = bench.rig.host.dir().join("spool").display().to_string();
    let spool = [("folder", spool.as_str())];
    assert!(metrics.int("pmta_disk", &spool, "free_bytes") > 0);
    assert!(metrics.int("pmta_disk", &spool, "min_free_bytes") >= 100_000_000);
    fs::write(&config, text.replace("min-free-space 100M", "min-free-space 900000G")).unwrap();
    let metrics = bench.runs(1, 60);
    fires(&metrics, "disk", "space", "critical");
    assert!(metrics.text.contains("it takes no more mail"), "{}", metrics.text);
}
