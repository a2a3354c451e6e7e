//! Limits of PowerMTA's own configuration that bind: the host, and no receiver, sets the pace. And
//! backoff that nothing will end. It knows limits only as the round through the queues names them.

use super::{Level, Report, Scene, Signal, Symptom, number, room};
use crate::record::{HIDDEN, Memory, Sample, Seconds, Severity, Unit, Value, tag};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const SIGNAL: Signal = Signal {
    name: "limits",
    about: "a limit of PowerMTA's configuration holds mail back",
    source: "queues",
    beneath_down: true,
    look,
};

/// A campaign's first minutes may touch every limit; what it still touches then sets the pace.
const HOLD: Seconds = 600;
const AT_LIMIT: f64 = 0.95;
const FINE: f64 = 0.80;
/// Fewer do not wait for a limit.
const SOME: f64 = 100.0;
const MANY: f64 = 1_000.0;
/// A rate limit is written into the queue's errors each time it is met.
const LATELY: f64 = 120.0;
const NOTE: &str = "limits";
const ENDLESS: &str = "endless-backoff";
const NOT_IN_FORCE: &str = "not-in-force";

/// Provider, VMTA, directive.
type Subject = (String, String, String);

/// Since when a limit binds, and how many waited then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Bound {
    subject: Subject,
    since: Seconds,
    waiting: f64,
}

/// A limit as one queue (or VMTA) meets it.
struct Met {
    level: Level,
    waiting: f64,
    now: f64,
    most: f64,
    /// What binds, for the sentence.
    words: String,
    /// How many messages a connection may carry, where connections are what binds.
    messages: Option<f64>,
}

fn look(scene: &Scene<'_>, memory: &mut dyn Memory, report: &mut Report) {
    let rows: Vec<&Sample> = scene.rows(HIDDEN).filter(|row| tag(&row.tags, "class") == "waiting").collect();
    // Between two rounds nothing is known anew; an empty round has no row, and only queues say so.
    let empty =
        scene.row("pmta_queues", "kind", "smtp").and_then(|row| number(row, "recipients")) == Some(0.0);
    if rows.is_empty() && !empty {
        return;
    }
    if !rows.is_empty() && rows.iter().all(|row| row.field("bounce_after").is_none()) {
        report
            .cannot_see("neither can PowerMTA's configuration be read nor PowerMTA be asked for its limits");
        return;
    }
    let kept = memory.get(NOTE);
    let before: Vec<Bound> =
        kept.as_deref().and_then(|text| serde_json::from_slice(text).ok()).unwrap_or_default();
    let met = gather(scene, &rows, report);
    let mut after: Vec<Bound> = Vec::new();
    for (subject, met) in &met {
        let known = before.iter().find(|bound| bound.subject == *subject);
        if matches!(met.level, Level::Bad(_)) || known.is_some() && met.level == Level::Between {
            let new = Bound { subject: subject.clone(), since: scene.now, waiting: met.waiting };
            after.push(known.cloned().unwrap_or(new));
        }
        report.symptoms.push(encouraged(scene, met, symptom(subject, met, after.last(), scene.now)));
    }
    // Whoever is not among the largest queues any more waits for no limit.
    for bound in before.iter().filter(|bound| !met.contains_key(&bound.subject)) {
        let (provider, vmta, reason) = bound.subject.clone();
        report.symptoms.push(Symptom { provider, vmta, ..Symptom::new(&reason, Level::Fine, HOLD, 0) });
    }
    match serde_json::to_vec(&after) {
        Ok(text) if !after.is_empty() => memory.put(NOTE, &text),
        _ if kept.is_some() => memory.remove(NOTE),
        _ => {}
    }
}

/// The worst of each subject, and each VMTA's own limit.
fn gather(scene: &Scene<'_>, rows: &[&Sample], report: &mut Report) -> BTreeMap<Subject, Met> {
    report.samples.extend(rows.iter().filter_map(|row| shown(row)));
    let met = rows.iter().flat_map(|row| of_queue(row)).chain(of_vmtas(scene, rows, report));
    let mut worst: BTreeMap<Subject, Met> = BTreeMap::new();
    let weight =
        |met: &Met| (matches!(met.level, Level::Bad(_)), met.level == Level::Between, met.waiting as i64);
    for (subject, met) in met {
        if worst.get(&subject).is_none_or(|known| weight(&met) > weight(known)) {
            worst.insert(subject, met);
        }
    }
    worst
}

