//! What names a series: one word, or two (provider and VMTA). Looked up by its parts, so that the
//! millions of records that name a known one build no text.

use crate::classify::{ByHash, Word, hash_of, hash_of_two};

/// Stands between the two words in the text of a key.
pub(super) const BETWEEN: char = '\u{1f}';
/// Longer keys are no names of providers or VMTAs.
const LONGEST: usize = 320;

/// Places by a key's hash. Whoever finds a place still compares the key.
pub(super) type Places = ByHash<usize>;

#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    first: Word<'a>,
    second: Option<&'a [u8]>,
    hash: u64,
}

impl<'a> Key<'a> {
    #[inline]
    pub(super) fn one(word: Word<'a>) -> Key<'a> {
        Key { first: word, second: None, hash: word.hash }
    }

    #[inline]
    pub(super) fn two(first: Word<'a>, second: &'a [u8]) -> Key<'a> {
        Key { first, second: Some(second), hash: hash_of_two(first.hash, hash_of(second)) }
    }

    /// The key that has this text.
    pub(super) fn read(text: &'a str) -> Key<'a> {
        match text.split_once(BETWEEN) {
            Some((first, second)) => Key::two(first.into(), second.as_bytes()),
            None => Key::one(text.into()),
        }
    }

    #[inline]
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    #[inline]
    pub(super) fn is(&self, text: &str) -> bool {
        let Some(second) = self.second else { return text == self.first.text };
        let rest = text.as_bytes().strip_prefix(self.first.text.as_bytes());
        rest.and_then(|rest| rest.strip_prefix(&[BETWEEN as u8])) == Some(second)
    }

    /// Puts the text in the place of what was there. The second word is text, or `mended`.
    pub(super) fn write(&self, text: &mut String) {
        text.clear();
        text.push_str(self.first.text);
        if let Some(second) = self.second {
            text.push(BETWEEN);
            match std::str::from_utf8(second) {
                Ok(second) => text.push_str(second),
                Err(_) => text.push_str(&String::from_utf8_lossy(second)),
            }
        }
    }

    /// The second word as text, where it was not.
    pub(super) fn mended(&self) -> Option<String> {
        let second = self.second?;
        (!second.is_ascii() && std::str::from_utf8(second).is_err())
            .then(|| String::from_utf8_lossy(second).into_owned())
    }

    pub(super) fn with_second<'b>(&self, second: &'b str) -> Key<'b>
    where
        'a: 'b,
    {
        Key::two(self.first, second.as_bytes())
    }

    /// A name that may be kept: anything with an `@` might be an address and is not.
    pub(super) fn is_name(&self) -> bool {
        let first = self.first.text.as_bytes();
        let second = self.second.unwrap_or_default();
        !first.is_empty()
            && first.len() + second.len() <= LONGEST
            && !holds(first, [b'@', BETWEEN as u8])
            && !holds(second, [b'@', b'@'])
    }
}

/// Whether one of two bytes is there. Eight at a time: names are so short that a search for a byte
/// hardly gets going.
#[inline]
fn holds(text: &[u8], either: [u8; 2]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // A byte that is 0 borrows from its highest bit, which no byte that is not 0 does.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7) != 0;
    let wanted = either.map(|byte| ONES * u64::from(byte));
    let is_there = |word: u64| wanted.iter().fold(false, |found, wanted| found | zero(word ^ wanted));
    let (chunks, tail) = text.as_chunks::<8>();
    chunks.iter().any(|chunk| is_there(u64::from_ne_bytes(*chunk)))
        || tail.iter().any(|byte| either.contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_is_found_by_the_text_it_was_written_as(
            first in "[a-z.]{1,20}", second in prop::option::of("[a-z\u{1f}.é]{0,20}"), other in "[a-z\u{1f}.]{0,9}",
        ) {
            let key = match &second {
                Some(second) => Key::two(first.as_str().into(), second.as_bytes()),
                None => Key::one(first.as_str().into()),
            };
            let mut text = String::from("before");
            key.write(&mut text);
            prop_assert!(key.is(&text));
            prop_assert_eq!(key.hash(), Key::read(&text).hash());
            prop_assert_eq!(key.is(&other), text == other);
            for byte in [b'a', b'.', 0x1f, 0xc3] {
                let either = [byte, b'z'];
                prop_assert_eq!(holds(text.as_bytes(), either), text.bytes().any(|byte| either.contains(&byte)));
            }
        }
    }

    #[test]
    fn what_may_be_an_address_is_no_name() {
        let one = |word| Key::one(Word::from(word));
        let two = |word, second| Key::two(Word::from(word), second);
        assert!(one("Gmail").is_name() && two("Gmail", b"").is_name());
        let long = "x".repeat(LONGEST + 1);
        for key in [one(""), one("a@b"), two("a", b"c@d"), one("a\u{1f}b"), one(&long)] {
            assert!(!key.is_name(), "{key:?}");
        }
        assert_eq!(two("a", b"\xff").mended().as_deref(), Some("\u{fffd}"));
        assert_eq!(two("a", b"v").mended(), None);
    }
}
