//! Whole incidents, from records through windows and bench to the sentence.

use super::*;
use crate::classify::{Answer, Stage};
use crate::config::Suppress;
use crate::ledger::{baseline, windows};
use crate::record::{Confidence, Delivery, Kind, Severity};
use rusqlite::Connection;

mod cuts;
mod memory;
mod sentences;
mod shared;
mod silence;
mod since;

/// 2026-11-24 00:00:00 UTC.
const MIDNIGHT: Seconds = 1_795_478_400;

/// So many records of one kind in every step.
#[derive(Clone, Copy)]
struct Flow {
    provider: &'static str,
    named: bool,
    kind: Kind,
    count: usize,
    reason: Reason,
    code: u16,
    stage: Stage,
    vmta: &'static str,
    diag: &'static str,
    age: Seconds,
}

fn flow(provider: &'static str, kind: Kind, count: usize, reason: Reason) -> Flow {
    let stage = if kind == Kind::QueueDeferred { Stage::Handshake } else { Stage::Session };
    Flow { provider, named: true, kind, count, reason, code: 450, stage, vmta: "mta1", diag: "", age: 1 }
}

fn delivered(provider: &'static str, count: usize) -> Flow {
    flow(provider, Kind::Delivered, count, Reason::Other)
}

/// A host under test: windows, baselines and the bench over them.
struct Host {
    windows: Windows,
    baselines: Baselines,
    bench: Bench,
    at: Seconds,
    offset: i16,
}

impl Host {
    fn new(config: &Config, at: Seconds) -> Host {
        let baselines = Baselines::new();
        let bench = Bench::new(config, &baselines).unwrap();
        Host { windows: Windows::new(), baselines, bench, at, offset: 0 }
    }

    fn record(&mut self, flow: &Flow) {
        let delivery = Delivery {
            kind: flow.kind,
            logged: self.at,
            offset_minutes: self.offset,
            queued: Some(self.at - flow.age),
            rcpt_domain: b"example.com",
            status: b"",
            diag: flow.diag.as_bytes(),
            mta: b"mx.example.com (192.0.2.1)",
            category: b"",
            source: b"",
            destination: b"192.0.2.1",
            size: 1_000,
            vmta: flow.vmta.as_bytes(),
            queue: b"",
        };
        let throttling = flow.reason.is_throttling();
        let answer = Answer {
            reason: flow.reason,
            stage: Some(flow.stage),
            code: flow.code,
            throttling,
            template: 1,
            rule: None,
        };
        let answer = (flow.kind != Kind::Delivered).then_some(&answer);
        for _ in 0..flow.count {
            self.windows.record(flow.provider, flow.named, &delivery, answer);
        }
    }

    /// Lets the flows run for a while; the changed findings with the time of each.
    fn run(&mut self, flows: &[Flow], seconds: Seconds) -> Vec<(Seconds, Finding)> {
        let mut told = Vec::new();
        let end = self.at + seconds;
        while self.at < end {
            flows.iter().for_each(|flow| self.record(flow));
            self.at += STEP;
            let found = self.bench.step(self.at, &self.windows, &mut self.baselines);
            told.extend(found.into_iter().map(|finding| (self.at, finding)));
        }
        told
    }

    /// Ends the run and begins the next one from disk.
    fn restart(&mut self, config: &Config, disk: &Connection) {
        self.windows.save(disk).unwrap();
        self.baselines.save(disk).unwrap();
        self.windows = Windows::load(disk).unwrap();
        self.baselines = Baselines::load(disk, true).unwrap();
        let surroundings = std::mem::take(&mut self.bench.surroundings);
        self.bench = Bench::new(config, &self.baselines).unwrap();
        self.bench.see(surroundings);
    }
}

fn disk() -> Connection {
    let disk = Connection::open_in_memory().unwrap();
    disk.execute_batch(windows::SCHEMA).unwrap();
    disk.execute_batch(baseline::SCHEMA).unwrap();
    disk
}

fn yahoo(bad: bool) -> Vec<Flow> {
    let base = flow("Yahoo", Kind::Deferred, 12, Reason::Greylisted);
    if !bad {
        return vec![delivered("Yahoo", 88), base];
    }
    let handshake = Flow { code: 421, ..flow("Yahoo", Kind::QueueDeferred, 26, Reason::TempUnspecified) };
    vec![delivered("Yahoo", 62), base, handshake]
}
