//! One word of a reply: what kind of thing it is, and what of it may be kept. Knows no sentence.

use super::{Diagnostic, known, url};
use std::net::Ipv6Addr;

pub const ADDRESS: &[u8] = b"<addr>";
pub const HOST: &[u8] = b"<host>";
pub const IP: &[u8] = b"<ip>";
pub const ID: &[u8] = b"<id>";
pub const NUMBER: &[u8] = b"<n>";
pub const TIME: &[u8] = b"<time>";
pub const PATH: &[u8] = b"<path>";

/// Longest thing in quotes or angle brackets that is looked at as a name.
pub const LONGEST_NAME: usize = 512;
pub const LONGEST_WORD: usize = 40;

/// Which kinds of byte occur in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u16);

const LETTER: u16 = 1;
const DIGIT: u16 = 2;
const AT: u16 = 4;
const DOT: u16 = 8;
const COLON: u16 = 16;
const SLASH: u16 = 32;
const EQUALS: u16 = 64;
const PERCENT: u16 = 128;
const BANG: u16 = 256;
const HIGH: u16 = 512;
const DASH: u16 = 1024;
const UNDERSCORE: u16 = 2048;
const OTHER: u16 = 4096;
const END: u16 = 8192;

impl Flags {
    fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }

    fn only(self, flags: u16) -> bool {
        self.0 & !flags == 0
    }

    /// Digits, dots and the `#` that some servers put before a status.
    pub fn only_number(self) -> bool {
        self.has(DIGIT) && self.only(DIGIT | DOT | OTHER)
    }
}

/// Where in the sentence the word stands.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Behind a word such as `user`, that a mailbox name may follow.
    pub names_mailbox: bool,
    /// Directly behind an opening bracket.
    pub opened: bool,
}

const fn flag_of(byte: u8) -> u16 {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' => LETTER,
        b'0'..=b'9' => DIGIT,
        b'@' => AT,
        b'.' => DOT,
        b':' => COLON,
        b'/' => SLASH,
        b'=' => EQUALS,
        b'%' => PERCENT,
        b'!' => BANG,
        b'-' | b'\'' => DASH,
        b'_' => UNDERSCORE,
        128..=255 => HIGH,
        0..=32 | 127 | b'<' | b'>' | b'(' | b')' | b'[' | b']' | b',' | b';' | b'"' => END,
        _ => OTHER,
    }
}

static KINDS: [u16; 256] = kinds();

const fn kinds() -> [u16; 256] {
    let mut table = [0; 256];
    let mut rest: &mut [u16] = &mut table;
    let mut byte = 0u8;
    while let Some((slot, tail)) = rest.split_first_mut() {
        *slot = flag_of(byte);
        byte = byte.wrapping_add(1);
        rest = tail;
    }
    table
}

fn kind_of(byte: u8) -> u16 {
    KINDS.get(usize::from(byte)).copied().unwrap_or(END)
}

/// Length and kinds of the word that `rest` begins with.
pub fn measure(rest: &[u8]) -> (usize, Flags) {
    let mut flags = 0;
    for (length, byte) in rest.iter().enumerate() {
        let flag = kind_of(*byte);
        if flag == END {
            return (length, Flags(flags));
        }
        flags |= flag;
    }
    (rest.len(), Flags(flags))
}

/// How many letters stand in front.
pub fn letters(rest: &[u8]) -> usize {
    rest.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len())
}

/// Whether a word that begins with `rest` ends after `length` bytes.
pub fn ends_at(rest: &[u8], length: usize) -> bool {
    rest.get(length).is_none_or(|byte| kind_of(*byte) == END)
}

pub fn measure_all(word: &[u8]) -> Flags {
    Flags(word.iter().fold(0, |flags, byte| flags | kind_of(*byte)))
}

/// The word without the punctuation around it, and the punctuation behind it.
pub fn trim(word: &[u8]) -> (&[u8], &[u8]) {
    let clean = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    if clean(word.first()) && clean(word.last()) {
        return (word, &[]);
    }
    let leading =
        |byte: &&u8| matches!(byte, b'\'' | b'`' | b'-' | b':' | b'.' | b'!' | b'*' | b'~' | b'=' | b'|');
    let trailing = |byte: &&u8| matches!(byte, b'\'' | b'`' | b'-' | b':' | b'.' | b'!' | b'?' | b'*' | b'|');
    let start = word.iter().take_while(leading).count();
    let word = word.get(start..).unwrap_or_default();
    let end = word.len() - word.iter().rev().take_while(trailing).count();
    word.split_at_checked(end).unwrap_or((word, &[]))
}

/// A three-digit SMTP reply code.
pub fn reply_code(word: &[u8]) -> Option<u16> {
    match word {
        [first @ b'2'..=b'5', second @ b'0'..=b'9', third @ b'0'..=b'9'] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            Some(digit(first) * 100 + digit(second) * 10 + digit(third))
        }
        _ => None,
    }
}

