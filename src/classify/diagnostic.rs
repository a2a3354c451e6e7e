//! Normalises an SMTP reply, so that the same reply to two recipients is one template. Knows no
//! rule and no provider.
//!
//! The text that comes out is all that rules may look at: an answer remembered for a template is
//! then right for every reply that has it. It never holds an address or a local part.

mod known;
mod token;
mod url;

#[cfg(test)]
mod tests;

use super::status::EnhancedStatus;
use token::Flags;

/// Longer replies are cut before anything looks at them.
pub const LONGEST_INPUT: usize = 64 * 1024;
/// What is kept of the normalised text; no server says anything new after this much.
pub const LONGEST_TEXT: usize = 8 * 1024;

/// One reply at a time, in buffers that are used again.
#[derive(Debug, Default)]
pub struct Diagnostic {
    text: Vec<u8>,
    repaired: String,
    /// The reply code, 0 when there is none.
    code: u16,
    status: Option<EnhancedStatus>,
    /// A blank is owed before the next word.
    gap: bool,
    /// The last word was one that a mailbox name may follow.
    names_mailbox: bool,
    /// The reply code was just repeated (a continuation line), so its status may be too.
    repeated: bool,
    /// Directly behind an opening bracket.
    opened: bool,
    /// Words of text so far, code and status not counted.
    words: u32,
}

impl Diagnostic {
    /// Reads one `dsnDiag`, with or without its `smtp;`.
    pub fn read(&mut self, raw: &[u8]) {
        let mut repaired = std::mem::take(&mut self.repaired);
        self.clear();
        let raw = raw.get(..LONGEST_INPUT).unwrap_or(raw).trim_ascii();
        let input = if raw.is_ascii() || std::str::from_utf8(raw).is_ok() {
            raw
        } else {
            repaired.clear();
            repaired.push_str(&String::from_utf8_lossy(raw));
            repaired.as_bytes()
        };
        let mut rest = without_type(input);
        while !rest.is_empty() && self.text.len() < LONGEST_TEXT {
            rest = self.step(rest);
        }
        self.repaired = repaired;
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The same, for those who need not know that it is UTF-8.
    pub fn bytes(&self) -> &[u8] {
        &self.text
    }

    pub fn code(&self) -> u16 {
        self.code
    }

    /// The first enhanced status that the reply's own text names.
    pub fn status(&self) -> Option<EnhancedStatus> {
        self.status
    }

    fn clear(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        *self = Diagnostic { text, ..Diagnostic::default() };
    }

    /// Consumes at least one byte and returns what is left.
    fn step<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let Some((first, tail)) = rest.split_first() else { return rest };
        match first {
            b' ' | b'\t' | b'\r' | b'\n' | 0..=8 | 11 | 12 | 14..=31 | 127 => {
                self.gap = true;
                tail
            }
            b'<' => self.angle(tail),
            b'"' => self.quoted(tail),
            b'(' | b'[' => {
                self.open(*first);
                tail
            }
            b')' | b']' | b',' | b';' => {
                self.close(*first);
                tail
            }
            b'>' => tail,
            _ => {
                if let Some(after) = self.plain_word(rest) {
                    return after;
                }
                let (length, flags) = token::measure(rest);
                let (word, after) = rest.split_at_checked(length.max(1)).unwrap_or((rest, &[]));
                self.word(word, flags, after);
                after
            }
        }
    }

