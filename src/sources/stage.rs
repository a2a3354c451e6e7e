//! One run of one source for the tests, and everything that came of it. It knows no source.

use super::{Ask, Source, SourceError};
use crate::config::{Config, Pmta};
use crate::record::{Delivery, Finding, LogLine, Notes, Sample, Sink, Tick};
use std::time::{Duration, Instant};

/// One run of a source and everything that came of it.
pub struct Run {
    pub samples: Vec<Sample>,
    pub result: Result<(), SourceError>,
    pub notes: Notes,
    pub took: Duration,
}

impl Run {
    pub fn of(source: &dyn Source, pmta: Pmta, now: i64, notes: Notes, time: Duration) -> Run {
        let config = Config { pmta, ..Config::default() };
        Run::with(source, &config, now, notes, time)
    }

    pub fn with(source: &dyn Source, config: &Config, now: i64, mut notes: Notes, time: Duration) -> Run {
        let started = Instant::now();
        let tick = Tick { now_ns: now * 1_000_000_000, started, deadline: started + time };
        let mut heap = Heap::default();
        let mut ask = Ask { config, tick, memory: &mut notes, from_start: false, brought: &[] };
        let result = source.collect(&mut ask, &mut heap);
        Run { samples: heap.samples, result, notes, took: started.elapsed() }
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.samples.iter().map(|sample| sample.measurement).collect()
    }

    pub fn why(&self) -> String {
        self.result.as_ref().unwrap_err().to_string()
    }
}

/// Keeps every sample it is given.
#[derive(Default)]
pub struct Heap {
    pub samples: Vec<Sample>,
}

impl Sink for Heap {
    fn sample(&mut self, sample: Sample) {
        self.samples.push(sample);
    }
    fn delivery(&mut self, _: &Delivery<'_>) {
        panic!("this source has none");
    }
    fn line(&mut self, _: &LogLine<'_>) {
        panic!("this source has none");
    }
    fn event(&mut self, _: Finding) {}
    fn watermark(&mut self, _: i64) {}
    fn enough(&self) -> bool {
        false
    }
}