/// A plain word that no server uses in its sentences: a name, most likely.
pub fn is_unknown_word(core: &[u8], flags: Flags) -> bool {
    flags.only(LETTER | DASH | UNDERSCORE | DIGIT) && !known::is_common(core) && !known::is_code_family(core)
}

/// Writes the word, or the mask that stands for it.
pub fn write(out: &mut Diagnostic, core: &[u8], flags: Flags, place: Place) {
    if flags.only(LETTER | DASH) || flags.only(LETTER | DASH | HIGH) {
        plain(out, core, flags, place);
    } else if flags.has(SLASH) && url::looks_like(core) {
        url::write(out, core);
    } else if flags.has(AT) || has_other_at(core, flags) || is_percent_form(core, flags) {
        out.put(ADDRESS);
    } else if flags.has(EQUALS) {
        key_value(out, core, place);
    } else if flags.has(BANG) {
        out.put(ADDRESS);
    } else if flags.has(COLON) {
        colons(out, core, flags, place);
    } else if flags.has(SLASH) {
        slashes(out, core, flags, place);
    } else if flags.only_number() {
        number(out, core, place);
    } else if place.names_mailbox && !known::is_code_family(core) {
        out.put(ADDRESS);
    } else if flags.has(DOT) {
        dotted(out, core, flags, place);
    } else {
        joined(out, core, flags, place);
    }
}

fn plain(out: &mut Diagnostic, core: &[u8], flags: Flags, place: Place) {
    if has_other_at(core, flags) {
        out.put(ADDRESS);
        return;
    }
    if (flags.only(LETTER | DASH) && core.len() > LONGEST_WORD) || core.len() > 4 * LONGEST_WORD {
        out.put(ID);
        return;
    }
    if place.names_mailbox && !known::is_common(core) {
        out.put(ADDRESS);
        return;
    }
    lower(out, core, flags);
    let start = out.text.len().saturating_sub(core.len());
    let word = out.text.get(start..).unwrap_or_default();
    out.names_mailbox = !flags.has(HIGH) && known::names_mailbox(word);
}

pub fn lower(out: &mut Diagnostic, core: &[u8], flags: Flags) {
    if flags.has(HIGH) {
        let word = std::str::from_utf8(core).unwrap_or_default().replace('\u{2019}', "'").to_lowercase();
        out.put(word.as_bytes());
        return;
    }
    out.put(core);
    let start = out.text.len().saturating_sub(core.len());
    if let Some(word) = out.text.get_mut(start..) {
        word.make_ascii_lowercase();
    }
}

/// Full-width at signs, and the percent and quoted-printable spellings.
fn has_other_at(core: &[u8], flags: Flags) -> bool {
    if flags.only(!(HIGH | PERCENT | EQUALS)) {
        return false;
    }
    let hex = |pair: &[u8]| pair.eq_ignore_ascii_case(b"%40") || pair == b"=40";
    core.windows(3).any(|three| hex(three) || matches!(three, [0xef, 0xbc, 0xa0] | [0xef, 0xb9, 0xab]))
}

/// `user%host`, an old way to route.
fn is_percent_form(core: &[u8], flags: Flags) -> bool {
    flags.has(PERCENT)
        && core.windows(3).any(|three| matches!(three, [left, b'%', right] if left.is_ascii_alphanumeric() && right.is_ascii_alphabetic()))
}

fn key_value(out: &mut Diagnostic, core: &[u8], place: Place) {
    let at = core.iter().position(|byte| *byte == b'=').unwrap_or(core.len());
    let (key, value) = core.split_at_checked(at).unwrap_or((core, &[]));
    let value = value.strip_prefix(b"=").unwrap_or_default();
    let flags = measure_all(value);
    if known::is_code_key(key) {
        lower(out, key, Flags::default());
        out.text.push(b'=');
        if !value.is_empty() && !flags.has(EQUALS) {
            write(out, value, flags, Place { opened: true, ..place });
        }
    } else if known::is_mailbox_key(key) {
        lower(out, key, Flags::default());
        out.text.push(b'=');
        out.put(ADDRESS);
    } else if is_address_of_ip(value) {
        lower(out, b"ip=", Flags::default());
        out.put(IP);
    } else {
        out.put(ID);
    }
}

fn colons(out: &mut Diagnostic, core: &[u8], flags: Flags, place: Place) {
    if is_address_of_ip(core) {
        out.put(IP);
    } else if flags.only(DIGIT | COLON | DOT) || is_time_stamp(core) {
        out.put(TIME);
    } else {
        parts(out, core, b':', place);
    }
}

fn slashes(out: &mut Diagnostic, core: &[u8], flags: Flags, place: Place) {
    if core.first() == Some(&b'/') || core.windows(2).any(|two| two == b"//") {
        out.put(PATH);
    } else if flags.only(DIGIT | SLASH) {
        out.put(NUMBER);
    } else {
        parts(out, core, b'/', place);
    }
}