    /// `<...>` holds an address, a bare local part, a host or an address of the web.
    fn angle<'a>(&mut self, tail: &'a [u8]) -> &'a [u8] {
        let within = tail.get(..token::LONGEST_NAME).unwrap_or(tail);
        let Some(end) = within.iter().position(|byte| matches!(byte, b'>' | b'<')) else { return tail };
        let (inside, after) = tail.split_at_checked(end).unwrap_or((tail, &[]));
        let Some(after) = after.strip_prefix(b">") else { return tail };
        let inside = inside.trim_ascii();
        if inside.is_empty() {
            self.put(b"<>");
        } else if inside.contains(&b'[') {
            self.put(token::HOST);
        } else if token::is_address_of_ip(inside) {
            self.put(token::IP);
        } else if is_sentence(inside) {
            return tail;
        } else {
            self.put(token::ADDRESS);
        }
        self.words += 1;
        after
    }

    /// A quote may open a quoted local part (`"first last"@host`) or a mailbox name.
    fn quoted<'a>(&mut self, tail: &'a [u8]) -> &'a [u8] {
        let within = tail.get(..token::LONGEST_NAME).unwrap_or(tail);
        let Some(end) = closing_quote(within) else { return tail };
        let after = tail.get(end + 1..).unwrap_or_default();
        if after.first() == Some(&b'@') {
            let (length, _) = token::measure(after);
            self.put(token::ADDRESS);
            return after.get(length..).unwrap_or_default();
        }
        if self.names_mailbox && !within.get(..end).unwrap_or_default().contains(&b' ') {
            self.put(token::ADDRESS);
            return after;
        }
        tail
    }

    /// What `word` does with letters alone where no name may stand, as most words are.
    fn plain_word<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let length = token::letters(rest);
        if length == 0 || length > token::LONGEST_WORD || self.names_mailbox || !token::ends_at(rest, length)
        {
            return None;
        }
        let (word, after) = rest.split_at_checked(length)?;
        self.put(&[]);
        let start = self.text.len();
        self.text.extend(word.iter().map(u8::to_ascii_lowercase));
        self.names_mailbox = self.text.get(start..).is_some_and(known::names_mailbox);
        (self.opened, self.repeated) = (false, false);
        self.words += 1;
        Some(after)
    }

    fn word(&mut self, word: &[u8], flags: Flags, after: &[u8]) {
        let opened = std::mem::take(&mut self.opened);
        let (core, tail) = token::trim(word);
        if core.is_empty() {
            self.gap = true;
            return;
        }
        let flags = if core.len() == word.len() { flags } else { token::measure_all(core) };
        let names_mailbox = std::mem::take(&mut self.names_mailbox);
        if !self.number_of_reply(core, flags, after) {
            if self.words == 0
                && (tail.starts_with(b":") || tail.starts_with(b".."))
                && token::is_unknown_word(core, flags)
            {
                self.put(token::ADDRESS);
            } else {
                token::write(self, core, flags, token::Place { names_mailbox, opened });
            }
            self.words += 1;
        }
        if let Some(mark @ (b'.' | b':')) = tail.last() {
            self.text.push(*mark);
        }
    }

    /// Reply code and enhanced status, and their repetition on continuation lines.
    fn number_of_reply(&mut self, core: &[u8], flags: Flags, after: &[u8]) -> bool {
        if let Some((code, rest)) = continued_code(core)
            && (self.text.is_empty() || code == self.code)
        {
            self.note_code(code);
            self.gap = true;
            if !rest.is_empty() {
                self.word(rest, token::measure_all(rest), after);
            }
            return true;
        }
        if flags.only_number() {
            let bare = core.strip_prefix(b"#").unwrap_or(core);
            if let Some(status) = EnhancedStatus::parse(bare) {
                let again = std::mem::take(&mut self.repeated) && self.status == Some(status);
                if self.status.is_none() && status.class != 2 {
                    self.status = Some(status);
                }
                if !again {
                    self.put(bare);
                }
                return true;
            }
            if let Some(code) = token::reply_code(core) {
                return self.bare_code(code, after);
            }
        }
        self.repeated = false;
        false
    }

    fn bare_code(&mut self, code: u16, after: &[u8]) -> bool {
        let leads = self.text.is_empty();
        let status_follows = matches!(after, [b' ' | b'-', b'2' | b'4' | b'5', b'.', ..]);
        let said = matches!(self.text.last(), Some(b':' | b'['));
        if leads || code == self.code || (self.code == 0 && (status_follows || said)) {
            self.note_code(code);
            return true;
        }
        false
    }

    fn note_code(&mut self, code: u16) {
        if self.code == code {
            self.repeated = true;
            return;
        }
        self.code = code;
        let mut digits = [0u8; 3];
        for (slot, power) in digits.iter_mut().zip([100, 10, 1]) {
            *slot = b'0' + u8::try_from(code / power % 10).unwrap_or_default();
        }
        self.put(&digits);
        self.gap = true;
    }

    /// Appends a word as it is, with the blank owed to it.
    fn put(&mut self, word: &[u8]) {
        if self.gap && !self.text.is_empty() {
            self.text.push(b' ');
        }
        self.gap = false;
        self.text.extend_from_slice(word);
    }

    fn open(&mut self, bracket: u8) {
        self.put(&[bracket]);
        self.opened = true;
    }

    fn close(&mut self, mark: u8) {
        self.gap = false;
        self.opened = false;
        if !self.text.is_empty() {
            self.text.push(mark);
        }
        self.gap = true;
    }
}

fn without_type(input: &[u8]) -> &[u8] {
    match input.split_at_checked(5) {
        Some((head, rest)) if head.eq_ignore_ascii_case(b"smtp;") => rest,
        _ => input,
    }
}

fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })
}

/// Angle brackets around an address of the web, a reply or plain words.
fn is_sentence(inside: &[u8]) -> bool {
    let words = inside.contains(&b' ') && !inside.contains(&b'@');
    words || url::looks_like(inside) || starts_with_code(inside)
}

fn starts_with_code(inside: &[u8]) -> bool {
    inside.get(..3).and_then(token::reply_code).is_some()
        && inside.get(3).is_some_and(|byte| matches!(byte, b' ' | b'-'))
}

/// `550-5.7.1` or `550-Message`: the code and what hangs on it.
fn continued_code(core: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = core.split_at_checked(3)?;
    Some((token::reply_code(digits)?, rest.strip_prefix(b"-")?))
}
