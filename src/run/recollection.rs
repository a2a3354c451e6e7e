//! The windows, the baselines and the bench, fetched from the ledger only in a run that needs
//! them: an idle tick touches none of it.

use super::judgement::Judgement;
use crate::classify::{Answer, Word};
use crate::config::{Config, Method};
use crate::judge::{Bench, Surroundings, signals};
use crate::ledger::{LedgerError, Repertoire, Shelf, SourceNotes};
use crate::record::{Delivery, Finding, Memory, Notes, Sample, Seconds, Tick};

/// The last step that was judged.
const JUDGED: &str = "judged";
/// Written while a finding is pending or open: then time alone can change something.
const AWAKE: &str = "awake";
/// A record stamped further ahead is counted in totals only.
const AHEAD: Seconds = 300;

pub struct Recollection<'l> {
    shelf: Shelf<'l>,
    notes: SourceNotes<'l>,
    /// What providers answered, until it is needed.
    replies: Option<SourceNotes<'l>>,
    config: &'l Config,
    surroundings: Surroundings,
    tick: Tick,
    loaded: Option<Judgement<'l>>,
    /// The first failure to load: the run must not be committed.
    trouble: Option<LedgerError>,
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
        (notes, replies): (SourceNotes<'l>, SourceNotes<'l>),
        config: &'l Config,
        surroundings: Surroundings,
        tick: Tick,
    ) -> Recollection<'l> {
        Recollection {
            shelf,
            notes,
            replies: Some(replies),
            config,
            surroundings,
            tick,
            loaded: None,
            trouble: None,
        }
    }

    /// Counts a record in the windows, and its reply.
    pub fn record(
        &mut self,
        provider: Word<'_>,
        named: bool,
        record: &Delivery<'_>,
        said: (Option<&Answer>, &str),
        changes: &mut Vec<Finding>,
    ) {
        if let Some(loaded) = self.load() {
            loaded.record(provider, named, record, said, changes);
        }
    }

    /// Judges every step that ends at or before `time`, in order, each once.
    pub fn judge_until(&mut self, time: Seconds, changes: &mut Vec<Finding>) {
        if self.loaded.is_none() && self.notes.get(AWAKE).is_none() {
            // Nothing new and nothing pending: these steps are judged when records come.
            return;
        }
        if let Some(loaded) = self.load() {
            loaded.until(time, changes);
        }
    }

    /// Puts everything back within the run's transaction, and gives the findings as they stand
    /// now; `None` when nothing was judged and they stand as they did.
    pub fn save(mut self) -> Result<Option<Standing>, LedgerError> {
        if let Some(trouble) = self.trouble {
            return Err(trouble);
        }
        let Some(mut loaded) = self.loaded else { return Ok(None) };
        let gauges = signals::from_windows(&loaded.windows, loaded.judged());
        // The largest part goes before the rest is written down.
        let mut windows = std::mem::take(&mut loaded.windows);
        self.shelf.keep(&mut windows, &mut loaded.baselines)?;
        drop(windows);
        loaded.repertoire.save(self.tick.now());
        self.notes.put(JUDGED, loaded.judged().to_string().as_bytes());
        if loaded.is_waiting() {
            self.notes.put(AWAKE, b"1");
        } else {
            self.notes.remove(AWAKE);
        }
        Ok(Some(Standing { findings: loaded.findings().cloned().collect(), gauges }))
    }

    fn load(&mut self) -> Option<&mut Judgement<'l>> {
        if self.trouble.is_none() && self.loaded.is_none() {
            match self.fetch() {
                Ok(loaded) => self.loaded = Some(loaded),
                Err(trouble) => self.trouble = Some(trouble),
            }
        }
        self.loaded.as_mut()
    }

    fn fetch(&mut self) -> Result<Judgement<'l>, LedgerError> {
        let history = self.config.judge.method == Method::MeanStddev;
        let mut windows = self.shelf.windows()?;
        windows.set_ceiling(self.tick.now() + AHEAD);
        let baselines = self.shelf.baselines(history)?;
        let mut bench = Bench::new(self.config, &baselines)
            .map_err(|refused| LedgerError::Abandoned { why: refused.to_string() })?;
        bench.see(self.surroundings.clone());
        let judged = self.notes.get(JUDGED).and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
        let judged = judged.unwrap_or(0);
        let replies: Box<dyn Memory + 'l> = match self.replies.take() {
            Some(notes) => Box::new(notes),
            None => Box::new(Notes::default()),
        };
        Ok(Judgement::new(windows, baselines, Repertoire::new(replies, judged), bench, judged))
    }
}
