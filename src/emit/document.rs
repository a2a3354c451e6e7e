//! What one run has to say, cleaned, sorted, without duplicates and capped, so that no format has
//! to think about it. It knows no format.

use super::catalogue::{self, Type};
use super::clean;
use super::stamp::{NS, nanoseconds};
use crate::record::{Event, Finding, Sample, State, Value, tag};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// How long a finding that is over is still shown, as `active=0`, in seconds.
const AFTERGLOW: i64 = 600;
/// Never cut, however long a document is.
const KEPT: &[&str] = &["pmta_collector", "pmta", "pmta_totals", "pmta_finding", "pmta_event"];

/// What a run has collected, in any order.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    pub now_ns: i64,
    /// The host's name; Telegraf and Prometheus set their own, Vector does not.
    pub host: String,
    /// Ours, not PowerMTA's.
    pub version: String,
    pub samples: Vec<Sample>,
    /// Open ones and those that ended a short while ago.
    pub findings: Vec<Finding>,
    /// What this consumer has to be told.
    pub events: Vec<Event>,
    /// `[limits] lines`: rows at most, counted as lines of line protocol. 0 leaves only what is
    /// never cut: collector, PowerMTA, totals, findings and events.
    pub lines: usize,
}

/// The same, ready to print.
#[derive(Debug, Clone)]
pub struct Document {
    pub(super) now_ns: i64,
    pub(super) host: String,
    pub(super) version: String,
    /// Metrics, `pmta_finding` among them: by measurement in the catalogue's order, then by tags.
    pub(super) rows: Vec<Sample>,
    /// `pmta_event`, oldest first, each with a time of its own.
    pub(super) event_rows: Vec<Sample>,
    /// Worst first.
    pub(super) findings: Vec<Finding>,
    pub(super) events: Vec<Event>,
}

impl Document {
    pub fn new(gathered: Gathered) -> Document {
        let findings = shown(gathered.findings, gathered.now_ns.div_euclid(NS));
        let events = told(gathered.events);
        let mut rows: Vec<Ranked> = gathered.samples.into_iter().filter(is_metric).filter_map(row).collect();
        rows.extend(findings.iter().filter_map(|finding| row(finding_row(finding, gathered.now_ns))));
        rows.push(Ranked::of(Sample::new("pmta_collector")));
        let mut rows = merged(rows);
        let truncated = cap(&mut rows, gathered.lines);
        mark(&mut rows, truncated);
        Document {
            now_ns: gathered.now_ns,
            host: clean::tag(&gathered.host),
            version: clean::tag(&gathered.version),
            event_rows: event_rows(&events),
            rows,
            findings,
            events,
        }
    }

    /// How many rows a host will get.
    pub fn len(&self) -> usize {
        self.rows.len() + self.event_rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The rows of one measurement.
    pub(super) fn of<'a>(&'a self, measurement: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.rows.iter().filter(move |row| row.measurement == measurement)
    }
}

/// A row with its measurement's place in the catalogue, looked up once.
struct Ranked {
    rank: usize,
    row: Sample,
}

impl Ranked {
    fn of(row: Sample) -> Ranked {
        Ranked { rank: catalogue::rank(row.measurement), row }
    }

    /// By place, measurement and tags. Rows of one kind share the words of this program itself:
    /// mostly the values alone have to be looked at.
    fn by_series(&self, other: &Ranked) -> Ordering {
        let (one, two) = (&self.row, &other.row);
        let places = self.rank.cmp(&other.rank);
        places.then_with(|| by_word(one.measurement, two.measurement)).then_with(|| {
            let pairs = one.tags.iter().zip(&two.tags);
            let mut tags = pairs.map(|(a, b)| by_word(a.0, b.0).then_with(|| a.1.cmp(&b.1)));
            tags.find(|order| order.is_ne()).unwrap_or_else(|| one.tags.len().cmp(&two.tags.len()))
        })
    }
}

