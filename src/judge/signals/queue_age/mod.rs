//! How old the oldest waiting mail of each provider and queue is, and what will expire. PowerMTA
//! shows it nowhere: it is read off the `t` records, and where mail fails only as a whole queue,
//! found by questions to PowerMTA.

mod ages;
pub mod expiry;
mod limits;

pub use ages::Ages;

use super::{Level, Report, Scene, Signal, Symptom, number};
use crate::record::{HIDDEN, Memory, Sample, Seconds, Severity, Unit, tag};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const SIGNAL: Signal = Signal {
    name: "queue-age",
    about: "mail waits longer than its retry policy allows, and nears its expiry",
    source: "accounting",
    beneath_down: true,
    look,
};

/// A handful of full mailboxes always waits.
const SOME: f64 = 10.0;
const FEW: f64 = 5.0;
const MANY: f64 = 1_000.0;
const UNSEEN: &str = "no t record names who waits (are they logged? `records d,b,t,tq` in <acct-file>), and PowerMTA may not be asked";
/// What PowerMTA answered is not shown longer than that.
const STALE: Seconds = 900;
/// The last round through the queues.
const ROUND: &str = "queue-age/round";

/// A queue as the last round found it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Asked {
    queue: String,
    provider: String,
    recipients: f64,
    /// At least so old is somebody in it.
    oldest: f64,
    at: Seconds,
    bounce_after: f64,
    horizon: f64,
    /// It has errors and no connection: it fails as a whole, and no record names a recipient.
    stands: bool,
    /// Read off the web monitor's list of the queue, which may not show the oldest.
    #[serde(default)]
    listed: bool,
    /// At least so many expire soon, the first in so many seconds: where PowerMTA counted them.
    #[serde(default)]
    expiring: Option<(f64, f64)>,
}

/// What is known of a provider, or of one of its queues.
#[derive(Debug, Clone, Default)]
struct Known {
    oldest: f64,
    beyond: f64,
    seen: f64,
    expiring: f64,
    soonest: f64,
    /// PowerMTA counted some of those who expire: nobody leaves of them, and there may be more.
    counted: bool,
    bounce_after: f64,
    horizon: f64,
    source: Origin,
    /// The queue that the answer was about, and who waits there unseen by the records.
    unseen: Option<(String, f64)>,
}

/// Where an age is from; the metric's `probed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Origin {
    #[default]
    Records = 0,
    /// A question for the age: at least so old.
    Asked = 1,
    /// A list of the queue that may not show the oldest: at least so old.
    Listed = 2,
}

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    limits::Limits::learn(scene, memory);
    let known = gather(scene, &round(scene, memory));
    let waiting = scene.row("pmta_queues", "kind", "smtp").and_then(|row| number(row, "recipients"));
    // What was received just now has no age yet.
    if known.is_empty() && waiting.is_some_and(|waiting| waiting >= MANY) {
        report.cannot_see(UNSEEN);
    }
    for ((provider, queue), known) in &known {
        report.samples.push(
            Sample::new("pmta_queue_age")
                .tag("provider", provider.clone())
                .tag("queue", queue.clone())
                .float("oldest_seconds", known.oldest)
                .int("beyond_retry_recipients", known.beyond as i64)
                .int("expiring_recipients", known.expiring as i64)
                .int("probed", known.source as i64),
        );
        if queue.is_empty() {
            report.symptoms.push(aged(provider, known));
        }
    }
}

/// The last round's answers that still hold; a new round replaces them.
fn round(scene: &Scene<'_>, memory: &mut dyn Memory) -> Vec<Asked> {
    let fresh = || scene.rows(HIDDEN).filter(|row| tag(&row.tags, "class") == "waiting");
    if fresh().next().is_some() {
        let asked: Vec<Asked> = fresh().filter_map(asked).collect();
        match serde_json::to_vec(&asked) {
            Ok(text) if !asked.is_empty() => memory.put(ROUND, &text),
            _ => memory.remove(ROUND),
        }
        return asked;
    }
    let kept: Vec<Asked> =
        memory.get(ROUND).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    kept.into_iter().filter(|asked| scene.now - asked.at <= STALE).collect()
}

fn asked(row: &Sample) -> Option<Asked> {
    let limit = limits::Limit::default();
    Some(Asked {
        queue: tag(&row.tags, "queue").to_owned(),
        provider: tag(&row.tags, "provider").to_owned(),
        recipients: number(row, "recipients")?,
        oldest: number(row, "oldest")?,
        at: number(row, "asked")? as Seconds,
        bounce_after: number(row, "bounce_after").unwrap_or(limit.bounce_after as f64),
        horizon: number(row, "horizon").unwrap_or(limit.horizon as f64),
        stands: number(row, "stands") == Some(1.0),
        listed: number(row, "listed") == Some(1.0),
        expiring: number(row, "expiring").zip(number(row, "soonest")),
    })
}

