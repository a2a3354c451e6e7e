//! Advice as text for a terminal, and as lines to mend everything. Pure: it prints and runs nothing.

use super::{Advice, Edit, State};

/// One paragraph for each thing, the worst last so that it is next to the prompt.
pub fn render(advice: &[Advice]) -> String {
    let mut sorted: Vec<&Advice> = advice.iter().collect();
    sorted.sort_by_key(|advice| advice.state);
    let mut out = String::new();
    for advice in sorted {
        out.push_str(&format!("{:<7} {}: {}\n", label(advice.state), advice.topic, one_line(&advice.found)));
        if !advice.mend.is_empty() {
            out.push_str(&format!("        mend: {}\n", one_line(&advice.mend)));
        }
        for edit in &advice.edits {
            out.push_str(&format!("        in {}, {}:\n", edit.file.display(), edit.place));
            for line in &edit.lines {
                out.push_str(&format!("            {}\n", one_line(line)));
            }
        }
        for command in &advice.commands {
            out.push_str(&format!("        $ {}\n", one_line(command)));
        }
    }
    let count = |state| advice.iter().filter(|advice| advice.state == state).count();
    let (bad, unknown) = (count(State::Bad), count(State::Unknown));
    out.push_str(&format!("{} looked at, {bad} bad, {unknown} unknown\n", advice.len()));
    out
}

/// Shell lines that mend what is bad or unknown, with the lines for configuration files as
/// comments: to be read, changed and run by the operator.
pub fn fix_commands(advice: &[Advice]) -> String {
    let mut out = String::from("#!/bin/sh\n# Read before running. Lines behind # are for the named files.\n");
    let (mut edits, mut commands): (Vec<&Edit>, Vec<&String>) = (Vec::new(), Vec::new());
    for advice in advice.iter().filter(|advice| advice.state >= State::Unknown) {
        let fresh_edits: Vec<&Edit> = advice.edits.iter().filter(|edit| !edits.contains(edit)).collect();
        let fresh_commands: Vec<&String> =
            advice.commands.iter().filter(|line| !commands.contains(line)).collect();
        if fresh_edits.is_empty() && fresh_commands.is_empty() {
            continue;
        }
        out.push_str(&format!("\n# {}: {}\n", advice.topic, one_line(&advice.found)));
        for edit in &fresh_edits {
            out.push_str(&format!("# in {}, {}:\n", edit.file.display(), edit.place));
            for line in &edit.lines {
                out.push_str(&format!("#     {}\n", one_line(line)));
            }
        }
        for command in &fresh_commands {
            out.push_str(&format!("{}\n", one_line(command)));
        }
        edits.extend(fresh_edits);
        commands.extend(fresh_commands);
    }
    if edits.is_empty() && commands.is_empty() {
        out.push_str("# Nothing to mend.\n");
    }
    out
}

fn label(state: State) -> &'static str {
    match state {
        State::Good => "good",
        State::Info => "info",
        State::Unknown => "unknown",
        State::Bad => "BAD",
    }
}

/// A file name may hold a line break, and a line of its own would be run.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
