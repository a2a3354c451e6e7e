//! What the signals cost an idle tick: slow sources keep a schedule of their own in the ledger.

use super::program;
use crate::rig::Rig;
use std::collections::BTreeMap;
use std::fs;

#[test]
fn slow_sources_keep_their_schedule_and_no_tick_between_starts_a_program() {
    let rig = Rig::with(|options| options.rate = 2.0);
    let said = rig.folder.path().join("said");
    let (real, log) = (rig.host.command_path(), said.display());
    let script = program(&rig, "pmta", &format!("echo \"$*\" >> {log}\nexec {} \"$@\"", real.display()));
    rig.configure_command(script.to_str().unwrap());
    rig.host.load_queue("gmail.com", 900, 60);
    rig.host.pause_queue("*/*", true);
    fs::write(&said, "").unwrap();
    let commands = || fs::read_to_string(&said).unwrap().lines().count();
    let (mut disks, mut probes, mut rounds) = (0, 0, 0);
    // Three minutes of ticks.
    for tick in 0..18 {
        rig.pass(10);
        let before = commands();
        let metrics = rig.collect(&[]);
        let started = commands() - before;
        assert!(started == 0 || tick % 6 == 0, "tick {tick} started {started} programs");
        rounds += usize::from(started > 0);
        disks += usize::from(metrics.text.contains("pmta_disk,"));
        probes += usize::from(metrics.text.contains("connect_seconds="));
        assert_eq!(metrics.int("pmta_collector", &[("source", "queues")], "up"), 1);
    }
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for line in fs::read_to_string(&said).unwrap().lines() {
        let words = line.split(' ').filter(|word| !word.starts_with("--"));
        *kinds.entry(words.take(2).collect::<Vec<_>>().join(" ")).or_default() += 1;
        assert!(!line.contains("--pause"), "{line}");
    }
    let times = |kind: &str| kinds.get(kind).copied().unwrap_or(0);
    assert_eq!((rounds, times("show license"), times("show memory")), (3, 1, 1), "{kinds:?}");
    assert!((3..=15).contains(&times("list")), "{kinds:?}");
    assert!((1..=3).contains(&times("show settings")), "{kinds:?}");
    assert_eq!(kinds.len(), 4, "and nothing else: {kinds:?}");
    assert_eq!((disks, probes), (3, 3), "disks and listeners once a minute");
    let asked = rig.host.asked();
    let pages = ["/status", "/vmtas", "/queues", "/jobs"].map(|page| asked.get(page).copied().unwrap_or(0));
    assert_eq!(pages, [18, 18, 18 + 3, 3], "{asked:?}");
}