fn by_word(one: &'static str, two: &'static str) -> Ordering {
    if std::ptr::eq(one, two) { Ordering::Equal } else { one.cmp(two) }
}

/// Events have a list of their own.
fn is_metric(sample: &Sample) -> bool {
    sample.measurement != "pmta_event"
}

/// A row that every format can print, or nothing when nothing is left of it.
fn row(sample: Sample) -> Option<Ranked> {
    let Ranked { rank, mut row } = Ranked::of(sample);
    for (_, value) in &mut row.tags {
        clean::tag_in_place(value);
    }
    row.tags.retain(|(_, value)| !value.is_empty());
    row.tags.sort();
    row.tags.dedup_by_key(|(name, _)| *name);
    let mut types = catalogue::Types::of(rank);
    row.fields = std::mem::take(&mut row.fields)
        .into_iter()
        .filter_map(|(name, value)| Some((name, typed(types.of_field(name), value)?)))
        .collect();
    (!row.fields.is_empty()).then_some(Ranked { rank, row })
}

/// A field has one type for ever, whatever a source hands over: a store that has once seen a
/// float refuses integers, with the whole line.
fn typed(wanted: Type, value: Value) -> Option<Value> {
    match (wanted, clean::value(value)?) {
        (Type::Float, Value::Int(number) | Value::Growing(number)) => {
            clean::float(number as f64).map(Value::Float)
        }
        (Type::Int, Value::Float(number)) => clean::rounded(number).map(Value::Int),
        (Type::Text, Value::Text(words)) => Some(Value::Text(words)),
        (Type::Text, _) | (_, Value::Text(_)) => None,
        (_, number) => Some(number),
    }
}

/// Sorted, and rows of one series made one: the first to name a field is believed.
fn merged(mut rows: Vec<Ranked>) -> Vec<Sample> {
    rows.sort_by(Ranked::by_series);
    rows.dedup_by(|next, kept| {
        let same = next.by_series(kept).is_eq();
        // A finding that began again must not inherit what was known of the one before.
        if same && next.row.measurement != "pmta_finding" {
            kept.row.fields.append(&mut next.row.fields);
        }
        same
    });
    let mut rows: Vec<Sample> = rows.into_iter().map(|ranked| ranked.row).collect();
    for row in &mut rows {
        row.fields.sort_by_key(|(name, _)| *name);
        row.fields.dedup_by_key(|(name, _)| *name);
        row.at_ns = None;
    }
    rows
}

/// Cuts from the end, the least important measurement first. The same rows go in every run, so
/// that no series comes and goes. Returns whether any went.
fn cap(rows: &mut Vec<Sample>, lines: usize) -> bool {
    let kept = rows.iter().filter(|row| KEPT.contains(&row.measurement)).count();
    let mut left = lines.saturating_sub(kept);
    let before = rows.len();
    rows.retain(|row| {
        let keep = KEPT.contains(&row.measurement) || left > 0;
        if keep && !KEPT.contains(&row.measurement) {
            left -= 1;
        }
        keep
    });
    rows.len() < before
}

fn mark(rows: &mut [Sample], truncated: bool) {
    let own = rows.iter_mut().find(|row| row.measurement == "pmta_collector" && row.tags.is_empty());
    if let Some(row) = own {
        row.fields.retain(|(name, _)| *name != "truncated");
        row.fields.push(("truncated", Value::Int(i64::from(truncated))));
        row.fields.sort_by_key(|(name, _)| *name);
    }
}

/// Findings that hosts see on every run: open ones, and for a while those that ended.
fn shown(findings: Vec<Finding>, now: i64) -> Vec<Finding> {
    let mut shown: Vec<Finding> = findings
        .into_iter()
        .filter(|finding| {
            finding.state.is_open()
                || (finding.state == State::Resolved && now.saturating_sub(finding.changed) <= AFTERGLOW)
        })
        .collect();
    shown.iter_mut().for_each(clean::finding);
    shown.sort_by(|a, b| rank(a).cmp(&rank(b)));
    shown
}

