//! One pass of data through the boxes, from the sources to the document: the order of things, and
//! what is shown when a box cannot be had.

use super::RunError;
use super::aside::{self, Haul};
use super::counting::{Count, Counted, Kept, LAST_SUCCESS, RUN};
use super::fates::Fates;
use super::health::Health;
use super::setup::Setup;
use crate::classify::Providers;
use crate::config::{Config, nearest};
use crate::emit::catalogue::is_counter;
use crate::emit::{Document, Gathered};
use crate::judge::checks::Gauges;
use crate::ledger::{Ledger, LedgerError, Limits, News};
use crate::record::{Finding, HIDDEN, Notes, Sample, Tick, Value, tag};
use crate::sources::{Place, SOURCES, Source, kernel, pmta_config, web};
use std::sync::Arc;
use std::time::Instant;

/// The source that the totals and the findings are made of.
pub const RECORDS: &str = "accounting";
/// The notes of what PowerMTA's configuration said.
pub const DISCOVERY: &str = "pmta_config";
/// Events told in one run at most; the rest waits for the next.
const MOST_EVENTS: usize = 200;

/// What one collection is asked to do.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    pub only: &'a [String],
    pub consumer: Option<&'a str>,
    /// The program that keeps what we say on standard error; `None` for a person.
    pub reader: Option<&'a str>,
    pub from_start: bool,
    pub dry_run: bool,
}

impl Wish<'_> {
    pub fn includes(&self, source: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == source)
    }
}

/// What came out, and what is still to be done once it is printed.
pub struct Passage {
    pub document: Document,
    pub troubles: Vec<String>,
    /// What this run itself saw, for a check that asks PowerMTA and not the ledger.
    pub gauges: Gauges,
    pub fates: Fates,
    ledger: Option<Ledger>,
    news: Option<News>,
}

impl Passage {
    /// The reader did not get everything: it is told the same events again.
    pub fn unheard(&mut self) {
        self.news = None;
    }

    /// The reader has it all: its cursor moves, and the ledger is looked after. Neither may fail
    /// the run; events are told again and the copy is made by a later run.
    pub fn printed(&mut self, until: Instant) {
        let Some(ledger) = &mut self.ledger else { return };
        if let Some(news) = &self.news {
            let _ = ledger.printed(news, until);
        }
        let _ = ledger.tend();
    }
}

/// What a document is made of, while it is being gathered.
#[derive(Default)]
struct Gathering {
    samples: Vec<Sample>,
    findings: Vec<Finding>,
    /// Another number after each start of PowerMTA.
    generation: Option<i64>,
    /// Measurements whose page was fetched in this run.
    observed: Vec<&'static str>,
    /// The queue list held every queue.
    complete: bool,
    gauges: Gauges,
    /// Totals may be less than they were: none is shown.
    held_back: bool,
}

