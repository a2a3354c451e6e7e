//! The only command lines this program ever gives to PowerMTA: they read, none of them acts.

/// A read command. There is no way to build a line from free text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    Status,
    TopQueues,
    Vmtas,
}

/// Words and the option that takes the argument.
const TABLE: &[(Read, &[&str], &str)] = &[
    (Read::Status, &["show", "status"], ""),
    (Read::TopQueues, &["show", "topqueues", "--errors"], "--maxitems="),
    (Read::Vmtas, &["show", "vmtas"], "--maxitems="),
];

/// A whole line, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(Vec<String>);

impl Line {
    /// `None` when the argument holds anything but `A-Z a-z 0-9 . _ / { } * @ -`, or the command
    /// takes none.
    pub fn new(read: Read, argument: Option<&str>) -> Option<Line> {
        let (_, words, option) = TABLE.iter().find(|(known, ..)| *known == read)?;
        let mut line: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        if let Some(argument) = argument {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/{}*@-".contains(&byte);
            if option.is_empty() || argument.is_empty() || !argument.bytes().all(plain) {
                return None;
            }
            line.push(format!("{option}{argument}"));
        }
        Some(Line(line))
    }

    pub fn words(&self) -> &[String] {
        &self.0
    }

    /// As `/command` takes it.
    pub fn text(&self) -> String {
        self.0.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_only_reads() {
        for (read, words, _) in TABLE {
            assert_eq!(words.first(), Some(&"show"), "{read:?}");
            assert!(!words.iter().any(|word| word.contains("pause")));
        }
    }

    #[test]
    fn an_argument_cannot_become_a_command() {
        assert_eq!(
            Line::new(Read::TopQueues, Some("100")).unwrap().text(),
            "show topqueues --errors --maxitems=100"
        );
        assert_eq!(Line::new(Read::Status, None).unwrap().text(), "show status");
        for argument in ["", "1 --pause", "1;reload", "1\n", "$(id)", "`id`", "a=b", "ä"] {
            assert_eq!(Line::new(Read::Vmtas, Some(argument)), None, "{argument}");
        }
        assert_eq!(Line::new(Read::Status, Some("1")), None, "it takes none");
    }
}
