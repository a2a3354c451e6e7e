//! For people at a terminal: what is wrong and what to do first, then who got how much. Plain
//! ASCII but for the findings' own words.

use super::clean;
use super::document::{Document, label, number};
use super::nagios::status;
use super::stamp::rfc3339;
use crate::record::{Finding, Sample, State, Value};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A terminal of ordinary size.
const WIDTH: usize = 100;
const NARROWEST: usize = 40;
/// Rows of a table; the rest is added up in the last line.
const PROVIDERS: usize = 15;
const QUEUES: usize = 10;
const REASONS: usize = 2;

pub fn print(document: &Document) -> Vec<u8> {
    render(document, None)
}

/// The same for a terminal of that many columns.
pub fn render(document: &Document, width: Option<usize>) -> Vec<u8> {
    let width = width.unwrap_or(WIDTH).max(NARROWEST);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}", short(&headline(document), width));
    findings(&mut out, document, width);
    providers(&mut out, document, width);
    queues(&mut out, document, width);
    sources(&mut out, document, width);
    out.into_bytes()
}

fn headline(document: &Document) -> String {
    let time = rfc3339(document.now_ns);
    let host = if document.host.is_empty() { "this host" } else { &document.host };
    let state = match document.of("pmta").find_map(|row| row.field("up").map(|_| number(row, "up"))) {
        Some(0) => "PowerMTA does not answer",
        Some(_) => "PowerMTA answers",
        None => "PowerMTA was not asked",
    };
    format!("{host}, {} UTC: {state}", time.get(..19).unwrap_or(&time).replace('T', " "))
}

fn findings(out: &mut String, document: &Document, width: usize) {
    let open: Vec<&Finding> = document.findings.iter().filter(|finding| finding.state.is_open()).collect();
    if open.is_empty() {
        out.push_str("\nFINDINGS\n  none\n");
        return;
    }
    out.push_str("\nFINDINGS\n");
    for finding in open {
        let word = match finding.state {
            State::Suppressed => "suppressed",
            _ => status(finding).name(),
        };
        wrap(out, &format!("  {word:<10} "), &finding.message, width);
        if !finding.action.is_empty() && !finding.message.contains(&finding.action) {
            wrap(out, "             Do: ", &finding.action, width);
        }
        wrap(out, "             ", &evidence(document, finding), width);
    }
}

fn evidence(document: &Document, finding: &Finding) -> String {
    let now = document.now_ns.div_euclid(super::stamp::NS);
    let mut words = vec![
        format!("for {}", span(now.saturating_sub(finding.began))),
        format!("{} attempts", finding.n),
        format!("confidence {}", finding.confidence.name()),
    ];
    words.extend(finding.recipients.map(|count| format!("{count} recipients waiting")));
    words.extend(finding.suppressed_by.as_ref().map(|by| format!("suppressed by {by}")));
    words.join(", ")
}

