//! What waits and why, asked once a minute: the largest queues with their last errors, how old
//! their oldest mail is, held jobs, and now and then limits and licence. It gives read commands only,
//! and no address leaves it.

mod bounds;
mod expiring;
mod in_force;
mod ladder;
mod memory;
mod page;
mod probe;

use super::web::{Asker, Line, Read, clean};
use super::{Ask, Place, Source, SourceError};
use crate::record::{HIDDEN, Memory, Sample, Seconds, Sink};
use jiff::tz::TimeZone;
use page::{Jobs, License, Listed, Waiting};
use probe::Known;
use std::time::{Duration, Instant};

/// A run that comes a little early still counts as its minute's.
const EVERY: Seconds = 55;
const LICENSE_EVERY: Seconds = 6 * 3_600 - 5;
/// After a refusal commands rest for so long.
const REST: Seconds = 3_600;
const ROWS: u32 = 20;
const LONGEST: Duration = Duration::from_millis(1_500);
const SHORTEST: Duration = Duration::from_millis(300);

const ASKED: &str = "asked";
const REFUSED: &str = "refused";
const LICENSE: &str = "license";

pub struct Queues;

impl Source for Queues {
    fn name(&self) -> &'static str {
        "queues"
    }

    fn place(&self) -> Place {
        Place::Aside
    }

    fn is_due(&self, ask: &Ask<'_>) -> bool {
        ask.is_over(ASKED, EVERY)
    }

    fn collect(&self, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
        let now = ask.tick.now();
        if !self.is_due(ask) {
            return standing(ask.memory);
        }
        let left = ask.tick.left().mul_f64(0.6).min(LONGEST);
        if left < SHORTEST {
            return Err(SourceError::Late { what: "the round through the queues".to_owned() });
        }
        ask.memory.put(ASKED, now.to_string().as_bytes());
        let asker = Asker::new(&ask.config.pmta, Instant::now() + left);
        let rows = ROWS.to_string();
        let query = [("maxitems", rows.as_str())];
        let listed: Listed = asker.page("/queues", &query, Line::new(Read::TopQueues, &[&rows]))?;
        let queues = listed.rows();
        let zone = ask.config.pmta.zone();
        let mut known = Known::recall(ask.memory, zone.clone(), now);
        let bounds = bounds::of(&ask.config.pmta.config, &queues, ask.memory, now);
        let told = known.probe(&asker, &queues, &bounds, ask.memory);
        for queue in &queues {
            sink.sample(known.told(row(queue, &zone, now), queue, &bounds));
        }
        known.write_down(&queues, ask.memory);
        // An old version has no jobs page, which is no trouble.
        if let Ok(jobs) =
            asker.page::<Jobs>("/jobs", &[("maxitems", "1000")], Line::new(Read::Jobs, &["1000"]))
        {
            jobs.samples().into_iter().for_each(|sample| sink.sample(sample));
        }
        let told = told.and_then(|()| license(&asker, ask, sink));
        if !is_within(ask.memory, REFUSED, REST, now) {
            memory::ask(&asker, ask.memory, now, sink);
        }
        told
    }
}

/// What a run between two rounds has to say: the last refusal stands until it is tried again.
fn standing(memory: &dyn Memory) -> Result<(), SourceError> {
    let note = memory.get(REFUSED).and_then(|note| String::from_utf8(note).ok()).unwrap_or_default();
    match note.splitn(4, '\t').collect::<Vec<_>>().as_slice() {
        [_, what, why, advice] => Err(SourceError::Denied {
            what: (*what).to_owned(),
            why: (*why).to_owned(),
            advice: (*advice).to_owned(),
        }),
        _ => Ok(()),
    }
}

/// One queue for the judge: what waits, and why.
fn row(queue: &Waiting, zone: &TimeZone, now: Seconds) -> Sample {
    let mut row = Sample::new(HIDDEN)
        .tag("class", "waiting")
        .tag("queue", queue.name.clone())
        .int("recipients", queue.recipients)
        .int("connections", queue.connections)
        .int("paused", i64::from(queue.paused))
        .int("backoff", i64::from(queue.backoff))
        .int("parked", i64::from(queue.is_parked()))
        .int("stands", i64::from(queue.stands()));
    if let Some(at) = queue.erred(zone) {
        row = row.int("erred", now - at);
    }
    let texts: Vec<String> = queue.errors.iter().map(|text| clean(text)).collect();
    if texts.is_empty() { row } else { row.text("text", texts.join("; ")) }
}

fn license(asker: &Asker<'_>, ask: &mut Ask<'_>, sink: &mut dyn Sink) -> Result<(), SourceError> {
    let now = ask.tick.now();
    let resting = is_within(ask.memory, REFUSED, REST, now);
    if resting || is_within(ask.memory, LICENSE, LICENSE_EVERY, now) {
        return Ok(());
    }
    let Some(line) = Line::new(Read::License, &[]) else { return Ok(()) };
    let told = asker.command::<License>(&line);
    if let Ok((license, _)) = &told
        && let Some(sample) = license.sample(&ask.config.pmta.zone())
    {
        ask.memory.put(LICENSE, now.to_string().as_bytes());
        sink.sample(sample);
    }
    match told {
        Err(SourceError::Absent(_)) | Ok(_) => Ok(()),
        Err(SourceError::Denied { what, why, advice }) => {
            ask.memory.put(REFUSED, format!("{now}\t{what}\t{why}\t{advice}").as_bytes());
            Err(SourceError::Denied { what, why, advice })
        }
        Err(why) => Err(why),
    }
}

/// Whether the time that a note begins with is no longer ago than that.
fn is_within(memory: &dyn Memory, key: &str, span: Seconds, now: Seconds) -> bool {
    let note = memory.get(key).and_then(|note| String::from_utf8(note).ok());
    let at: Option<Seconds> = note.and_then(|note| note.split('\t').next()?.parse().ok());
    at.is_some_and(|at| (0..span).contains(&(now - at)))
}