/// What the ledger knew before this run.
struct Prior {
    config: Arc<Config>,
    discovery: Notes,
    /// What the judge hears of PowerMTA's configuration; nothing while nobody could read it.
    configuration: Option<Sample>,
    asides: Vec<(&'static dyn Source, Notes)>,
    boot: String,
}

/// Refuses a source that nobody knows.
pub fn check_names(only: &[String]) -> Result<(), RunError> {
    let known = || SOURCES.iter().map(|source| source.name());
    match only.iter().find(|name| !known().any(|known| known == name.as_str())) {
        None => Ok(()),
        Some(name) => Err(RunError::UnknownSource {
            name: name.clone(),
            nearest: nearest(name, known())
                .map_or_else(String::new, |name| format!("; did you mean {name}?")),
            known: known().collect::<Vec<_>>().join(", "),
        }),
    }
}

/// Collects once. Only what would make every later run wrong too (a configuration that cannot be
/// read) is an error; anything else is told in the document.
pub fn collect(setup: &Setup, wish: &Wish<'_>, tick: Tick) -> Result<Passage, RunError> {
    let mut health = Health::new();
    let mut ledger = match open(setup, wish, &tick) {
        Ok(ledger) => Some(ledger),
        Err(trouble) => {
            health.ledger::<()>(&Err(trouble));
            None
        }
    };
    let prior = prior(setup, wish, ledger.as_ref());
    let expedition = aside::start(prior.asides, &prior.config, tick);
    // Meanwhile.
    let mut providers = Providers::new(&prior.config.providers);
    let hauls = expedition.wait(patience(&tick), &setup.stop);
    let mut gathering = Gathering::default();
    let kept = gathering.take(hauls, &mut health, &mut providers);
    gathering.samples.extend(prior.configuration);
    gathering.gauges = Gauges::observe(&gathering.samples, tick.now());
    health.troubles.extend(setup.unread_rules.iter().cloned());
    if let Some(ledger) = &mut ledger {
        let count = Count {
            setup,
            wish,
            tick,
            config: &prior.config,
            generation: gathering.generation,
            observed: &gathering.observed,
            complete: gathering.complete,
            kept_gauges: &gathering.gauges,
            gauges: &gathering.samples,
            boot: &prior.boot,
        };
        let counted = count.run(ledger, (prior.discovery, kept), &mut providers, &mut health);
        health.ledger(&counted);
        gathering.settle(counted.ok(), ledger, wish, &prior.boot);
    } else {
        gathering.drop_counters();
    }
    Ok(finish(setup, wish, tick, gathering, health, ledger))
}

fn open(setup: &Setup, wish: &Wish<'_>, tick: &Tick) -> Result<Ledger, LedgerError> {
    let limits = &setup.loaded.config.limits;
    let limits = Limits { providers: limits.providers, pairs: limits.pairs };
    if wish.dry_run {
        Ledger::rehearse(&setup.place, limits, tick)
    } else {
        Ledger::open(&setup.place, limits, tick)
    }
}

/// Configuration and notes, read without the lock. A ledger that cannot be read is an empty one
/// here; counting will say what is wrong with it.
fn prior(setup: &Setup, wish: &Wish<'_>, ledger: Option<&Ledger>) -> Prior {
    let glance = ledger.and_then(|ledger| ledger.glance().ok());
    let notes =
        |source: &str| glance.as_ref().and_then(|glance| glance.notes(source).ok()).unwrap_or_default();
    let mut discovery = notes(DISCOVERY);
    let found = pmta_config::discover(&setup.loaded.config.pmta.config, &mut discovery);
    let config = Arc::new(pmta_config::fill(setup.loaded.config.clone(), &found));
    let asides = SOURCES
        .iter()
        .filter(|source| source.place() == Place::Aside && wish.includes(source.name()))
        .map(|source| (*source, notes(source.name())))
        .collect();
    let configuration = (found.fingerprint != 0).then(|| {
        let row = Sample::new(HIDDEN).tag("class", "configuration").int("modified", found.modified());
        row.text("text", format!("{:x}", found.fingerprint))
    });
    let boot = kernel::boot_id(&config.host.proc);
    Prior { config, discovery, configuration, asides, boot }
}

/// The rest of the run belongs to lock, files, commit and print.
fn patience(tick: &Tick) -> Instant {
    let whole = tick.deadline.saturating_duration_since(tick.started);
    tick.deadline.checked_sub(whole / 4).unwrap_or(tick.deadline)
}

impl Gathering {
    /// Sorts what came home: samples here, notes back to who keeps them, fates to the health.
    fn take(&mut self, hauls: Vec<Haul>, health: &mut Health, providers: &mut Providers) -> Kept {
        let mut kept = Vec::new();
        for haul in hauls {
            health.source(haul.source, &haul.result, haul.took);
            for sample in haul.samples {
                self.note_page(&sample);
                if let Some(sample) = health.absorb(sample)
                    && sample.measurement != web::PAGE
                {
                    self.samples.push(labelled(sample, providers));
                }
            }
            kept.push((haul.source, haul.notes, haul.events));
        }
        kept
    }

    fn note_page(&mut self, sample: &Sample) {
        if sample.measurement != web::PAGE {
            return;
        }
        if let Some(Value::Int(generation)) = sample.field("generation") {
            self.generation = Some(*generation);
        }
        match tag(&sample.tags, "page") {
            "queues" => {
                self.observed.push("pmta_queue");
                self.complete = sample.field("complete") == Some(&Value::Int(1));
            }
            "vmtas" => self.observed.push("pmta_vmta"),
            _ => {}
        }
    }

