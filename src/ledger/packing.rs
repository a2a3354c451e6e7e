//! Numbers and words as few bytes: what the ledger's rows hold. It knows no meaning.

/// Appends an unsigned number, seven bits to a byte.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Counters are never negative; a negative one would be stored as 0.
pub(super) fn put_counts(out: &mut Vec<u8>, counts: &[i64]) {
    for count in counts {
        put(out, u64::try_from(*count).unwrap_or(0));
    }
}

/// Takes from the front what was put; `None` once the bytes do not make sense.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn size(&mut self) -> Option<usize> {
        self.number().and_then(|number| usize::try_from(number).ok())
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = self.size()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_owned()).ok()
    }

    /// Fills `counts`; a row of an earlier, narrower version leaves the rest at 0.
    pub(super) fn counts(&mut self, counts: &mut [i64]) -> Option<()> {
        for count in counts {
            if self.0.is_empty() {
                return Some(());
            }
            *count = i64::try_from(self.number()?).ok()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_put_comes_back(numbers in prop::collection::vec(0..=i64::MAX, 0..20), text in ".{0,40}") {
            let mut out = Vec::new();
            put_text(&mut out, &text);
            put_counts(&mut out, &numbers);
            let mut reader = Reader(&out);
            prop_assert_eq!(reader.text(), Some(text));
            let mut back = vec![0; numbers.len() + 2];
            prop_assert_eq!(reader.counts(&mut back), Some(()));
            prop_assert_eq!(&back[..numbers.len()], &numbers[..]);
            prop_assert_eq!(&back[numbers.len()..], &[0, 0]);
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut reader = Reader(&bytes);
            while reader.text().is_some() && !reader.0.is_empty() {}
            let _ = reader.number();
        }
    }
}
