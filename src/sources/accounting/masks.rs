//! Where commas, quotes and line ends stand in 64 bytes, as three bit masks. It knows no record.

use wide::u8x16;

/// Bytes looked at in one step.
pub const BLOCK: usize = 64;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Masks {
    pub commas: u64,
    pub quotes: u64,
    pub newlines: u64,
}

#[inline]
pub fn masks(block: &[u8; BLOCK]) -> Masks {
    let (comma, quote, newline) = (u8x16::splat(b','), u8x16::splat(b'"'), u8x16::splat(b'\n'));
    let mut masks = Masks::default();
    let (chunks, _) = block.as_chunks::<16>();
    for (index, chunk) in chunks.iter().enumerate() {
        let bytes = u8x16::new(*chunk);
        let shift = 16 * index;
        masks.commas |= u64::from(bytes.simd_eq(comma).to_bitmask()) << shift;
        masks.quotes |= u64::from(bytes.simd_eq(quote).to_bitmask()) << shift;
        masks.newlines |= u64::from(bytes.simd_eq(newline).to_bitmask()) << shift;
    }
    masks
}

/// Bit i of the answer is the parity of the bits 0 to i.
#[inline(always)]
pub fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_sets_its_own_bit() {
        for at in 0..BLOCK {
            let bit = 1_u64 << at;
            for byte in 0..=255_u8 {
                let mut block = [b'x'; BLOCK];
                block[at] = byte;
                let only = |letter: u8| if byte == letter { bit } else { 0 };
                let expected = Masks { commas: only(b','), quotes: only(b'"'), newlines: only(b'\n') };
                assert_eq!(masks(&block), expected, "byte {byte} at {at}");
            }
        }
    }

    #[test]
    fn parity_flips_at_every_bit() {
        assert_eq!(parity(0), 0);
        assert_eq!(parity(0b1), u64::MAX);
        for bits in [0, 1, 0x8000_0000_0000_0000, 0xdead_beef_0123_4567] {
            assert_eq!(parity(bits), parity_slowly(bits));
        }
    }

    fn parity_slowly(bits: u64) -> u64 {
        (0..64).filter(|at| (bits & (u64::MAX >> (63 - at))).count_ones() % 2 == 1).map(|at| 1 << at).sum()
    }
}
