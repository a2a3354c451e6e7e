//! A name with its hash, worked out once for all the tables that a record goes through. It keeps nothing.

use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

const SEED: FixedState = FixedState::with_seed(0x7065_6d74);

/// Things by the hash of what names them. Whoever finds one still compares the name: the hash is
/// no secret, and somebody may choose names that share one.
pub type ByHash<T> = HashMap<u64, T, BuildHasherDefault<Hashed>>;

#[derive(Debug, Clone, Copy)]
pub struct Word<'a> {
    pub text: &'a str,
    pub hash: u64,
}

impl PartialEq for Word<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Word<'_> {}

impl Hash for Word<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<'a> From<&'a str> for Word<'a> {
    #[inline]
    fn from(text: &'a str) -> Word<'a> {
        Word { text, hash: hash(text.as_bytes()) }
    }
}

impl<'a> From<&'a String> for Word<'a> {
    fn from(text: &'a String) -> Word<'a> {
        Word::from(text.as_str())
    }
}

/// The same in every run of one build; never written down.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = SEED.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// The hash of two names in their order.
#[inline]
pub fn hash_of_two(first: u64, second: u64) -> u64 {
    let product = u128::from(first ^ 0x2d35_8dcc_aa6c_78a5) * u128::from(second ^ 0x8bb8_4b93_962e_acc9);
    (product as u64) ^ ((product >> 64) as u64)
}

/// A hash that is one already.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash(bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
