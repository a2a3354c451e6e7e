//! Columns of text for a terminal. Knows not what stands in them.

/// Rows of the same width with two blanks between columns; those of `right` end flush. Control
/// characters become `?`: a reply must not steer somebody's terminal.
pub fn aligned<const N: usize>(rows: &[[String; N]], right: &[usize]) -> String {
    let clean = |text: &String| -> String {
        text.chars().map(|letter| if steers(letter) { '?' } else { letter }).collect()
    };
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(clean)).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
            let gap = " ".repeat(width - cell.chars().count());
            let (before, behind) = if right.contains(&at) { (gap.as_str(), "") } else { ("", gap.as_str()) };
            line.extend([before, cell, behind, "  "]);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Control characters, and those that turn the direction of writing.
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [["n", "text", "z"], ["12", "ä\u{1b}[2J", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows, &[0]), " n  text   z\n12  ä?[2J\n");
        assert_eq!(aligned::<2>(&[], &[]), "");
    }
}
