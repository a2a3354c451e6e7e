//! What is held: PowerMTA has no hold queue; what operators mean are paused queues and jobs,
//! backoff, a later start, recipients between retries and queues without a source. Each is counted
//! apart, with the cause that the last errors name.

mod cause;

use super::{Level, Report, Scene, Signal, Symptom, number};
use crate::record::{HIDDEN, Memory, Sample, Seconds, Severity, Unit, Value, tag};
use cause::Cause;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const SIGNAL: Signal = Signal {
    name: "hold",
    about: "mail is held: paused, backoff, no source",
    source: "web",
    beneath_down: true,
    look,
};

/// Whoever pauses a queue for a look does so for less.
const FORGOTTEN: Seconds = 1_800;
/// Backoff of ten minutes is what patterns usually set.
const LONG_BACKOFF: Seconds = 900;
const NO_SOURCE: Seconds = 60;
const SOME: f64 = 100.0;
const BIG: f64 = 1_000.0;
/// What the last round saw is shown for so long.
const STALE: Seconds = 180;
const ROUND: &str = "hold/round";
const MOST_NAMED: usize = 3;

/// What only a round through the queues can tell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Round {
    at: Seconds,
    parked: Sum,
    disabled: Sum,
    jobs_paused: Option<Sum>,
    jobs_scheduled: Option<Sum>,
    /// Why a queue waits, by its last errors.
    causes: BTreeMap<String, Cause>,
    without_source: Vec<String>,
}

/// Queues (or jobs) and the recipients in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Sum {
    count: i64,
    recipients: i64,
}

impl Sum {
    fn add(&mut self, recipients: f64) {
        self.count += 1;
        self.recipients = self.recipients.saturating_add(recipients as i64);
    }
}

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    let round = Round::recall(scene, memory);
    let queues: Vec<&Sample> = scene.rows("pmta_queue").collect();
    if scene.rows("pmta_queues").next().is_some() {
        paused(&queues, round.as_ref(), report);
        backoff(&queues, round.as_ref(), report);
    }
    let Some(round) = round else { return };
    let rows = [("parked", Some(round.parked)), ("disabled", Some(round.disabled))];
    for (kind, sum) in rows {
        report.samples.extend(sum.map(|sum| row(kind, "queues", sum)));
    }
    for (kind, sum) in [("jobs-paused", round.jobs_paused), ("jobs-scheduled", round.jobs_scheduled)] {
        report.samples.extend(sum.map(|sum| row(kind, "jobs", sum)));
    }
    report.symptoms.extend(without_source(&round));
    report.symptoms.extend(round.jobs_paused.map(paused_jobs));
}

fn row(kind: &'static str, what: &'static str, sum: Sum) -> Sample {
    Sample::new("pmta_hold").tag("kind", kind).int(what, sum.count).int("recipients", sum.recipients)
}

fn paused(queues: &[&Sample], round: Option<&Round>, report: &mut Report) {
    let held: Vec<&&Sample> = queues.iter().filter(|row| number(row, "paused") == Some(1.0)).collect();
    let mut sum = Sum::default();
    held.iter().for_each(|row| sum.add(number(row, "recipients").unwrap_or(0.0)));
    report.samples.push(row("paused", "queues", sum));
    let recipients = sum.recipients as f64;
    let level = if recipients >= SOME {
        Level::Bad(Severity::Warning)
    } else if sum.count > 0 {
        Level::Between
    } else {
        Level::Fine
    };
    let names: Vec<&str> = held.iter().map(|row| tag(&row.tags, "queue")).take(MOST_NAMED).collect();
    let cause = said(round, &names);
    let symptom = Symptom::new("paused", level, FORGOTTEN, 60).measured(Unit::Recipients, Some(0.0), recipients).told(
        format!("{} queues with {recipients:.0} recipients have been paused for more than {} minutes: {}{cause}", sum.count, FORGOTTEN / 60, names.join(", ")),
        "If whoever paused them is done, `pmta resume queue D/V`; if it must last, lower bounce-after or delete the mail, for it goes on to age.",
    );
    report.symptoms.push(Symptom { recipients: Some(sum.recipients), n: sum.count, ..symptom });
}

