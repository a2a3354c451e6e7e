//! From evidence to an answer: findings and ranges become a state, the problem leads, the fix
//! follows. It reads nothing and prints nothing.

use super::evidence::Evidence;
use super::question::{Question, unit};
use super::words;
use crate::emit::nagios::{Perf, Plugin, Range, Status, Uom, status};
use crate::judge::checks::{Check, Figure, Reading, Scope, checks};
use crate::record::{Finding, State, Unit, Value};
use crate::run::fates::Fate;

/// Totals that a graph wants from every run, with labels that never change.
const TOTALS: &[(&str, &str)] = &[
    ("delivered", "delivered_total"),
    ("deferred", "deferred_total"),
    ("queue_deferred", "queue_deferred_total"),
    ("bounced", "bounced_total"),
];

/// One check's part: its worst line first.
struct Part {
    name: &'static str,
    lines: Vec<(Status, String)>,
    perf: Vec<Perf>,
}

pub fn verdict(question: &Question, evidence: &Evidence) -> Plugin {
    let asks_for_age = question.check.is_some_and(|check| check.figure == Some(Figure::Age));
    if !asks_for_age && let Some(plugin) = stale(question, evidence) {
        return plugin;
    }
    let mut plugin = match question.check {
        Some(check) => one(question, evidence, check),
        None => all(question, evidence),
    };
    if question.verbose > 0 {
        let troubles = evidence.troubles.iter().map(|trouble| (Status::Unknown, trouble.clone()));
        plugin.lines.extend(troubles);
    }
    plugin
}

/// What is too old says nothing about now.
fn stale(question: &Question, evidence: &Evidence) -> Option<Plugin> {
    let why = evidence.troubles.first().map_or("is the host agent running?", String::as_str);
    let Some(at) = evidence.at else {
        return Some(Plugin::new(Status::Unknown, format!("nothing was ever collected: {why}")));
    };
    let age = evidence.now - at;
    if age <= question.stale {
        return None;
    }
    let mut plugin =
        Plugin::new(Status::Unknown, format!("stale: last collection {} ago: {why}", words::lasting(age)));
    plugin.perf = vec![Perf::new("age", Some(age as f64), Uom::Seconds).bounds(0.0, None)];
    Some(plugin)
}

fn one(question: &Question, evidence: &Evidence, check: Check) -> Plugin {
    let part = part(question, evidence, check, &question.scope);
    let mut plugin = lead(&part.lines);
    plugin.perf = part.perf;
    // Not twice what the first line says in full.
    let said = part.lines.first().is_some_and(|(_, text)| words::headline(text) == text);
    plugin.lines = part.lines.into_iter().skip(usize::from(said)).collect();
    plugin
}

fn all(question: &Question, evidence: &Evidence) -> Plugin {
    let everything = question.scope.is_everything();
    let asked = checks().into_iter().filter(|check| {
        let of_records = check.figure.is_none_or(Figure::is_of_records);
        let seen =
            evidence.fates.of(check.source) != Fate::Absent || evidence.gauges.at(check.source).is_some();
        !check.source.is_empty() && (of_records || everything && seen)
    });
    let parts: Vec<Part> = asked.map(|check| part(question, evidence, check, &question.scope)).collect();
    let mut lines: Vec<(Status, String)> = Vec::new();
    let mut named: Vec<(Status, String)> = Vec::new();
    for part in parts {
        named.extend(part.lines.iter().map(|(status, text)| (*status, format!("{}: {text}", part.name))));
        lines.extend(part.lines);
    }
    let worst_first = |line: &(Status, String)| std::cmp::Reverse(rank(line.0, &line.1));
    lines.sort_by_key(worst_first);
    named.sort_by_key(|(status, _)| std::cmp::Reverse(rank(*status, "")));
    let mut plugin = lead(&lines);
    let telling = lines.first().is_some_and(|(status, text)| rank(*status, text) > 0);
    if !telling {
        plugin.text = quiet(question, evidence);
    }
    plugin.lines = named;
    plugin.perf = summary(question, evidence);
    plugin
}

/// Suppressed comes before plain OK: silence must be seen.
fn rank(status: Status, text: &str) -> u8 {
    match status {
        Status::Critical => 4,
        Status::Warning => 3,
        Status::Unknown => 2,
        Status::Ok => u8::from(text.starts_with("suppressed")),
    }
}

