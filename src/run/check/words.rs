//! The sentences of a check: a finding, a figure, a length of time. It decides no state.

use super::question::Question;
use crate::emit::nagios::{Range, sentence};
use crate::judge::checks::{Check, Figure, Reading};
use crate::record::{Finding, Seconds, Unit};

/// The finding's sentence; with -vv also what it rests on.
pub fn told(finding: &Finding, verbose: u8) -> String {
    let mut text = sentence(finding);
    if verbose > 1 {
        let shown = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), short);
        text = format!(
            "{text} [{} {}, was {}, now {}, n={}, confidence {}, id {}]",
            finding.state.name(),
            lasting((finding.changed - finding.began).max(0)),
            shown(finding.was),
            shown(finding.now),
            finding.n,
            finding.confidence.name(),
            finding.id
        );
    }
    text
}

/// A figure in a sentence; with the range that it left, also what to do.
pub fn figure(
    question: &Question,
    check: Check,
    figure: Figure,
    reading: Reading,
    left: Option<Range>,
) -> String {
    let bracket = question.scope.bracket();
    let n = reading.n.map_or_else(String::new, |n| format!(" (n={n})"));
    let Some(value) = reading.value else { return format!("{bracket}{}{n}", unknown(question, figure)) };
    let shown = match figure.unit() {
        _ if figure == Figure::Up => return "PowerMTA answers".to_owned(),
        Unit::Ratio => percent(value),
        Unit::Seconds if figure == Figure::Age => format!("{} ago", lasting(value as Seconds)),
        Unit::Seconds => format!("{} s", short(value)),
        Unit::Bytes => format!("{} MiB", short(value / 1_048_576.0)),
        _ => short(value),
    };
    let window =
        if reading.n.is_some() { format!(" in {}", lasting(question.window)) } else { String::new() };
    let least = if reading.at_least { "at least " } else { "" };
    let text = format!("{bracket}{} {least}{shown}{window}{n}", figure.words());
    match left {
        None => text,
        Some(range) => format!("{text}, range {range}. Action: {}", check.action),
    }
}

fn unknown(question: &Question, figure: Figure) -> String {
    match figure {
        Figure::Delay => "no deliveries lately".to_owned(),
        Figure::Spool | Figure::Connections(_) => "PowerMTA names no limit".to_owned(),
        _ if question.scope.vmta.is_some() => "nothing found".to_owned(),
        _ if figure.is_of_records() => format!("no attempts in {}", lasting(question.window)),
        _ => format!("{} not known", figure.words()),
    }
}

/// The problem and the first step of its fix; the other steps are in the lines below.
pub fn headline(text: &str) -> &str {
    const ACTION: &str = "Action: ";
    let steps = text.find(ACTION).map(|at| at + ACTION.len());
    let ends = steps.and_then(|at| {
        text.get(at..)?.find(". ").into_iter().chain(text.get(at..)?.find("; ")).min().map(|end| at + end)
    });
    ends.and_then(|end| text.get(..end)).unwrap_or(text)
}

pub fn percent(ratio: f64) -> String {
    format!("{} %", short(ratio * 100.0))
}

/// At most one digit behind the point.
fn short(value: f64) -> String {
    format!("{}", (value * 10.0).round() / 10.0)
}

pub fn lasting(seconds: Seconds) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headline_is_the_problem_and_the_first_step() {
        for (text, short) in [
            (
                "[X] spike: 1% -> 40%. Action: Wait; then halve it. See y",
                "[X] spike: 1% -> 40%. Action: Wait",
            ),
            ("[X] spike. Action: Do this. Then that", "[X] spike. Action: Do this"),
            ("nothing found; all quiet. Really", "nothing found; all quiet. Really"),
            ("x. Action: one step", "x. Action: one step"),
        ] {
            assert_eq!(headline(text), short);
        }
    }

    #[test]
    fn times_are_told_in_the_unit_one_thinks_in() {
        for (seconds, told) in [(42, "42 s"), (300, "5 min"), (7_300, "2 h"), (400_000, "4 days")] {
            assert_eq!(lasting(seconds), told);
        }
    }
}
