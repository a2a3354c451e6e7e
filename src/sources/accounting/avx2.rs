//! The splitter's loop for processors with AVX2, which read a block in two steps instead of four. It knows no record.
//!
//! The only code here that the compiler cannot vouch for is the one call: a function compiled for
//! features of a processor must not run on a processor without them.
#![allow(unsafe_code, reason = "one call, into code for features that were just asked for")]

use super::header::Header;
use super::masks::{BLOCK, Masks};
use super::split::{Row, Stop, run_with};
use crate::sources::follow::Taken;
use std::arch::x86_64::{
    __m256i, _mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_set_epi64x, _mm256_set1_epi8,
    _mm256_setzero_si256,
};

/// As `run_with`; `None` on a processor that cannot.
pub fn run(
    header: &Header,
    ends: &mut [usize],
    bytes: &[u8],
    taken: &mut Taken,
    each: &mut dyn FnMut(&Header, Row<'_>),
) -> Option<Stop> {
    if !is_here() {
        return None;
    }
    // SAFETY: the processor has every feature that `run_here` is compiled for.
    Some(unsafe { run_here(header, ends, bytes, taken, each) })
}

fn is_here() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt")
}

#[target_feature(enable = "avx2,bmi1,popcnt")]
fn run_here(
    header: &Header,
    ends: &mut [usize],
    bytes: &[u8],
    taken: &mut Taken,
    each: &mut dyn FnMut(&Header, Row<'_>),
) -> Stop {
    run_with(|block| masks(block), header, ends, bytes, taken, each)
}

#[target_feature(enable = "avx2,bmi1,popcnt")]
#[inline]
fn masks(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks::default();
    let (halves, _) = block.as_chunks::<32>();
    for (half, shift) in halves.iter().zip([0, 32]) {
        let bytes = load(half);
        let of = |letter: u8| {
            let same = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(letter as i8));
            u64::from(_mm256_movemask_epi8(same) as u32) << shift
        };
        masks.commas |= of(b',');
        masks.quotes |= of(b'"');
        masks.newlines |= of(b'\n');
    }
    masks
}

/// One load, once the compiler has seen that the four words stand side by side.
#[target_feature(enable = "avx2")]
#[inline]
fn load(half: &[u8; 32]) -> __m256i {
    let (words, _) = half.as_chunks::<8>();
    let [a, b, c, d] = *words else { return _mm256_setzero_si256() };
    let [a, b, c, d] =
        [i64::from_le_bytes(a), i64::from_le_bytes(b), i64::from_le_bytes(c), i64::from_le_bytes(d)];
    _mm256_set_epi64x(d, c, b, a)
}

#[cfg(test)]
mod tests {
    use super::super::masks;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_ways_see_the_same(block in prop::collection::vec(prop::sample::select(b"a,\"\n\r\x2d\x0b\xac\xff".to_vec()), BLOCK)) {
            let block: [u8; BLOCK] = block.try_into().unwrap();
            if is_here() {
                // SAFETY: the processor has every feature that `masks` is compiled for.
                prop_assert_eq!(unsafe { super::masks(&block) }, masks::masks(&block));
            }
        }
    }
}