    /// The fresh count, or the last committed one with this run's own gauges.
    fn settle(&mut self, counted: Option<Counted>, ledger: &Ledger, wish: &Wish<'_>, boot: &str) {
        if let Some(counted) = counted {
            self.samples = counted.samples;
            self.findings = counted.findings;
            self.held_back = !counted.caught_up;
        } else if let Ok(glance) = ledger.glance() {
            self.held_back = !glance.caught_up(boot).unwrap_or(false);
            self.samples = glance.grown(&self.samples).unwrap_or_default();
            if let Ok(tally) = glance.tally() {
                self.samples.extend(tally.rows());
            }
            self.findings = glance.findings().unwrap_or_default();
        } else {
            self.drop_counters();
        }
        if !wish.includes(RECORDS) {
            self.findings.clear();
            self.samples.retain(|sample| !COUNTED.contains(&sample.measurement));
        }
    }

    /// Without a ledger a counter that may fall cannot be made one that does not.
    fn drop_counters(&mut self) {
        for sample in &mut self.samples {
            sample.fields.retain(|(_, value)| !matches!(value, Value::Growing(_)));
        }
    }
}

/// What is made from accounting records: left out when they were not asked for.
const COUNTED: &[&str] = &["pmta_totals", "pmta_recipients", "pmta_replies", "pmta_delivery_delay_seconds"];

/// A row about a queue also names the queue's provider.
fn labelled(sample: Sample, providers: &mut Providers) -> Sample {
    let queue = tag(&sample.tags, "queue").to_owned();
    if queue.is_empty() {
        return sample;
    }
    let domain = queue.rsplit_once('/').map_or(queue.as_str(), |(domain, _)| domain);
    let names = providers.names();
    let provider = match providers.lookup(domain.as_bytes(), b"") {
        crate::classify::Provider::Named(number) => {
            names.get(usize::from(number)).map(|name| (**name).to_owned())
        }
        crate::classify::Provider::Domain(domain) => Some(domain.to_owned()),
    };
    sample.tag("provider", provider.unwrap_or_default())
}

fn finish(
    setup: &Setup,
    wish: &Wish<'_>,
    tick: Tick,
    gathering: Gathering,
    mut health: Health,
    ledger: Option<Ledger>,
) -> Passage {
    // A run that could not count tells no events: it does not know whether they are the newest.
    let told = ledger.as_ref().filter(|_| health.counted && wish.includes(RECORDS));
    let news = told.zip(wish.consumer).and_then(|(ledger, consumer)| {
        ledger.glance().and_then(|glance| glance.news(consumer, MOST_EVENTS)).ok()
    });
    if let Some(news) = &news {
        health.run("events_missed_total", Value::Int(news.missed_total));
    }
    let last_success = ledger.as_ref().and_then(last_success);
    health.vitals(ledger.as_ref(), last_success, &tick);
    health.catching_up(gathering.held_back);
    let fates = health.fates();
    let troubles = health.unheard();
    let mut samples = gathering.samples;
    samples.extend(health.rows());
    if gathering.held_back {
        hold_back(&mut samples);
    }
    let document = Document::new(Gathered {
        now_ns: tick.now_ns,
        host: setup.host.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        samples,
        findings: gathering.findings,
        events: news.as_ref().map(|news| news.events.clone()).unwrap_or_default(),
        lines: setup.loaded.config.limits.lines,
    });
    Passage {
        document,
        troubles,
        gauges: gathering.gauges,
        fates,
        ledger,
        news: news.filter(|_| !wish.dry_run),
    }
}

/// Totals that may have fallen are better not shown at all.
fn hold_back(samples: &mut Vec<Sample>) {
    for sample in samples.iter_mut() {
        sample.fields.retain(|(field, _)| !is_counter(field));
    }
    samples.retain(|sample| !sample.fields.is_empty());
}

/// When a run last committed: this one, or an earlier one.
fn last_success(ledger: &Ledger) -> Option<f64> {
    let note = ledger.glance().and_then(|glance| glance.note(RUN, LAST_SUCCESS)).ok()??;
    std::str::from_utf8(&note).ok()?.parse().ok()
}
