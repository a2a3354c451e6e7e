//! What names a series: one word, or two (provider and VMTA). Looked up by its parts, so that the
//! millions of records that name a known one build no text.

use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

/// Stands between the two words in the text of a key.
pub(super) const BETWEEN: char = '\u{1f}';
/// Longer keys are no names of providers or VMTAs.
const LONGEST: usize = 320;
const SEED: FixedState = FixedState::with_seed(0x7065_6d74);

/// Places by a key's hash. Whoever finds a place still compares the key.
pub(super) type Places = HashMap<u64, usize, BuildHasherDefault<Hashed>>;

#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    first: &'a str,
    second: Option<&'a [u8]>,
}

impl<'a> Key<'a> {
    pub(super) fn one(word: &'a str) -> Key<'a> {
        Key { first: word, second: None }
    }

    pub(super) fn two(first: &'a str, second: &'a [u8]) -> Key<'a> {
        Key { first, second: Some(second) }
    }

    /// The key that has this text.
    pub(super) fn read(text: &'a str) -> Key<'a> {
        match text.split_once(BETWEEN) {
            Some((first, second)) => Key::two(first, second.as_bytes()),
            None => Key::one(text),
        }
    }

    pub(super) fn hash(&self) -> u64 {
        let mut hasher = SEED.build_hasher();
        hasher.write(self.first.as_bytes());
        if let Some(second) = self.second {
            hasher.write_u8(BETWEEN as u8);
            hasher.write(second);
        }
        hasher.finish()
    }

    pub(super) fn is(&self, text: &str) -> bool {
        let Some(second) = self.second else { return text == self.first };
        let rest = text.as_bytes().strip_prefix(self.first.as_bytes());
        rest.and_then(|rest| rest.strip_prefix(&[BETWEEN as u8])) == Some(second)
    }

    /// Puts the text in the place of what was there.
    pub(super) fn write(&self, text: &mut String) {
        text.clear();
        text.push_str(self.first);
        if let Some(second) = self.second {
            text.push(BETWEEN);
            text.push_str(&String::from_utf8_lossy(second));
        }
    }

    /// The second word as text, where it was not.
    pub(super) fn mended(&self) -> Option<String> {
        let second = self.second?;
        std::str::from_utf8(second).is_err().then(|| String::from_utf8_lossy(second).into_owned())
    }

    pub(super) fn with_second<'b>(&self, second: &'b str) -> Key<'b>
    where
        'a: 'b,
    {
        Key::two(self.first, second.as_bytes())
    }

    /// A name that may be kept: anything with an `@` might be an address and is not.
    pub(super) fn is_name(&self) -> bool {
        let first = self.first.as_bytes();
        let second = self.second.unwrap_or_default();
        !first.is_empty()
            && first.len() + second.len() <= LONGEST
            && memchr::memchr2(b'@', BETWEEN as u8, first).is_none()
            && memchr::memchr(b'@', second).is_none()
    }
}

/// A hash that is one already.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = SEED.hash_one(bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
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
            let key = Key { first: &first, second: second.as_ref().map(|second| second.as_bytes()) };
            let mut text = String::from("before");
            key.write(&mut text);
            prop_assert!(key.is(&text));
            prop_assert_eq!(key.hash(), Key::read(&text).hash());
            prop_assert_eq!(key.is(&other), text == other);
        }
    }

    #[test]
    fn what_may_be_an_address_is_no_name() {
        assert!(Key::one("Gmail").is_name() && Key::two("Gmail", b"").is_name());
        let long = "x".repeat(LONGEST + 1);
        for key in
            [Key::one(""), Key::one("a@b"), Key::two("a", b"c@d"), Key::one("a\u{1f}b"), Key::one(&long)]
        {
            assert!(!key.is_name(), "{key:?}");
        }
        assert_eq!(Key::two("a", b"\xff").mended().as_deref(), Some("\u{fffd}"));
        assert_eq!(Key::two("a", b"v").mended(), None);
    }
}
