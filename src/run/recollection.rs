//! The windows, the baselines and the bench, fetched from the ledger only in a run that needs
//! them: an idle tick touches none of it.

use crate::classify::Answer;
use crate::config::{Config, Method};
use crate::judge::{Bench, STEP, Surroundings, signals};
use crate::ledger::{Baselines, LedgerError, Shelf, SourceNotes, Windows};
use crate::record::{Delivery, Finding, Memory, Sample, Seconds, Tick};

/// The last step that was judged.
const JUDGED: &str = "judged";
/// Written while a finding is pending or open: then time alone can change something.
const AWAKE: &str = "awake";
/// A record stamped further ahead is counted in totals only.
const AHEAD: Seconds = 300;
/// After a longer silence the windows are empty: there is no use in judging each step of it.
const LONGEST: Seconds = 9 * 3_600;

pub struct Recollection<'l> {
    shelf: Shelf<'l>,
    notes: SourceNotes<'l>,
    config: &'l Config,
    surroundings: Surroundings,
    tick: Tick,
    judged: Seconds,
    loaded: Option<Loaded>,
    /// The first failure to load: the run must not be committed.
    trouble: Option<LedgerError>,
}

struct Loaded {
    windows: Windows,
    baselines: Baselines,
    bench: Bench,
}

/// How things stand after a run that judged.
#[derive(Debug, Default)]
pub struct Standing {
    pub findings: Vec<Finding>,
    pub gauges: Vec<Sample>,
}

impl<'l> Recollection<'l> {
    pub fn new(
        shelf: Shelf<'l>,
        notes: SourceNotes<'l>,
        config: &'l Config,
        surroundings: Surroundings,
        tick: Tick,
    ) -> Recollection<'l> {
        let judged = notes.get(JUDGED).and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
        Recollection {
            shelf,
            notes,
            config,
            surroundings,
            tick,
            judged: judged.unwrap_or(0),
            loaded: None,
            trouble: None,
        }
    }

    /// Counts a record in the windows.
    pub fn record(&mut self, provider: &str, named: bool, record: &Delivery<'_>, answer: Option<&Answer>) {
        if let Some(loaded) = self.load() {
            loaded.windows.record(provider, named, record, answer);
        }
    }

    /// Judges every step that ends at or before `time`, in order, each once.
    pub fn judge_until(&mut self, time: Seconds, changes: &mut Vec<Finding>) {
        let last = time.div_euclid(STEP) * STEP;
        if self.judged == 0 {
            self.judged = last - STEP;
        }
        if self.loaded.is_none() && self.notes.get(AWAKE).is_none() {
            // Nothing new and nothing pending: these steps are judged when records come.
            return;
        }
        while self.judged < last {
            let step = (self.judged + STEP).max(last - LONGEST);
            let Some(loaded) = self.load() else { return };
            changes.extend(loaded.bench.step(step, &loaded.windows, &mut loaded.baselines));
            self.judged = step;
        }
    }

    /// Puts everything back within the run's transaction, and gives the findings as they stand
    /// now; `None` when nothing was judged and they stand as they did.
    /// With them come the gauges that only the windows know.
    pub fn save(mut self) -> Result<Option<Standing>, LedgerError> {
        if let Some(trouble) = self.trouble {
            return Err(trouble);
        }
        let Some(mut loaded) = self.loaded else { return Ok(None) };
        let gauges = signals::from_windows(&loaded.windows, self.judged);
        self.shelf.keep(&mut loaded.windows, &mut loaded.baselines)?;
        self.notes.put(JUDGED, self.judged.to_string().as_bytes());
        if loaded.bench.is_waiting(&loaded.baselines) {
            self.notes.put(AWAKE, b"1");
        } else {
            self.notes.remove(AWAKE);
        }
        Ok(Some(Standing { findings: loaded.bench.findings().cloned().collect(), gauges }))
    }

    fn load(&mut self) -> Option<&mut Loaded> {
        if self.trouble.is_none() && self.loaded.is_none() {
            match self.fetch() {
                Ok(loaded) => self.loaded = Some(loaded),
                Err(trouble) => self.trouble = Some(trouble),
            }
        }
        self.loaded.as_mut()
    }

    fn fetch(&self) -> Result<Loaded, LedgerError> {
        let history = self.config.judge.method == Method::MeanStddev;
        let mut windows = self.shelf.windows()?;
        windows.set_ceiling(self.tick.now() + AHEAD);
        let baselines = self.shelf.baselines(history)?;
        let mut bench = Bench::new(self.config, &baselines)
            .map_err(|refused| LedgerError::Abandoned { why: refused.to_string() })?;
        bench.see(self.surroundings.clone());
        Ok(Loaded { windows, baselines, bench })
    }
}
