//! What was said of each name before, without an allocation for each: names and what belongs to
//! them lie one behind the other. It knows neither domains nor hosts.

/// Names, and bytes of all names: when there are more, it starts afresh.
const MOST: usize = 65_536;
const MOST_BYTES: usize = 6 << 20;
const FEWEST_PLACES: usize = 256;

/// A name's hash, and where it lies, plus one; 0 is an empty place.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    hash: u32,
    at: u32,
}

/// Remembers for each name `SAYS` bytes and a text, once.
#[derive(Debug, Default)]
pub struct Memory<const SAYS: usize> {
    /// Open addressing; a power of two, at most half full.
    places: Vec<Place>,
    used: usize,
    /// Lengths of name and text, what is said, name, text.
    bytes: Vec<u8>,
}

/// What is remembered of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<'a, const SAYS: usize> {
    pub name: &'a [u8],
    pub says: [u8; SAYS],
    pub text: &'a [u8],
}

impl<const SAYS: usize> Memory<SAYS> {
    #[inline]
    pub fn get(&self, hash: u64, name: &[u8]) -> Option<Kept<'_, SAYS>> {
        let (tag, mask) = ((hash >> 32) as u32, self.places.len().wrapping_sub(1));
        let mut at = tag as usize & mask;
        loop {
            let place = self.places.get(at)?;
            if place.at == 0 {
                return None;
            }
            if place.hash == tag
                && let Some(kept) = self.read(place.at).filter(|kept| kept.name == name)
            {
                return Some(kept);
            }
            at = (at + 1) & mask;
        }
    }

    /// For a name that `get` does not know. One too long to be a name is not remembered.
    pub fn put(&mut self, hash: u64, name: &[u8], says: [u8; SAYS], text: &[u8]) {
        let (Ok(name_length), Ok(text_length)) = (u8::try_from(name.len()), u8::try_from(text.len())) else {
            return;
        };
        if self.used >= MOST || self.bytes.len() >= MOST_BYTES {
            *self = Memory::default();
        }
        if 2 * (self.used + 1) > self.places.len() {
            self.grow();
        }
        let Ok(at) = u32::try_from(self.bytes.len() + 1) else { return };
        self.bytes.extend_from_slice(&[name_length, text_length]);
        self.bytes.extend_from_slice(&says);
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(text);
        self.settle(Place { hash: (hash >> 32) as u32, at });
        self.used += 1;
    }

    #[inline]
    fn read(&self, at: u32) -> Option<Kept<'_, SAYS>> {
        let bytes = self.bytes.get(at as usize - 1..)?;
        let ([name, text], rest) = bytes.split_first_chunk::<2>()?;
        let (says, rest) = rest.split_first_chunk::<SAYS>()?;
        let (name, rest) = rest.split_at_checked(usize::from(*name))?;
        Some(Kept { name, says: *says, text: rest.get(..usize::from(*text))? })
    }

    fn grow(&mut self) {
        let size = (2 * self.places.len()).max(FEWEST_PLACES);
        let before = std::mem::replace(&mut self.places, vec![Place::default(); size]);
        before.into_iter().filter(|place| place.at != 0).for_each(|place| self.settle(place));
    }

    fn settle(&mut self, new: Place) {
        let mask = self.places.len().wrapping_sub(1);
        let mut at = new.hash as usize & mask;
        while let Some(place) = self.places.get_mut(at) {
            if place.at == 0 {
                *place = new;
                return;
            }
            at = (at + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::word::hash;

    #[test]
    fn every_name_is_known_by_its_own_bytes_and_memory_is_bounded() {
        let mut memory: Memory<2> = Memory::default();
        let name = |number: u32| format!("host{number}.example").into_bytes();
        for number in 0..200_000u32 {
            let name = name(number);
            assert_eq!(memory.get(hash(&name), &name), None);
            let [a, b, ..] = number.to_le_bytes();
            memory.put(hash(&name), &name, [a, b], &name);
            let kept = memory.get(hash(&name), &name).unwrap();
            assert_eq!((kept.name, kept.says, kept.text), (&*name, [a, b], &*name));
        }
        assert!(memory.used <= MOST && memory.bytes.len() < MOST_BYTES + 1_024);
        let known = (0..200_000).filter(|number| memory.get(hash(&name(*number)), &name(*number)).is_some());
        assert_eq!(known.count(), memory.used);
        let long = vec![b'x'; 256];
        memory.put(hash(&long), &long, [1, 2], b"");
        assert_eq!(memory.get(hash(&long), &long), None);
    }

    #[test]
    fn names_that_share_a_hash_are_told_apart() {
        let mut memory: Memory<1> = Memory::default();
        for (says, name) in [b"a", b"b", b"c"].into_iter().enumerate() {
            memory.put(7, name, [says as u8], b"");
        }
        assert_eq!(memory.get(7, b"b").map(|kept| kept.says), Some([1]));
        assert_eq!(memory.get(7, b"d"), None);
    }
}