/// The worst line, shortened, as the first one, with the number of others that tell something.
fn lead(lines: &[(Status, String)]) -> Plugin {
    let worst = lines.iter().fold(Status::Ok, |worst, (status, _)| worst.worst(*status));
    let Some((_, first)) = lines.first() else { return Plugin::new(worst, "nothing found") };
    let first = words::headline(first);
    let more = lines.iter().skip(1).filter(|(status, text)| rank(*status, text) > 0).count();
    if more == 0 {
        return Plugin::new(worst, first);
    }
    Plugin::new(worst, format!("{first} (and {more} more)"))
}

/// What there is to say when there is nothing to say.
fn quiet(question: &Question, evidence: &Evidence) -> String {
    let figures = evidence.figures(question.window);
    let deferrals = figures.read(Figure::Deferrals, &question.scope);
    let shown = deferrals
        .value
        .map_or_else(|| "no attempts".to_owned(), |ratio| format!("deferrals {}", words::percent(ratio)));
    let n = deferrals.n.unwrap_or(0);
    let elsewhere = match question.scope.except.as_slice() {
        [] => String::new(),
        names => format!(" ({} left out)", names.join(", ")),
    };
    format!(
        "{}nothing found{elsewhere}; {shown} in {} (n={n})",
        question.scope.bracket(),
        words::lasting(question.window)
    )
}

/// The findings of a check and its figure, worst first.
fn part(question: &Question, evidence: &Evidence, check: Check, scope: &Scope) -> Part {
    let mut lines: Vec<(Status, String)> = Vec::new();
    // Among all, each finding is told once, under its own name.
    let alone = question.check.is_some();
    let findings: Vec<&Finding> = evidence
        .findings
        .iter()
        .filter(|finding| if alone { check.holds(finding) } else { finding.finding == check.name })
        .filter(|finding| finding.state.is_open() && scope.holds(finding))
        .collect();
    let reading = check.figure.map(|figure| (figure, evidence.figures(question.window).read(figure, scope)));
    let (warning, critical) = ranges(question, check);
    let judged = reading.map(|(figure, reading)| {
        let value = reading.value.map(|value| in_units(value, figure));
        let status = value.map_or(Status::Ok, |value| Status::judge(value, warning, critical));
        (status, figure, reading)
    });
    for finding in findings {
        // With ranges they decide alone, and the finding is what explains them.
        let state = match judged {
            Some((ranged, ..)) if question.ranged => ranged,
            _ => status(finding),
        };
        lines.push((state, words::told(finding, question.verbose)));
    }
    // Among all, a source that is not to be read is told once, by the check that has its figure.
    let silent = question.check.is_none() && reading.is_none();
    let trouble = unseen(question, evidence, check, reading.map(|(_, reading)| reading));
    if let Some(trouble) = trouble.filter(|_| !silent) {
        lines.push(trouble);
    } else if let Some((ranged, figure, reading)) = judged {
        let explained = !lines.is_empty();
        if !explained || question.verbose > 0 {
            let left = match ranged {
                Status::Warning => warning,
                Status::Critical => critical,
                _ => None,
            };
            lines.push((ranged, words::figure(question, check, figure, reading, left)));
        }
    }
    lines.sort_by_key(|(status, text)| std::cmp::Reverse(rank(*status, text)));
    // A figure that was not seen now must not draw a flat line.
    let known = lines.first().is_none_or(|(status, _)| *status != Status::Unknown);
    let perf = reading
        .filter(|_| known)
        .map_or_else(Vec::new, |(figure, reading)| perf(figure, reading, warning, critical));
    Part { name: check.name, lines, perf }
}

/// The asked check's ranges, or another's own in `all`.
fn ranges(question: &Question, check: Check) -> (Option<Range>, Option<Range>) {
    if question.check.is_some() {
        return (question.warning, question.critical);
    }
    let own = |text: &str| Range::parse(text).ok().flatten();
    (own(check.warning), own(check.critical))
}

