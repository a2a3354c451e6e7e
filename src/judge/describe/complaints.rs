//! What is told of a day with too many complaints. It decides nothing.

use super::{Scene, domain, rounded};
use crate::judge::life::Case;
use crate::judge::theory::wilson;
use crate::judge::{advise, wording};
use crate::record::Confidence;

pub fn complaints(case: &mut Case, scene: &Scene<'_>) {
    let Some(day) = scene.complaints.day(&case.finding.provider) else { return };
    let named = scene.windows.provider(case.key).is_none_or(|row| row.named);
    let subject = wording::bracket(&case.finding.provider, named);
    let interval = wilson::interval(day.complaints, day.delivered, 1.959_964);
    let advice = advise::of_finding(&case.finding.finding);
    let scope = domain(&case.finding.provider);
    let finding = &mut case.finding;
    finding.message = wording::complaints(&subject, day.usual, day.ratio());
    finding.action = advice.map_or_else(String::new, |row| row.text(&scope));
    finding.confidence = advice.map_or(Confidence::Medium, |row| row.confidence);
    finding.was = day.usual.map(rounded);
    finding.now = Some(rounded(day.ratio()));
    (finding.ci_low, finding.ci_high) = (Some(rounded(interval.0)), Some(rounded(interval.1)));
    finding.n = i64::try_from(day.delivered).unwrap_or(i64::MAX);
}