/// Firing before suppressed before over, then the worst, then by subject.
fn rank(finding: &Finding) -> impl Ord + '_ {
    let state = match finding.state {
        State::Firing => 0,
        State::Suppressed => 1,
        _ => 2,
    };
    let subject = (&finding.provider, &finding.vmta, &finding.finding, &finding.reason);
    (state, std::cmp::Reverse(finding.severity), subject, std::cmp::Reverse(finding.changed), &finding.id)
}

fn finding_row(finding: &Finding, now_ns: i64) -> Sample {
    let until = if finding.state.is_open() { now_ns.div_euclid(NS) } else { finding.changed };
    let mut row = Sample::new("pmta_finding")
        .tag("finding", finding.finding.as_str())
        .tag("provider", finding.provider.as_str())
        .tag("reason", finding.reason.as_str())
        .tag("severity", finding.worst.max(finding.severity).name())
        .tag("vmta", finding.vmta.as_str())
        .int("active", i64::from(finding.state == State::Firing))
        .int("suppressed", i64::from(finding.state == State::Suppressed))
        .int("n", finding.n)
        .float("since_seconds", until.saturating_sub(finding.began).max(0) as f64);
    row.fields.extend(finding.recipients.map(|count| ("recipients", Value::Int(count))));
    row.fields.extend(finding.was.map(|was| ("was", Value::Float(was))));
    row.fields.extend(finding.now.map(|now| ("now", Value::Float(now))));
    row
}

/// Events by time, each id once.
fn told(mut events: Vec<Event>) -> Vec<Event> {
    for event in &mut events {
        event.id = clean::text(&event.id);
        clean::finding(&mut event.finding);
    }
    events.sort_by(|a, b| (a.time, a.seq, &a.id).cmp(&(b.time, b.seq, &b.id)));
    let mut ids = BTreeSet::new();
    events.retain(|event| ids.insert(event.id.clone()));
    events
}

/// Stores keep one point per series and time: within a second the ledger's own number of the event
/// tells them apart, and is the same whenever the event is repeated.
fn event_rows(events: &[Event]) -> Vec<Sample> {
    let mut taken = BTreeSet::new();
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        let Some(Ranked { mut row, .. }) = row(event_row(event)) else { continue };
        let mut at = nanoseconds(event.time).saturating_add(event.seq.rem_euclid(NS));
        while !taken.insert((row.tags.clone(), at)) {
            at = at.checked_add(1).unwrap_or(i64::MIN);
        }
        row.at_ns = Some(at);
        row.fields.sort_by_key(|(name, _)| *name);
        rows.push(row);
    }
    rows
}

fn event_row(event: &Event) -> Sample {
    let finding = &event.finding;
    let mut row = Sample::new("pmta_event")
        .tag("event", finding.finding.as_str())
        .tag("provider", finding.provider.as_str())
        .tag("severity", finding.severity.name())
        .tag("state", finding.state.name())
        .tag("vmta", finding.vmta.as_str())
        .text("action", finding.action.as_str())
        .text("confidence", finding.confidence.name())
        .text("event_id", event.id.as_str())
        .text("message", finding.message.as_str())
        .int("n", finding.n)
        .text("reason", finding.reason.as_str())
        .text("routing", finding.routing.as_str());
    row.fields.extend(finding.was.map(|was| ("was", Value::Float(was))));
    row.fields.extend(finding.now.map(|now| ("now", Value::Float(now))));
    row
}

/// A whole number of a row, 0 when it is not there.
pub(super) fn number(row: &Sample, field: &str) -> i64 {
    match row.field(field) {
        Some(Value::Int(number) | Value::Growing(number)) => *number,
        Some(Value::Float(number)) => clean::rounded(*number).unwrap_or(0),
        _ => 0,
    }
}

/// The value of a row's tag, empty when it has none.
pub(super) fn label<'a>(row: &'a Sample, name: &str) -> &'a str {
    tag(&row.tags, name)
}
