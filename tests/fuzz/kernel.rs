//! The kernel's log: whatever its records hold, looks at it while it grows and after another start
//! of the host never panic, no count falls, and every class is one of ours.

use pmta_vitals::config::Config;
use pmta_vitals::record::{Delivery, Finding, LogLine, Notes, Sample, Sink, Tick, Value, tag};
use pmta_vitals::sources::kernel::Kernel;
use pmta_vitals::sources::{Ask, Source};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub const WORDS: &[&str] = &[
    "3,341,6000000,-;",
    ",caller=T12",
    "Out of memory: Killed process 1 (pmtad)",
    "pmtad[1]: segfault at 0",
    "nf_conntrack: table full",
    "\n KEY=value\n",
    "\\x0a",
    ",c;",
    "-1",
    "18446744073709551616",
    "\n",
    ";",
];

pub fn body(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kmsg");
    let boot = folder.path().join("sys/kernel/random/boot_id");
    std::fs::create_dir_all(boot.parent().expect("its folder")).expect("a folder");
    let mut config = Config::default();
    config.logs.kernel.clone_from(&path);
    config.host.proc = folder.path().to_owned();
    let mut notes = Notes::default();
    let mut before = BTreeMap::new();
    let half = &data[..data.len() / 2];
    for (now, seen, start) in [(1_000, half, "a"), (2_000, data, "a"), (3_000, half, "b"), (4_000, data, "b")]
    {
        std::fs::write(&path, seen).expect("a file");
        std::fs::write(&boot, start).expect("a file");
        let started = Instant::now();
        let tick = Tick { now_ns: now * 1_000_000_000, started, deadline: started + Duration::from_secs(60) };
        let mut heard = Heard::default();
        let mut ask = Ask { config: &config, tick, memory: &mut notes, from_start: false, brought: &[] };
        // What it cannot read it may refuse; it must not count it.
        let _ = Kernel.collect(&mut ask, &mut heard);
        for (class, was) in before {
            assert!(heard.0.get(&class).is_some_and(|now| *now >= was), "{class} fell from {was}");
        }
        before = heard.0;
    }
}

#[derive(Default)]
struct Heard(BTreeMap<String, i64>);

impl Sink for Heard {
    fn sample(&mut self, sample: Sample) {
        if sample.measurement != "pmta_kernel" {
            return;
        }
        for (field, value) in &sample.fields {
            let Value::Int(count) = value else { panic!("{field} is no count") };
            assert!(*count >= 0, "{field} {count}");
            let class = tag(&sample.tags, "class");
            assert!(class.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{class:?}");
            self.0.insert(format!("{class}/{field}"), *count);
        }
    }

    fn delivery(&mut self, _: &Delivery<'_>) {}
    fn line(&mut self, _: &LogLine<'_>) {}
    fn event(&mut self, _: Finding) {}
    fn watermark(&mut self, _: i64) {}
    fn enough(&self) -> bool {
        false
    }
}
