//! A whole document as one check: the worst finding leads, each finding has its line. It judges
//! nothing itself.

use super::super::document::{Document, number};
use super::{Perf, Plugin, Status, Uom};
use crate::record::{Finding, Severity, State};

/// Totals that a graph wants from every run, with labels that never change.
const TOTALS: &[(&str, &str)] = &[
    ("delivered", "delivered_total"),
    ("deferred", "deferred_total"),
    ("queue_deferred", "queue_deferred_total"),
    ("bounced", "bounced_total"),
];

/// All findings of a document, with the totals as performance data.
pub fn summary(document: &Document) -> Plugin {
    let open: Vec<&Finding> = document.findings.iter().filter(|finding| finding.state.is_open()).collect();
    let mut plugin = about(&open);
    plugin.perf = perf(document, &open);
    plugin
}

/// These findings as one check without performance data: the worst leads, and none is OK.
pub fn about(findings: &[&Finding]) -> Plugin {
    let mut lines: Vec<(Status, String)> =
        findings.iter().map(|finding| (status(finding), sentence(finding))).collect();
    lines.sort_by_key(|(status, _)| std::cmp::Reverse(status.code()));
    let worst = lines.iter().fold(Status::Ok, |worst, (status, _)| worst.worst(*status));
    let mut plugin = Plugin::new(worst, first_line(&lines));
    plugin.lines = lines;
    plugin
}

/// What a finding means to a host: a suppressed one is OK, and its line says why.
pub fn status(finding: &Finding) -> Status {
    match (finding.state, finding.severity) {
        (State::Firing, Severity::Critical) => Status::Critical,
        (State::Firing, Severity::Warning) => Status::Warning,
        _ => Status::Ok,
    }
}

/// The finding and what to do, with the word that explains silence.
pub fn sentence(finding: &Finding) -> String {
    let mut text = finding.message.clone();
    if finding.state == State::Suppressed {
        let by = finding.suppressed_by.as_deref().unwrap_or("known");
        text = format!("suppressed ({by}): {text}");
    }
    if !finding.action.is_empty() && !finding.message.contains(&finding.action) {
        text = format!("{}. Action: {}", text.trim_end_matches('.'), finding.action);
    }
    text
}

fn first_line(lines: &[(Status, String)]) -> String {
    let Some((_, first)) = lines.first() else { return "nothing found".to_owned() };
    match lines.len() - 1 {
        0 => first.clone(),
        more => format!("{first} (and {more} more)"),
    }
}

fn perf(document: &Document, open: &[&Finding]) -> Vec<Perf> {
    let count = |wanted: Status| open.iter().filter(|finding| status(finding) == wanted).count() as f64;
    let suppressed = open.iter().filter(|finding| finding.state == State::Suppressed).count() as f64;
    let mut perf = vec![
        Perf::new("critical", Some(count(Status::Critical)), Uom::None).bounds(0.0, None),
        Perf::new("warning", Some(count(Status::Warning)), Uom::None).bounds(0.0, None),
        Perf::new("suppressed", Some(suppressed), Uom::None).bounds(0.0, None),
    ];
    if let Some(row) = document.of("pmta_totals").next() {
        for (label, field) in TOTALS {
            let value = row.field(field).map(|_| number(row, field) as f64);
            perf.push(Perf::new(*label, value, Uom::Counter).bounds(0.0, None));
        }
    }
    perf
}