impl Asked {
    fn origin(&self) -> Origin {
        if self.listed { Origin::Listed } else { Origin::Asked }
    }
}

/// By provider, and by provider and queue.
fn gather(scene: &Scene<'_>, round: &[Asked]) -> BTreeMap<(String, String), Known> {
    let mut known: BTreeMap<(String, String), Known> = BTreeMap::new();
    for row in scene.rows(HIDDEN).filter(|row| tag(&row.tags, "class") == "age") {
        let value = |field| number(row, field).unwrap_or(0.0);
        let key = (tag(&row.tags, "provider").to_owned(), tag(&row.tags, "queue").to_owned());
        let of_records = Known {
            oldest: value("oldest"),
            beyond: value("beyond"),
            seen: value("seen"),
            expiring: value("expiring"),
            soonest: value("soonest"),
            bounce_after: value("bounce_after"),
            horizon: value("horizon"),
            ..Known::default()
        };
        known.insert(key, of_records);
    }
    for asked in round {
        let blank = || Known {
            bounce_after: asked.bounce_after,
            horizon: asked.horizon,
            source: asked.origin(),
            ..Known::default()
        };
        for queue in [asked.queue.as_str(), ""] {
            let entry = known.entry((asked.provider.clone(), queue.to_owned())).or_insert_with(blank);
            if asked.oldest > entry.oldest {
                (entry.oldest, entry.source) = (asked.oldest, asked.origin());
            }
            let old = asked.oldest >= asked.horizon;
            // Somebody is: how many, a question with one row does not say.
            entry.beyond = entry.beyond.max(f64::from(u8::from(old)));
            let unseen = asked.stands && entry.seen * 2.0 < asked.recipients;
            if let Some((recipients, soonest)) = asked.expiring.filter(|(some, _)| unseen && *some > 0.0) {
                // Several queues of a provider may fail; the first of all of them decides.
                let first = if entry.expiring > 0.0 { entry.soonest.min(soonest) } else { soonest };
                (entry.expiring, entry.soonest, entry.counted) = (entry.expiring + recipients, first, true);
                entry.bounce_after = asked.bounce_after;
            }
            let larger = entry.unseen.as_ref().is_none_or(|(_, waiting)| asked.recipients > *waiting);
            if old && unseen && larger {
                entry.unseen = Some((asked.queue.clone(), asked.recipients));
                entry.bounce_after = asked.bounce_after;
            }
        }
    }
    known
}

fn aged(provider: &str, known: &Known) -> Symptom {
    let (unseen, waiting) = known.unseen.clone().unwrap_or_default();
    let (hours, limit) = (known.oldest / 3_600.0, known.horizon / 3_600.0);
    let near = known.oldest >= known.bounce_after - ages::AHEAD as f64;
    let many = known.beyond >= SOME || waiting >= SOME;
    let level = match (many, near) {
        (true, true) => Level::Bad(Severity::Critical),
        (true, false) => Level::Bad(Severity::Warning),
        _ if known.beyond >= FEW => Level::Between,
        _ => Level::Fine,
    };
    let asked =
        if known.source == Origin::Listed { "by the list of the queue" } else { "PowerMTA was asked" };
    let left = ((known.bounce_after - known.oldest) / 3_600.0).max(0.0);
    let message = if known.beyond >= SOME {
        format!(
            "[{provider}] {:.0} recipients wait for more than {limit:.0} hours, the oldest for {hours:.0} hours (read off its deferrals); the oldest expires in {left:.0} hours",
            known.beyond
        )
    } else {
        format!(
            "[{provider}] {unseen} fails as a whole: {waiting:.0} recipients wait, the oldest for at least {hours:.0} hours ({asked}); it expires in {left:.0} hours at the latest"
        )
    };
    // What fails as a whole is seen by a round once a minute.
    let hold = if known.beyond >= SOME { 0 } else { 120 };
    let symptom = Symptom::new("", level, hold, 600).measured(Unit::Seconds, None, known.oldest).told(
        message,
        "Look at this provider's refusals first (finding deferral-ratio); if the cause is gone, `pmta schedule D/V` tries now; raise bounce-after in its <domain> if the mail is worth more time.",
    );
    let recipients = Some(known.beyond.max(waiting) as i64);
    Symptom { provider: provider.to_owned(), recipients, ..symptom }
}
