//! A fast hash whose values may be written down: the same on every machine and in every version.

/// Folded multiplication over eight bytes at a time. Not for tables that an enemy fills: those
/// are bounded by count.
pub fn stable(bytes: &[u8], seed: u64) -> u64 {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15 ^ (bytes.len() as u64);
    let (chunks, tail) = bytes.as_chunks::<8>();
    for chunk in chunks {
        state = fold(state ^ u64::from_le_bytes(*chunk), 0xa076_1d64_78bd_642f);
    }
    let mut last = [0u8; 8];
    for (slot, byte) in last.iter_mut().zip(tail) {
        *slot = *byte;
    }
    fold(fold(state ^ u64::from_le_bytes(last), 0xe703_7ed1_a0b4_28db), 0x8ebc_6af0_9c88_c6e3)
}

fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left ^ 0x2d35_8dcc_aa6c_78a5).wrapping_mul(u128::from(right));
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written down by earlier versions: a change would orphan what they remembered.
    #[test]
    fn values_never_change() {
        assert_eq!(stable(b"", 0), 0x2901f7ce1f12ef74);
        assert_eq!(stable(b"421 4.7.0 try again later", 7), 0x872c3e8590744234);
    }

    #[test]
    fn one_byte_and_the_length_matter() {
        let texts: [&[u8]; 6] = [b"", b"\0", b"a", b"a\0", b"12345678", b"123456789"];
        for (at, left) in texts.iter().enumerate() {
            for right in texts.iter().skip(at + 1) {
                assert_ne!(stable(left, 0), stable(right, 0), "{left:?} {right:?}");
            }
        }
    }
}