fn backoff(queues: &[&Sample], round: Option<&Round>, report: &mut Report) {
    let mut sum = Sum::default();
    let mut providers: BTreeMap<&str, (f64, f64, i64, Vec<&str>)> = BTreeMap::new();
    for row in queues {
        let recipients = number(row, "recipients").unwrap_or(0.0);
        let of = providers.entry(tag(&row.tags, "provider")).or_default();
        of.0 += recipients;
        if number(row, "backoff") == Some(1.0) && recipients > 0.0 {
            sum.add(recipients);
            of.1 += recipients;
            of.2 += 1;
            of.3.push(tag(&row.tags, "queue"));
        }
    }
    report.samples.push(row("backoff", "queues", sum));
    for (provider, (all, held, count, names)) in providers {
        let level = if held >= BIG && held >= all / 2.0 {
            Level::Bad(Severity::Warning)
        } else if held > 0.0 {
            Level::Between
        } else {
            Level::Fine
        };
        let symptom =
            Symptom::new("backoff", level, LONG_BACKOFF, 300).measured(Unit::Recipients, Some(0.0), held);
        // Of each provider in every run: words only where there is something to say.
        let symptom = if matches!(level, Level::Bad(_)) {
            let cause = said(round, &names);
            symptom.told(
                format!("[{provider}] {count} queues with {held:.0} of {all:.0} waiting recipients have been in backoff mode for more than {} minutes{cause}", LONG_BACKOFF / 60),
                "Mend the cause first; then `pmta set queue --mode=normal D/V`. Without backoff-to-normal-after in the pattern or the <domain> backoff never ends by itself.",
            )
        } else {
            symptom
        };
        let recipients = Some(held as i64);
        report.symptoms.push(Symptom { provider: provider.to_owned(), recipients, n: count, ..symptom });
    }
}

/// `, by the last errors: DNS look-ups fail`
fn said(round: Option<&Round>, names: &[&str]) -> String {
    let cause = round.and_then(|round| names.iter().find_map(|name| round.causes.get(*name)));
    cause.map_or_else(String::new, |cause| format!("; the last errors say: {}", cause.words()))
}

fn without_source(round: &Round) -> Option<Symptom> {
    let recipients = round.disabled.recipients as f64;
    let level = if recipients >= SOME {
        Level::Bad(Severity::Critical)
    } else if round.disabled.count > 0 {
        Level::Between
    } else {
        Level::Fine
    };
    let symptom = Symptom::new("sources-disabled", level, NO_SOURCE, 60)
        .measured(Unit::Recipients, Some(0.0), recipients)
        .told(
            format!("Every source address is disabled for {}: {recipients:.0} recipients cannot be sent", round.without_source.join(", ")),
            "`pmta show disabled sources` names them; a pattern with disable-source-ip has done it, so look at what the receiver said first, then `pmta enable source IP D/V`. reenable-after in the pattern ends it by itself.",
        );
    Some(Symptom { recipients: Some(round.disabled.recipients), n: round.disabled.count, ..symptom })
}

fn paused_jobs(sum: Sum) -> Symptom {
    let recipients = sum.recipients as f64;
    let level = if recipients >= SOME { Level::Bad(Severity::Info) } else { Level::Fine };
    let symptom = Symptom::new("jobs-paused", level, FORGOTTEN, 60)
        .measured(Unit::Recipients, Some(0.0), recipients)
        .told(
            format!(
                "{} jobs with {recipients:.0} recipients have been paused for more than {} minutes",
                sum.count,
                FORGOTTEN / 60
            ),
            "If nobody means them to wait, `pmta resume job ID` (`pmta show jobs` names them).",
        );
    Symptom { recipients: Some(sum.recipients), n: sum.count, ..symptom }
}

impl Round {
    /// This run's, or the last one while it is fresh.
    fn recall(scene: &Scene<'_>, memory: &mut dyn Memory) -> Option<Round> {
        let waiting = || scene.rows(HIDDEN).filter(|row| tag(&row.tags, "class") == "waiting");
        let jobs = |class| {
            let row = scene.row(HIDDEN, "class", class)?;
            Some(Sum { count: number(row, "jobs")? as i64, recipients: number(row, "recipients")? as i64 })
        };
        let round = Round {
            at: scene.now,
            jobs_paused: jobs("jobs-paused"),
            jobs_scheduled: jobs("jobs-scheduled"),
            ..Round::default()
        };
        if waiting().next().is_none() && round.jobs_paused.is_none() {
            let kept = memory.get(ROUND).and_then(|text| serde_json::from_slice::<Round>(&text).ok());
            return kept.filter(|kept| (0..=STALE).contains(&(scene.now - kept.at)));
        }
        let round = waiting().fold(round, Round::with);
        if let Ok(text) = serde_json::to_vec(&round) {
            memory.put(ROUND, &text);
        }
        Some(round)
    }

    fn with(mut self, row: &Sample) -> Round {
        let recipients = number(row, "recipients").unwrap_or(0.0);
        let queue = tag(&row.tags, "queue").to_owned();
        if number(row, "parked") == Some(1.0) {
            self.parked.add(recipients);
        }
        let Some(Value::Text(text)) = row.field("text") else { return self };
        let Some(cause) = Cause::of(text) else { return self };
        if cause == Cause::SourcesDisabled {
            self.disabled.add(recipients);
            if self.without_source.len() < MOST_NAMED {
                self.without_source.push(queue.clone());
            }
        }
        self.causes.insert(queue, cause);
        self
    }
}