/// Each side of a separator on its own; the separator is kept.
fn parts(out: &mut Diagnostic, core: &[u8], separator: u8, place: Place) {
    for (nth, part) in core.split(|byte| *byte == separator).enumerate() {
        if nth > 0 {
            out.text.push(separator);
        }
        if !part.is_empty() {
            write(out, part, measure_all(part), place);
        }
    }
}

/// A number: an address, a short code in brackets, else a mask.
fn number(out: &mut Diagnostic, core: &[u8], place: Place) {
    let bare = core.strip_prefix(b"#").unwrap_or(core);
    if is_address_of_ip(bare) {
        out.put(IP);
    } else if reply_code(bare).is_some()
        || (place.opened && bare.len() == 3 && bare.iter().all(u8::is_ascii_digit))
    {
        out.put(bare);
    } else {
        out.put(NUMBER);
    }
}

/// Letters and dots: a host, an address with letters for numbers, or two sentences that touch.
fn dotted(out: &mut Diagnostic, core: &[u8], flags: Flags, place: Place) {
    if is_placeholder_ip(core) {
        out.put(IP);
    } else if flags.only(LETTER | DIGIT | DOT | DASH | UNDERSCORE | HIGH) && known::is_host(core) {
        known::write_host(out, core);
    } else if flags.only(LETTER | DOT | DASH) && core.len() <= 2 * LONGEST_WORD {
        parts(out, core, b'.', place);
    } else if let Some((word, rest)) = sentence_end(core) {
        write(out, word, measure_all(word), place);
        out.text.push(b'.');
        out.gap = true;
        write(out, rest, measure_all(rest), Place { opened: false, names_mailbox: false });
    } else {
        out.put(ID);
    }
}

/// `IB105.Connection`: a capital behind a dot opens a sentence.
fn sentence_end(core: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = core.windows(3).position(|three| matches!(three, [b'.', b'A'..=b'Z', b'a'..=b'z']))?;
    let (word, rest) = core.split_at_checked(at)?;
    (!word.is_empty()).then_some((word, rest.strip_prefix(b".")?))
}

/// Letters with digits, dashes or underscores: a provider's code is kept, an id is not.
fn joined(out: &mut Diagnostic, core: &[u8], flags: Flags, place: Place) {
    let words = flags.has(UNDERSCORE) && flags.only(LETTER | UNDERSCORE);
    let worded = flags.has(UNDERSCORE) && !flags.has(DIGIT) && known::is_kept_joint(core);
    let plain = flags.only(LETTER | OTHER | DASH) && core.len() <= LONGEST_WORD;
    if worded || plain || is_code(core, place.opened) {
        lower(out, core, flags);
    } else if words && known::is_joined_sentence(core) {
        for word in core.split(|byte| *byte == b'_') {
            lower(out, word, flags);
            out.gap = true;
        }
    } else if is_time_stamp(core) {
        out.put(TIME);
    } else {
        out.put(ID);
    }
}

/// `2024-06-26T06...`
fn is_time_stamp(core: &[u8]) -> bool {
    matches!(core, [b'1' | b'2', b, c, d, b'-', e, f, b'-', ..] if [b, c, d, e, f].iter().all(|byte| byte.is_ascii_digit()))
}

/// Codes are capitals and then digits (`TSS04`, `S3150`), or belong to a known family.
fn is_code(core: &[u8], opened: bool) -> bool {
    if core.len() > 20 || !core.iter().any(u8::is_ascii_digit) {
        return false;
    }
    if known::is_code_family(core) {
        return true;
    }
    let letters = core.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let tail = core.get(letters..).unwrap_or_default();
    let digits = tail.iter().filter(|byte| byte.is_ascii_digit()).count();
    let plain = digits == tail.len();
    let short = letters == 2 && matches!(tail, [b'-', rest @ ..] if rest.len() == 3);
    // Without a dash, a longer mixture is a session's id, however it is bracketed.
    let dashed = ((opened && (core.contains(&b'-') || core.len() <= 6)) || short)
        && tail.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase() || *byte == b'-');
    (1..=6).contains(&letters) && (1..=6).contains(&digits) && (plain || dashed)
}

/// IPv4 or IPv6, also as an SMTP literal (`IPv6:...`).
pub fn is_address_of_ip(word: &[u8]) -> bool {
    let bare = match word.split_at_checked(5) {
        Some((head, rest)) if head.eq_ignore_ascii_case(b"ipv6:") => rest,
        _ => word,
    };
    if bare.contains(&b':') {
        return bare.len() <= 45
            && std::str::from_utf8(bare).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    }
    let mut groups = 0;
    bare.split(|byte| *byte == b'.').all(|group| {
        groups += 1;
        (1..=3).contains(&group.len()) && group.iter().all(u8::is_ascii_digit)
    }) && groups == 4
}

/// `a.b.c.d` and `x.x.x.x`, as written in documents and in masked logs.
fn is_placeholder_ip(word: &[u8]) -> bool {
    let groups = || word.split(|byte| *byte == b'.');
    groups().count() == 4
        && groups().all(|group| {
            matches!(group, [byte] if byte.is_ascii_alphabetic() || *byte == b'#') || group == b"xxx"
        })
}
