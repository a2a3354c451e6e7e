//! A log's line as a sentence may hold it: short, plain, and without anybody's address or id. It
//! does not know which log.

const LONGEST: usize = 200;

/// What follows these words names a message or a person.
const NAMES: &[&str] = &[
    "rcpt",
    "recipient",
    "orig",
    "job",
    "jobid",
    "job-id",
    "envid",
    "envelope",
    "envelope-id",
    "message-id",
    "msgid",
    "id",
    "user",
    "login",
];

pub fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lower = text.to_ascii_lowercase();
    // A subject may hold anything, and ends with the line.
    let end = lower.find("subject").unwrap_or(text.len());
    let mut words: Vec<&str> = Vec::new();
    for word in text.get(..end).unwrap_or_default().split_whitespace() {
        if is_address(word) {
            // `"John Doe"@example.com`: its beginning is among the words before.
            if word.contains("\"@") && word.matches('"').count() % 2 == 1 {
                let open = words.iter().rposition(|before| before.contains('"'));
                words.truncate(open.unwrap_or(words.len()));
            }
            words.push("<address>");
        } else if words.last().is_some_and(|before| names_somebody(before)) && is_name(word) {
            words.push("<id>");
        } else if let Some((key, _)) =
            word.split_once(['=', ':']).filter(|(key, rest)| names_somebody(key) && !rest.is_empty())
        {
            words.push(key);
            words.push("<id>");
        } else {
            words.push(word);
        }
    }
    words.join(" ").chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// Also as it is written within other addresses: `bounce-user=example.com`, `user%40example.com`.
fn is_address(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let within = lower.split_once('=').is_some_and(|(before, domain)| {
        !before.starts_with('-') && before.contains(|c: char| c.is_alphanumeric()) && is_domain(domain)
    });
    word.contains('@') || ["%40", "=40", "&#64;"].iter().any(|at| lower.contains(at)) || within
}

fn is_domain(text: &str) -> bool {
    let text = text.trim_end_matches(|c: char| !c.is_alphanumeric());
    let plain = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
    text.rsplit_once('.').is_some_and(|(name, top)| {
        !name.is_empty() && top.len() >= 2 && top.chars().all(char::is_alphabetic) && text.chars().all(plain)
    })
}

fn names_somebody(word: &str) -> bool {
    // What was cut out already names nobody.
    if word.starts_with('<') {
        return false;
    }
    let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase();
    NAMES.contains(&word.as_str())
}

/// `job 12ab` names one, `from the disk` nobody: a name holds a digit, or a letter in the middle
/// that is none of a plain word's.
fn is_name(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    // A path, a host or a number of a line is what the reader needs.
    !bare.contains(['/', '.', ':']) && bare.len() > 3 && bare.contains(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_nobody() {
        for (line, expected) in [
            (
                "Startup error: Error in line 11 of /etc/pmta/config: argument missing",
                "Startup error: Error in line 11 of /etc/pmta/config: argument missing",
            ),
            (
                "Error writing to \"/opt/feed jane.doe@example.com\": full",
                "Error writing to \"/opt/feed <address> full",
            ),
            ("no space left for \"Jane Doe\"@example.com now", "no space left for <address> now"),
            ("disk full: bounce-jane=example.com", "disk full: <address>"),
            ("disk full: jane%40example.com x=40y", "disk full: <address> <address>"),
            (
                "disk full, job JoBid35589020763324 envid=abc1 jobid: 77ab9",
                "disk full, job <id> envid <id> jobid: <id>",
            ),
            ("disk full: message Subject: hello Jane", "disk full: message"),
            ("backoff of yahoo.com/vmta1 on 192.0.2.1", "backoff of yahoo.com/vmta1 on 192.0.2.1"),
            ("anon-rss=4kB\u{7} --size=5", "anon-rss=4kB --size=5"),
        ] {
            assert_eq!(shown(line.as_bytes()), expected);
        }
        assert_eq!(shown(&[b'x'; 900]).len(), LONGEST);
        assert_eq!(shown(b"\xff\xfe"), "\u{fffd}\u{fffd}");
    }
}