/// What the files allow a queue, beside what PowerMTA says is in force.
fn shown(row: &Sample) -> Option<Sample> {
    let queue = tag(&row.tags, "queue");
    let (filed, forced) = (number(row, "filed_max_smtp_out"), number(row, "forced_max_smtp_out"));
    let sample = Sample::new("pmta_queue")
        .tag("provider", tag(&row.tags, "provider"))
        .tag("queue", queue)
        .tag("vmta", vmta_of(queue));
    let fields = [("connections_max", filed), ("connections_max_in_force", forced)];
    let known = fields.into_iter().filter_map(|(field, most)| Some((field, most?)));
    let sample = known.fold(sample, |sample, (field, most)| sample.int(field, most as i64));
    (!sample.fields.is_empty()).then_some(sample)
}

fn vmta_of(queue: &str) -> &str {
    queue.rsplit_once('/').map_or("", |(_, vmta)| vmta)
}

fn of_queue(row: &Sample) -> Vec<(Subject, Met)> {
    let (queue, value) = (tag(&row.tags, "queue"), |field| number(row, field));
    let (waiting, backoff) = (value("recipients").unwrap_or(0.0), value("backoff") == Some(1.0));
    let subject =
        |reason: &str| (tag(&row.tags, "provider").to_owned(), vmta_of(queue).to_owned(), reason.to_owned());
    let mut found = Vec::new();
    let now = value("connections").unwrap_or(0.0);
    if let Some(most) = value("max_smtp_out").filter(|_| value("paused") != Some(1.0)) {
        let reason = if backoff { "backoff-max-smtp-out" } else { "max-smtp-out" };
        let words = format!("{reason} of {queue} binds: {now:.0} connections of {most:.0}");
        found.push((
            subject(reason),
            Met {
                level: full(now, most, waiting),
                waiting,
                now,
                most,
                words,
                messages: value("max_msg_per_connection"),
            },
        ));
    }
    if let Some((reason, level)) = rate(row) {
        let level = if waiting < SOME { Level::Fine } else { level };
        let value = of_rates(row, reason).map(|value| format!(" {value}")).unwrap_or_default();
        let words = format!("{reason}{value} of {queue} binds");
        found.push((subject(reason), Met { level, waiting, now: waiting, most: 0.0, words, messages: None }));
    }
    let endless = backoff && value("endless") == Some(1.0) && waiting >= SOME;
    let level = if endless { Level::Bad(Severity::Warning) } else { Level::Fine };
    let words = queue.to_owned();
    found.push((subject(ENDLESS), Met { level, waiting, now: waiting, most: 0.0, words, messages: None }));
    let differs = match row.field("differs") {
        Some(Value::Text(differs)) => differs.as_str(),
        _ => "",
    };
    let level = if differs.is_empty() { Level::Fine } else { Level::Bad(Severity::Info) };
    let words = format!("{queue}: {differs}");
    found.push((
        subject(NOT_IN_FORCE),
        Met { level, waiting, now: waiting, most: 0.0, words, messages: None },
    ));
    found
}

/// What each VMTA's own limit allows all its queues together.
fn of_vmtas(scene: &Scene<'_>, rows: &[&Sample], report: &mut Report) -> Vec<(Subject, Met)> {
    let limit = |row: &&Sample| {
        Some((vmta_of(tag(&row.tags, "queue")).to_owned(), number(row, "vmta_max_smtp_out")?))
    };
    let limits: BTreeMap<String, f64> = rows.iter().filter_map(limit).collect();
    let mut found = Vec::new();
    for (vmta, most) in limits {
        let shown = Sample::new("pmta_vmta").tag("vmta", vmta.as_str());
        report.samples.push(shown.int("connections_max", most as i64));
        let Some(row) = scene.row("pmta_vmta", "vmta", &vmta) else { continue };
        let (Some(now), Some(waiting)) = (number(row, "connections"), number(row, "recipients")) else {
            continue;
        };
        let words = format!("max-smtp-out of VMTA {vmta} binds: {now:.0} connections of {most:.0}");
        let met = Met { level: full(now, most, waiting), waiting, now, most, words, messages: None };
        found.push(((String::new(), vmta, "vmta-max-smtp-out".to_owned()), met));
    }
    found
}

fn full(open: f64, most: f64, waiting: f64) -> Level {
    // 0 keeps a queue shut: that is a decision, and no pace.
    if most <= 0.0 || waiting < SOME {
        return Level::Fine;
    }
    match Level::above(open / most, FINE, AT_LIMIT, f64::INFINITY) {
        Level::Bad(_) => Level::Bad(Severity::Info),
        level => level,
    }
}

