//! One line of PowerMTA's configuration: comment off, words apart, quotes undone. Pure; it knows
//! no directive's meaning.

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Empty,
    /// `<tag arg>`
    Open {
        tag: String,
        arg: String,
    },
    /// `</tag>`
    Close {
        tag: String,
    },
    Directive(Directive<'a>),
    /// It begins with `<` and has no `>`.
    Broken,
}

/// `name value...`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive<'a> {
    pub(super) name: String,
    /// Everything behind the name, as written: patterns may hold blanks and quotes.
    pub(super) raw: &'a str,
}

impl Directive<'_> {
    /// The words of the value, without their quotes.
    pub(super) fn words(&self) -> Vec<String> {
        words(self.raw)
    }

    /// The value as one text: a single quoted word, or all words with one blank between.
    pub(super) fn value(&self) -> String {
        words(self.raw).join(" ")
    }
}

/// Longer lines than this are not configuration.
pub(super) const LONGEST_LINE: usize = 256 << 10;

pub(super) fn read_line(line: &str) -> Line<'_> {
    let line = without_comment(line).trim();
    if line.is_empty() {
        return Line::Empty;
    }
    if let Some(rest) = line.strip_prefix('<') {
        return group(rest);
    }
    let (name, raw) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    Line::Directive(Directive { name: name.to_ascii_lowercase(), raw: raw.trim() })
}

fn group(rest: &str) -> Line<'_> {
    let Some((inside, _)) = rest.rsplit_once('>') else { return Line::Broken };
    if let Some(tag) = inside.trim_start().strip_prefix('/') {
        return Line::Close { tag: tag.trim().to_ascii_lowercase() };
    }
    let (tag, arg) = inside.trim().split_once(char::is_whitespace).unwrap_or((inside.trim(), ""));
    // A name may be quoted; a command behind `|` keeps its own quotes.
    let arg = arg.trim();
    let arg = if arg.starts_with('"') { words(arg).join(" ") } else { arg.to_owned() };
    Line::Open { tag: tag.to_ascii_lowercase(), arg }
}

/// A `#` begins a comment wherever it is not between quotes. In a pattern it does so even there:
/// PowerMTA wants `\x23` for it.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, letter) in line.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '#' if !quoted || !line.get(at..).is_some_and(|rest| rest.contains('"')) => {
                return line.get(..at).unwrap_or(line);
            }
            _ => {}
        }
    }
    line
}

/// Words apart at blanks; a quoted word keeps its blanks, `\"` in it is a quote. A quote that is
/// never closed runs to the end of the line.
pub(super) fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if quoted && letters.peek() == Some(&'"') => word.extend(letters.next()),
            '"' => (quoted, begun) = (!quoted, true),
            _ if letter.is_whitespace() && !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => {
                word.push(letter);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directive<'a>(name: &str, raw: &'a str) -> Line<'a> {
        Line::Directive(Directive { name: name.to_owned(), raw })
    }

    fn open(tag: &str, arg: &str) -> Line<'static> {
        Line::Open { tag: tag.to_owned(), arg: arg.to_owned() }
    }

    #[test]
    fn every_kind_of_line() {
        let cases: Vec<(&str, Line<'_>)> = vec![
            ("", Line::Empty),
            ("   # only a comment", Line::Empty),
            ("http-mgmt-port 8080  # web\r", directive("http-mgmt-port", "8080")),
            ("Log-File\t/var/log/pmta/log", directive("log-file", "/var/log/pmta/log")),
            ("sync", directive("sync", "")),
            ("postmaster \"a # b\" # c", directive("postmaster", "\"a # b\"")),
            ("postmaster \"never closed # b", directive("postmaster", "\"never closed")),
            ("reply /say \\x23/ mode=backoff # x", directive("reply", "/say \\x23/ mode=backoff")),
            ("<acct-file /var/log/pmta/acct.csv>", open("acct-file", "/var/log/pmta/acct.csv")),
            ("  < Domain  *.example.com > # x", open("domain", "*.example.com")),
            ("<virtual-mta \"mta one\">", open("virtual-mta", "mta one")),
            ("<acct-file |/bin/sh -c \"x > y\">", open("acct-file", "|/bin/sh -c \"x > y\"")),
            ("<mx-rollup-list>", open("mx-rollup-list", "")),
            ("</Domain>", Line::Close { tag: "domain".to_owned() }),
            ("</ domain >", Line::Close { tag: "domain".to_owned() }),
            ("<domain x", Line::Broken),
            ("<", Line::Broken),
            ("<>", open("", "")),
        ];
        for (text, expected) in cases {
            assert_eq!(read_line(text), expected, "{text}");
        }
    }

    #[test]
    fn words_keep_what_is_quoted() {
        for (text, expected) in [
            ("a  b\tc", vec!["a", "b", "c"]),
            ("\"a b\" c", vec!["a b", "c"]),
            ("\"\"", vec![""]),
            ("\"a \\\" b\"", vec!["a \" b"]),
            ("\"open end", vec!["open end"]),
            ("C:\\pmta\\log", vec!["C:\\pmta\\log"]),
            ("", vec![]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }
}
