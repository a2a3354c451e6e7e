//! The sources that may hang, each on a detached thread before the ledger is locked. It knows
//! nothing of what they read.

use super::stop::Stop;
use crate::config::Config;
use crate::record::{Delivery, Finding, LogLine, Notes, Sample, Seconds, Sink, Tick};
use crate::sources::{Ask, Source, SourceError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// How often the wait looks for SIGTERM.
const GLANCE: Duration = Duration::from_millis(20);

/// What one source brought home.
pub struct Haul {
    pub source: &'static str,
    pub samples: Vec<Sample>,
    pub events: Vec<Finding>,
    /// Its notes, with what it changed.
    pub notes: Notes,
    pub result: Result<(), SourceError>,
    pub took: Duration,
}

/// Sources under way. Dropping it abandons them: nobody waits for a thread.
pub struct Expedition {
    /// What those without work had to say.
    home: Vec<Haul>,
    answers: Receiver<Haul>,
    waiting: Vec<&'static str>,
    started: Instant,
}

/// Starts every source that has work on a thread of its own, with the notes it left last time. A
/// thread costs a tenth of a run; who has no work only looks at its notes.
pub fn start(sources: Vec<(&'static dyn Source, Notes)>, config: &Arc<Config>, tick: Tick) -> Expedition {
    let (sender, answers) = channel();
    let (mut waiting, mut idle) = (Vec::new(), Vec::new());
    for (source, mut notes) in sources {
        if !source.is_due(&Ask { config, tick, memory: &mut notes, from_start: false }) {
            idle.push((source, notes));
            continue;
        }
        waiting.push(source.name());
        let config = Arc::clone(config);
        let sender = sender.clone();
        let name = source.name().to_owned();
        let thread = std::thread::Builder::new().name(name);
        let spawned = thread.spawn(move || travel(source, notes, &config, tick, &sender));
        // Without a thread the source simply never answers, and is told as late.
        drop(spawned);
    }
    // While the others are under way.
    let home = idle.into_iter().map(|(source, notes)| visit(source, notes, config, tick)).collect();
    Expedition { home, answers, waiting, started: Instant::now() }
}

fn travel(source: &'static dyn Source, notes: Notes, config: &Config, tick: Tick, home: &Sender<Haul>) {
    // The receiver is gone when the run gave up waiting; then nobody wants the answer.
    let _ = home.send(visit(source, notes, config, tick));
}

fn visit(source: &'static dyn Source, mut notes: Notes, config: &Config, tick: Tick) -> Haul {
    let started = Instant::now();
    let mut bag = Bag { samples: Vec::new(), events: Vec::new(), tick };
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut ask = Ask { config, tick, memory: &mut notes, from_start: false };
        source.collect(&mut ask, &mut bag)
    }))
    .unwrap_or_else(|_| Err(broken(source.name())));
    let (samples, events, took) = (bag.samples, bag.events, started.elapsed());
    Haul { source: source.name(), samples, events, notes, result, took }
}

/// What a panic inside a source is told as.
pub fn broken(source: &str) -> SourceError {
    SourceError::Malformed {
        what: format!("source {source}"),
        why: "it stopped on an internal error; please report this with the output of `doctor`".to_owned(),
    }
}

impl Expedition {
    /// Everything that comes home in time; the rest is late. SIGTERM ends the wait at once.
    pub fn wait(mut self, until: Instant, stop: &Stop) -> Vec<Haul> {
        let mut home = self.home;
        while !self.waiting.is_empty() && !stop.asked() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if let Ok(haul) = self.answers.recv_timeout(left.min(GLANCE)) {
                self.waiting.retain(|name| *name != haul.source);
                home.push(haul);
            }
        }
        for source in self.waiting {
            home.push(Haul {
                source,
                samples: Vec::new(),
                events: Vec::new(),
                notes: Notes::default(),
                result: Err(SourceError::Late { what: format!("source {source}") }),
                took: self.started.elapsed(),
            });
        }
        home
    }
}

/// Keeps samples and events; an aside source has no records, and may not move the watermark.
struct Bag {
    samples: Vec<Sample>,
    events: Vec<Finding>,
    tick: Tick,
}

impl Sink for Bag {
    fn sample(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    fn delivery(&mut self, _record: &Delivery<'_>) {}

    fn line(&mut self, _line: &LogLine<'_>) {}

    fn event(&mut self, finding: Finding) {
        self.events.push(finding);
    }

    fn watermark(&mut self, _time: Seconds) {}

    fn enough(&self) -> bool {
        self.tick.expired()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Memory;
    use crate::sources::Place;

    struct Works;
    struct Panics;
    struct Hangs;

    impl Source for Works {
        fn name(&self) -> &'static str {
            "works"
        }
        fn place(&self) -> Place {
            Place::Aside
        }
        fn collect(&self, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
            ask.memory.put("seen", b"1");
            sink.sample(Sample::new("pmta").int("up", 1));
            Ok(())
        }
    }

    impl Source for Panics {
        fn name(&self) -> &'static str {
            "panics"
        }
        fn place(&self) -> Place {
            Place::Aside
        }
        fn collect(&self, _: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
            sink.sample(Sample::new("pmta").int("up", 0));
            panic!("on purpose");
        }
    }

    impl Source for Hangs {
        fn name(&self) -> &'static str {
            "hangs"
        }
        fn place(&self) -> Place {
            Place::Aside
        }
        fn collect(&self, _: &mut Ask<'_>, _: &mut dyn Sink) -> Result<(), SourceError> {
            loop {
                std::thread::park();
            }
        }
    }

    #[test]
    fn each_source_fails_alone() {
        let now = Instant::now();
        let tick = Tick { now_ns: 0, started: now, deadline: now + Duration::from_secs(60) };
        let wait = |all: Vec<&'static dyn Source>, time: Duration| {
            let sources = all.into_iter().map(|source| (source, Notes::default())).collect();
            let expedition = start(sources, &Arc::new(Config::default()), tick);
            let mut hauls = expedition.wait(now + time, &Stop::never());
            hauls.sort_by_key(|haul| haul.source);
            hauls
        };
        // Those that come home have all the time they need; the one that never does, none.
        let hauls = wait(vec![&Works, &Panics], Duration::from_secs(60));
        let [panics, works] = hauls.as_slice() else { panic!("{}", hauls.len()) };
        let late = wait(vec![&Hangs], Duration::ZERO);
        let [hangs] = late.as_slice() else { panic!("{}", late.len()) };
        assert!(matches!(hangs.result, Err(SourceError::Late { .. })));
        assert!(matches!(panics.result, Err(SourceError::Malformed { .. })));
        assert_eq!(panics.samples.len(), 1, "what was pushed before stands");
        assert!(works.result.is_ok());
        assert_eq!(works.notes.get("seen"), Some(b"1".to_vec()));
    }

    #[test]
    fn sigterm_ends_the_wait() {
        let now = Instant::now();
        let tick = Tick { now_ns: 0, started: now, deadline: now + Duration::from_secs(600) };
        let sources: Vec<(&'static dyn Source, Notes)> = vec![(&Hangs, Notes::default())];
        let expedition = start(sources, &Arc::new(Config::default()), tick);
        let hauls = expedition.wait(now + Duration::from_secs(600), &Stop::already());
        assert_eq!(hauls.len(), 1);
    }
}