/// The rate limit that the queue met last, by PowerMTA's own words: `message rate limit reached
/// (based on queue's max-msg-rate in configuration)`, `connect rate limit reached`.
fn rate(row: &Sample) -> Option<(&'static str, Level)> {
    let Some(Value::Text(errors)) = row.field("text") else { return None };
    let newest = errors.split("; ").next().unwrap_or_default();
    let named = RATES.iter().find(|name| newest.contains(&format!(" {name} ")));
    let reason = match named {
        Some(name) => name,
        None if newest.contains("connect rate limit reached") => "max-connect-rate",
        None if newest.contains("message rate limit reached") => "max-msg-rate",
        None => return None,
    };
    let lately = number(row, "erred").is_some_and(|age| age <= LATELY);
    Some((reason, if lately { Level::Bad(Severity::Info) } else { Level::Fine }))
}

const RATES: &[&str] = &[
    "backoff-max-msg-rate",
    "max-msg-rate",
    "backoff-max-connect-rate",
    "max-connect-rate",
    "max-smtp-msg-rate",
    "source-ip-max-msg-rate",
    "source-ip-max-connect-rate",
];

/// Its value as the configuration has it: `max-msg-rate 400/h; max-connect-rate 10/m`.
fn of_rates<'a>(row: &'a Sample, name: &str) -> Option<&'a str> {
    let Some(Value::Text(rates)) = row.field("rates") else { return None };
    rates
        .split("; ")
        .filter_map(|rate| rate.split_once(' '))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// Where the provider takes all that it gets, the limit is a question to the operator.
fn encouraged(scene: &Scene<'_>, met: &Met, mut symptom: Symptom) -> Symptom {
    if symptom.reason != "max-smtp-out" || !matches!(met.level, Level::Bad(_)) {
        return symptom;
    }
    let held = room::Held { connections: met.now, max_smtp_out: met.most, messages: met.messages };
    let taken = room::taken(scene, &symptom.provider);
    if let Some((text, confidence)) = taken.and_then(|taken| room::advice(&symptom.provider, &taken, &held)) {
        (symptom.action, symptom.confidence) = (text, confidence);
    }
    symptom
}

fn symptom((provider, vmta, reason): &Subject, met: &Met, bound: Option<&Bound>, now: Seconds) -> Symptom {
    let named = if provider.is_empty() { String::new() } else { format!("[{provider}] ") };
    let waiting = met.waiting;
    let symptom = match reason.as_str() {
        ENDLESS => Symptom::new(reason, met.level, 0, 0).told(
            format!("{named}{} is in backoff mode and nothing ends it: neither backoff-to-normal-after nor a delivery, and {waiting:.0} recipients wait", met.words),
            format!("`pmta set queue --mode=normal {}` once the provider takes mail again; set backoff-to-normal-after in its <domain> (or in the smtp-pattern-list's reply lines).", met.words),
        ),
        NOT_IN_FORCE => Symptom::new(reason, met.level, HOLD, 0).told(
            format!("{named}What the files of PowerMTA's configuration say does not hold for {}", met.words),
            "If the files are meant, `pmta reload` (after `pmta test config`: a configuration with an error is not taken, and the old one stays); if not, put them back before the next restart takes them.",
        ),
        _ => binding(&named, reason, met, bound, now),
    };
    let (unit, was) = if met.most > 0.0 { (Unit::Count, Some(met.most)) } else { (Unit::Recipients, None) };
    let recipients = Some(waiting as i64);
    let symptom = symptom.measured(unit, was, met.now);
    Symptom { provider: provider.clone(), vmta: vmta.clone(), recipients, ..symptom }
}

fn binding(named: &str, reason: &str, met: &Met, bound: Option<&Bound>, now: Seconds) -> Symptom {
    let (since, at_first) = bound.map_or((now, met.waiting), |bound| (bound.since, bound.waiting));
    let (minutes, waiting) = ((now - since) / 60, met.waiting);
    // A backlog that shrinks at the limit is how a limit is meant to work.
    let level = match met.level {
        Level::Bad(_) if waiting >= MANY && waiting >= at_first && now > since => {
            Level::Bad(Severity::Warning)
        }
        level => level,
    };
    Symptom::new(reason, level, HOLD, 0).told(
        format!("{named}limit {} for {minutes} minutes while {waiting:.0} recipients wait ({at_first:.0} when it began)", met.words),
        "If the provider defers nothing, raise it in small steps (a <domain> of the VMTA overrides the pool's, that the server's; `pmta show settings D/V` shows what holds) or give the pool one more address; if it does defer, leave it: the limit is what keeps you accepted.",
    )
}