/// Why a figure says nothing: its source is down (critical), not ours to read, or not there.
fn unseen(
    question: &Question,
    evidence: &Evidence,
    check: Check,
    reading: Option<Reading>,
) -> Option<(Status, String)> {
    let fate = evidence.fates.of(check.source);
    let why = if let Fate::Trouble(why) = fate { why } else { "" };
    let up = evidence.figures(question.window).read(Figure::Up, &Scope::default());
    let seen = evidence.gauges.at(check.source);
    // A page of the last run only: what was down then may be ours no longer to see.
    let down = match check.source {
        "web" => up.down && seen == evidence.at,
        _ => reading.is_some_and(|reading| reading.down),
    };
    if down {
        let what = if check.source == "smtp" { "PowerMTA's SMTP port" } else { "PowerMTA" };
        let because = if why.is_empty() { String::new() } else { format!(": {why}") };
        return Some((
            Status::Critical,
            format!("{what} does not answer{because}. Action: {}", advice(check)),
        ));
    }
    if check.source.is_empty() {
        return evidence.at.is_none().then(|| (Status::Critical, "nothing was ever collected. Action: see whether the host agent runs, then pmta-vitals doctor".to_owned()));
    }
    let of_records = check.figure.is_none_or(Figure::is_of_records);
    let fresh = of_records || seen.is_some_and(|seen| evidence.now - seen <= question.stale);
    match fate {
        Fate::Trouble(why) if of_records || seen != evidence.at => Some((Status::Unknown, why.to_owned())),
        Fate::Absent if of_records || seen.is_none() => Some((
            Status::Unknown,
            format!("there is nothing to read for {} on this host (see pmta-vitals doctor)", check.name),
        )),
        _ if !fresh => {
            let age = seen.map_or_else(
                || "never".to_owned(),
                |seen| format!("{} ago", words::lasting(evidence.now - seen)),
            );
            Some((Status::Unknown, format!("stale: {} was last seen {age}", check.name)))
        }
        _ if check.figure.is_none() => {
            evidence.blind.get(check.name).map(|why| (Status::Unknown, why.clone()))
        }
        _ => None,
    }
}

fn advice(check: Check) -> &'static str {
    if check.source == "smtp" {
        "is the listener in smtp-listener, and is PowerMTA running?"
    } else {
        "start PowerMTA (systemctl start pmta), then read its log"
    }
}

fn perf(figure: Figure, reading: Reading, warning: Option<Range>, critical: Option<Range>) -> Vec<Perf> {
    let max = if figure.unit() == Unit::Ratio { Some(100.0) } else { None };
    let value = reading.value.map(|value| in_units(value, figure));
    let mut perf = vec![
        Perf::new(figure.label(), value, unit(figure.unit()).1)
            .thresholds(warning, critical)
            .bounds(0.0, max),
    ];
    if let Some(n) = reading.n {
        perf.push(Perf::new("n", Some(n as f64), Uom::None).bounds(0.0, None));
    }
    perf
}

/// Labels of `all`: the same on every run of the same question.
fn summary(question: &Question, evidence: &Evidence) -> Vec<Perf> {
    let open =
        evidence.findings.iter().filter(|finding| finding.state.is_open() && question.scope.holds(finding));
    let open: Vec<&Finding> = open.collect();
    let count = |wanted: Status| open.iter().filter(|finding| status(finding) == wanted).count() as f64;
    let suppressed = open.iter().filter(|finding| finding.state == State::Suppressed).count() as f64;
    let number = |label: &str, value: f64, uom| Perf::new(label, Some(value), uom).bounds(0.0, None);
    let mut items = vec![
        number("critical", count(Status::Critical), Uom::None),
        number("warning", count(Status::Warning), Uom::None),
        number("suppressed", suppressed, Uom::None),
    ];
    let figures = evidence.figures(question.window);
    for figure in [Figure::Deferrals, Figure::Bounces, Figure::Waiting] {
        let reading = figures.read(figure, &question.scope);
        items.extend(perf(figure, reading, None, None).into_iter().take(1));
    }
    let rows = evidence.totals.iter().filter(|row| row.measurement == "pmta_totals");
    for row in rows.filter(|_| question.scope.is_everything()) {
        for (label, field) in TOTALS {
            if let Some(Value::Int(total)) = row.field(field) {
                items.push(number(label, *total as f64, Uom::Counter));
            }
        }
    }
    items
}

/// Ranges and performance data take per cent, to the same digit as the words.
fn in_units(value: f64, figure: Figure) -> f64 {
    let digits = if figure.unit() == Unit::Seconds { 1_000.0 } else { 10.0 };
    let value = if figure.unit() == Unit::Ratio { value * 100.0 } else { value };
    (value * digits).round() / digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_that_was_decided_comes_before_plain_silence() {
        let lines = [(Status::Ok, "fine".to_owned()), (Status::Ok, "suppressed (rule): [GMX] x".to_owned())];
        let mut sorted = lines.to_vec();
        sorted.sort_by_key(|(status, text)| std::cmp::Reverse(rank(*status, text)));
        let plugin = lead(&sorted);
        assert_eq!((plugin.status, plugin.text.as_str()), (Status::Ok, "suppressed (rule): [GMX] x"));
    }
}
