//! The only command lines this program ever gives to PowerMTA: they read, none of them acts.

/// A read command. There is no way to build a line from free text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    Status,
    TopQueues,
    Vmtas,
    Jobs,
    License,
    /// Not of every version.
    Memory,
    /// Is there a recipient in this queue older than that? One row answers it. Never with
    /// `--pause`, which interrupts deliveries.
    Older,
    /// How many are older than that: the same with more rows.
    HowManyOlder,
    /// What holds for a queue, as PowerMTA itself merged its configuration.
    Settings,
}

/// Words, and the options that take the arguments in their order; an empty one is the bare argument.
const TABLE: &[(Read, &[&str], &[&str])] = &[
    (Read::Status, &["show", "status"], &[]),
    (Read::TopQueues, &["show", "topqueues", "--errors"], &["--maxitems="]),
    (Read::Vmtas, &["show", "vmtas"], &["--maxitems="]),
    (Read::Jobs, &["show", "jobs"], &["--maxitems="]),
    (Read::License, &["show", "license"], &[]),
    (Read::Memory, &["show", "memory"], &[]),
    (Read::Older, &["list", "--maxitems=1"], &["--queue=", "--older-than="]),
    (Read::HowManyOlder, &["list", "--maxitems=1000"], &["--queue=", "--older-than="]),
    (Read::Settings, &["show", "settings"], &[""]),
];

/// A whole line, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(Vec<String>);

impl Line {
    /// `None` when an argument holds anything but `A-Z a-z 0-9 . _ / { } * @ -`, or there are more
    /// or fewer of them than the command takes.
    pub fn new(read: Read, arguments: &[&str]) -> Option<Line> {
        let (_, words, options) = TABLE.iter().find(|(known, ..)| *known == read)?;
        if options.len() != arguments.len() {
            return None;
        }
        let mut line: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        for (option, argument) in options.iter().zip(arguments) {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/{}*@-".contains(&byte);
            // A bare argument must not become an option.
            let option_like = option.is_empty() && argument.starts_with('-');
            if argument.is_empty() || option_like || !argument.bytes().all(plain) {
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
        for (read, words, options) in TABLE {
            assert!(matches!(words.first(), Some(&"show" | &"list")), "{read:?}");
            assert!(!words.iter().chain(*options).any(|word| word.contains("pause")));
        }
    }

    #[test]
    fn an_argument_cannot_become_a_command() {
        let text = |read, arguments: &[&str]| Line::new(read, arguments).map(|line| line.text());
        for (read, arguments, expected) in [
            (Read::TopQueues, &["100"][..], "show topqueues --errors --maxitems=100"),
            (Read::Status, &[], "show status"),
            (
                Read::Older,
                &["a.example/{default}", "24h"],
                "list --maxitems=1 --queue=a.example/{default} --older-than=24h",
            ),
            (Read::Settings, &["a.example/{default}"], "show settings a.example/{default}"),
        ] {
            assert_eq!(text(read, arguments).as_deref(), Some(expected));
        }
        for argument in ["", "1 --pause", "1;reload", "1\n", "$(id)", "`id`", "a=b", "ä"] {
            assert_eq!(Line::new(Read::Vmtas, &[argument]), None, "{argument}");
            assert_eq!(Line::new(Read::Older, &[argument, "24h"]), None, "{argument}");
        }
        assert_eq!(Line::new(Read::Settings, &["--pause"]), None);
        assert_eq!(Line::new(Read::Status, &["1"]), None, "it takes none");
        assert_eq!(Line::new(Read::Older, &["a/b"]), None, "it takes two");
    }
}