#[derive(Default, Clone)]
struct Tally {
    delivered: i64,
    deferred: i64,
    queue_deferred: i64,
    bounced: i64,
    reasons: BTreeMap<String, i64>,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.delivered = self.delivered.saturating_add(other.delivered);
        self.deferred = self.deferred.saturating_add(other.deferred);
        self.queue_deferred = self.queue_deferred.saturating_add(other.queue_deferred);
        self.bounced = self.bounced.saturating_add(other.bounced);
        for (reason, count) in &other.reasons {
            let sum = self.reasons.entry(reason.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    fn busy(&self) -> i64 {
        self.delivered
            .saturating_add(self.deferred)
            .saturating_add(self.queue_deferred)
            .saturating_add(self.bounced)
    }

    /// The most frequent reasons with their counts.
    fn top(&self) -> String {
        let mut reasons: Vec<(&String, &i64)> =
            self.reasons.iter().filter(|(_, count)| **count > 0).collect();
        reasons.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
        let named: Vec<String> =
            reasons.iter().take(REASONS).map(|(name, count)| format!("{name} {count}")).collect();
        named.join(", ")
    }
}

fn providers(out: &mut String, document: &Document, width: usize) {
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    for row in document.of("pmta_recipients") {
        tallies.entry(label(row, "provider")).or_default().add(&Tally {
            delivered: number(row, "delivered_total"),
            deferred: number(row, "deferred_total"),
            queue_deferred: number(row, "queue_deferred_total"),
            bounced: number(row, "bounced_total"),
            reasons: BTreeMap::new(),
        });
    }
    for row in document.of("pmta_replies") {
        let reasons = BTreeMap::from([(label(row, "reason").to_owned(), number(row, "total"))]);
        tallies.entry(label(row, "provider")).or_default().add(&Tally { reasons, ..Tally::default() });
    }
    if tallies.is_empty() {
        return;
    }
    let mut sorted: Vec<(&str, Tally)> = tallies.into_iter().collect();
    sorted.sort_by_key(|(name, tally)| (std::cmp::Reverse(tally.busy()), *name));
    let mut table = vec![row(["PROVIDER", "DELIVERED", "DEFERRED", "WHOLE QUEUE", "BOUNCED", "TOP REASONS"])];
    table.extend(sorted.iter().take(PROVIDERS).map(|(name, tally)| tally_row(name, tally)));
    if sorted.len() > PROVIDERS {
        let mut rest = Tally::default();
        sorted.iter().skip(PROVIDERS).for_each(|(_, tally)| rest.add(tally));
        table.push(tally_row(&format!("{} more", sorted.len() - PROVIDERS), &rest));
    }
    print_table(out, &table, width);
}

fn tally_row(name: &str, tally: &Tally) -> Vec<String> {
    vec![
        if name.is_empty() { "-" } else { name }.to_owned(),
        tally.delivered.to_string(),
        tally.deferred.to_string(),
        tally.queue_deferred.to_string(),
        tally.bounced.to_string(),
        tally.top(),
    ]
}

fn queues(out: &mut String, document: &Document, width: usize) {
    let mut rows: Vec<&Sample> =
        document.of("pmta_queue").filter(|row| number(row, "recipients") > 0).collect();
    if rows.is_empty() {
        return;
    }
    rows.sort_by_key(|row| (std::cmp::Reverse(number(row, "recipients")), label(row, "queue")));
    let mut table = vec![row(["QUEUE", "WAITING", "CONNECTIONS", "BYTES", "PROVIDER", "MODE"])];
    table.extend(rows.iter().take(QUEUES).map(|row| {
        let mode = match (number(row, "paused"), number(row, "backoff")) {
            (0, 0) => "normal",
            (0, _) => "backoff",
            _ => "paused",
        };
        let number = |field| number(row, field).to_string();
        vec![
            label(row, "queue").to_owned(),
            number("recipients"),
            number("connections"),
            number("bytes"),
            label(row, "provider").to_owned(),
            mode.to_owned(),
        ]
    }));
    print_table(out, &table, width);
}

/// Which sources failed; all is well goes without a word.
fn sources(out: &mut String, document: &Document, width: usize) {
    let failed: Vec<&str> = document
        .of("pmta_collector")
        .filter(|row| matches!(row.field("up"), Some(Value::Int(0))))
        .map(|row| label(row, "source"))
        .filter(|source| !source.is_empty())
        .collect();
    if !failed.is_empty() {
        let words = format!("{} (ask: pmta-vitals doctor)", failed.join(", "));
        out.push('\n');
        wrap(out, "NOT READ: ", &words, width);
    }
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// Numbers to the right, words to the left, columns as wide as they need; the whole cut at `width`.
fn print_table(out: &mut String, rows: &[Vec<String>], width: usize) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |at: usize| {
        rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count().min(40)).max().unwrap_or(0)
    };
    let is_number = |at: usize| {
        let mut cells = rows.iter().skip(1).filter_map(|row| row.get(at)).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.parse::<i64>().is_ok())
    };
    let shape: Vec<(usize, bool)> = (0..columns).map(|at| (widest(at), is_number(at))).collect();
    out.push('\n');
    for row in rows {
        let mut line = String::new();
        for (cell, (wide, right)) in row.iter().zip(&shape) {
            let cell = short(cell, 40);
            let _ = if *right { write!(line, "{cell:>wide$}  ") } else { write!(line, "{cell:<wide$}  ") };
        }
        let _ = writeln!(out, "{}", short(line.trim_end(), width));
    }
}

/// Words under each other behind a head, none cut unless it is wider than the terminal.
fn wrap(out: &mut String, head: &str, text: &str, width: usize) {
    let indent = head.chars().count();
    let room = width.saturating_sub(indent).max(20);
    let mut line = String::new();
    let mut first = true;
    let mut flush = |line: &mut String| {
        let _ = if first { writeln!(out, "{head}{line}") } else { writeln!(out, "{:indent$}{line}", "") };
        first = false;
        line.clear();
    };
    for word in clean::text(text).split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            flush(&mut line);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&short(word, room));
    }
    flush(&mut line);
}

/// At most that many characters, the last two of them dots when something was cut.
fn short(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(2)).chain("..".chars()).collect()
}

/// A length of time in its largest fitting unit.
fn span(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_within_the_terminal() {
        let document = super::super::fixture::document();
        for width in [40, 60, 100] {
            let text = String::from_utf8(render(&document, Some(width))).unwrap();
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn the_worst_comes_first_with_what_to_do() {
        let text = String::from_utf8(print(&super::super::fixture::document())).unwrap();
        let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("no {words:?} in\n{text}"));
        assert!(at("CRITICAL") < at("Do: "));
        assert!(at("Do: ") < at("PROVIDER"));
        assert!(at("PROVIDER") < at("QUEUE  "));
        assert!(text.contains("rate-limited 40"), "{text}");
    }

    #[test]
    fn spans_use_the_largest_fitting_unit() {
        for (seconds, text) in
            [(-5, "0 s"), (90, "90 s"), (300, "5 min"), (7_200, "2 h"), (259_200, "3 days")]
        {
            assert_eq!(span(seconds), text);
        }
    }
}
