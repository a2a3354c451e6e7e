//! `pmta show memory`, where a site's version has it: names and numbers as they come. PowerMTA 5.0
//! has none, which is remembered for a day.

use super::{Asker, Line, Read, is_within};
use crate::record::{Memory, Sample, Seconds, Sink};
use crate::sources::web::{Listener, Path, Scalar};

const EVERY: Seconds = 595;
const DAY: Seconds = 86_400 - 5;
const MOST: usize = 50;
const LONGEST: usize = 40;
const ASKED: &str = "memory";
const ABSENT: &str = "memory-absent";

/// Asks when it is time. That it is not there is no trouble of anybody's.
pub fn ask(asker: &Asker<'_>, memory: &mut dyn Memory, now: Seconds, sink: &mut dyn Sink) {
    if is_within(memory, ABSENT, DAY, now) || is_within(memory, ASKED, EVERY, now) {
        return;
    }
    let Some(line) = Line::new(Read::Memory, &[]) else { return };
    match asker.command::<Pools>(&line) {
        Ok((pools, _)) if !pools.0.is_empty() => {
            memory.put(ASKED, now.to_string().as_bytes());
            for (name, value) in pools.0 {
                sink.sample(Sample::new("pmta_memory_pool").tag("name", name).int("value", value));
            }
        }
        _ => memory.put(ABSENT, now.to_string().as_bytes()),
    }
}

#[derive(Debug, Default)]
struct Pools(Vec<(String, i64)>);

impl Listener for Pools {
    fn leaf(&mut self, path: &Path, value: &Scalar<'_>) {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let name: String = path.key().chars().map(plain).take(LONGEST).collect();
        let number = value.number().filter(|number| number.is_finite());
        // Of two of one name the first is shown: a series has one value.
        let known = self.0.iter().any(|(known, _)| *known == name);
        if let Some(number) = number
            && !name.is_empty()
            && !known
            && self.0.len() < MOST
        {
            // Whole numbers, as every amount is; what is too large is shown as the largest.
            self.0.push((name, number.round() as i64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::web::read_text;

    #[test]
    fn numbers_have_plain_names_and_words_are_left_out() {
        let text = "memory.heapInUse=\"123456\"\nmemory.Heap_Free=\"12.5\"\nmemory.allocator=\"jemalloc\"\nmemory.heapInUse=\"9\"\n";
        let (pools, _): (Pools, String) = read_text(text).unwrap();
        assert_eq!(pools.0, [("heapinuse".to_owned(), 123_456), ("heap_free".to_owned(), 13)]);
    }
}
