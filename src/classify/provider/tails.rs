//! The last bytes of the hosts that are known, as two sets of bits: most hosts are told to be
//! nobody's by a look at them. It knows no provider.

const WORDS: usize = 128;
const ONES: u64 = u64::from_ne_bytes([1; 8]);

/// A host that ends like none of these has no known suffix; the reverse need not hold.
#[derive(Debug)]
pub struct Tails {
    /// Of suffixes of seven bytes and more: the last eight, the dot before seven among them.
    long: [u64; WORDS],
    /// Of shorter ones the last four.
    short: [u64; WORDS],
    /// A suffix was too short for either.
    any: bool,
}

impl Default for Tails {
    fn default() -> Tails {
        Tails { long: [0; WORDS], short: [0; WORDS], any: false }
    }
}

impl Tails {
    /// Takes in a suffix, in small letters.
    pub fn note(&mut self, suffix: &[u8]) {
        let seven = |[a, b, c, d, e, f, g]: [u8; 7]| u64::from_le_bytes([b'.', a, b, c, d, e, f, g]);
        match (suffix.last_chunk::<8>(), suffix.last_chunk::<7>(), suffix.last_chunk::<4>()) {
            (Some(tail), _, _) => set(&mut self.long, u64::from_le_bytes(*tail)),
            (_, Some(tail), _) => set(&mut self.long, seven(*tail)),
            (_, _, Some(tail)) => set(&mut self.short, u64::from(u32::from_le_bytes(*tail))),
            _ => self.any = true,
        }
    }

    /// Whether the host surely has no suffix that was noted.
    #[inline]
    pub fn lack(&self, host: &[u8]) -> bool {
        let Some(tail) = host.last_chunk::<8>() else { return false };
        let word = u64::from_le_bytes(*tail);
        let short = word >> 32;
        // Capitals, and a dot at the end, are for those who look more closely.
        is_small(word) && tail[7] != b'.' && !self.any && !has(&self.long, word) && !has(&self.short, short)
    }
}

/// Whether this is ASCII without a capital, and so looked up as it stands.
#[inline]
pub fn in_small_letters(name: &[u8]) -> bool {
    let Some(last) = name.last_chunk::<8>() else {
        return name.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    };
    let (chunks, _) = name.as_chunks::<8>();
    // The last ones again, with what the chunks left over.
    chunks.iter().chain([last]).all(|chunk| is_small(u64::from_le_bytes(*chunk)))
}

/// Eight bytes at once: none beyond ASCII, none from `A` to `Z`.
#[inline]
fn is_small(word: u64) -> bool {
    const HIGH: u64 = ONES << 7;
    // Each addition reaches the highest bit of a byte from `A`, and from the one after `Z`.
    let from_a = (word & !HIGH) + ONES * (0x80 - 0x41);
    let after_z = (word & !HIGH) + ONES * (0x80 - 0x5b);
    (word | (from_a & !after_z)) & HIGH == 0
}

#[inline]
fn place(word: u64) -> (usize, u64) {
    let hash = word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 51;
    ((hash >> 6) as usize, 1 << (hash & 63))
}

fn set(bits: &mut [u64; WORDS], word: u64) {
    let (at, bit) = place(word);
    if let Some(held) = bits.get_mut(at) {
        *held |= bit;
    }
}

#[inline]
fn has(bits: &[u64; WORDS], word: u64) -> bool {
    let (at, bit) = place(word);
    bits.get(at).is_none_or(|held| held & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn small_letters_are_told_eight_at_a_time(name in prop::collection::vec(any::<u8>().prop_map(|byte| if byte < 200 { byte % 128 } else { byte }), 0..40)) {
            let plain = name.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
            prop_assert_eq!(in_small_letters(&name), plain);
            let lower = name.to_ascii_lowercase();
            prop_assert_eq!(in_small_letters(&lower), lower.is_ascii());
        }

        #[test]
        fn whoever_has_a_suffix_does_not_lack_it(suffix in "[a-z]{1,9}\\.[a-z]{2,3}", before in "[a-zA-Z.\u{e9}]{0,9}") {
            let mut tails = Tails::default();
            tails.note(suffix.as_bytes());
            for host in [suffix.clone(), format!("{before}.{suffix}"), format!("mx.{before}.{suffix}."), suffix.to_uppercase()] {
                prop_assert!(!tails.lack(host.as_bytes()), "{host}");
            }
        }
    }

    #[test]
    fn strangers_are_told_by_their_tail() {
        let mut tails = Tails::default();
        for suffix in ["google.com", "web.de", "att.net"] {
            tails.note(suffix.as_bytes());
        }
        assert!(tails.lack(b"mail.saffron-yoga.example") && tails.lack(b"mx.batt.net"));
        assert!(!tails.lack(b"mx.att.net") && !tails.lack(b"mx.WEB.de") && !tails.lack(b"x.example."));
    }
}
