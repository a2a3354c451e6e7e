//! How hard memory is to get on this host: the kernel's pressure figure and how fragmented its
//! free memory is. It knows no process.

use crate::record::Sample;
use std::path::Path;

/// `None` where the kernel shows neither.
pub fn sample(proc: &Path, read: impl Fn(std::path::PathBuf) -> Option<String>) -> Option<Sample> {
    let mut sample = Sample::new("pmta_memory");
    if let Some(share) = read(proc.join("pressure/memory")).and_then(|text| some_avg10(&text)) {
        sample = sample.float("psi_some_avg10_ratio", share);
    }
    if let Some(index) = read(proc.join("buddyinfo")).and_then(|text| fragmentation(&text)) {
        sample = sample.int("fragmentation_index", index);
    }
    (!sample.fields.is_empty()).then_some(sample)
}

/// `some avg10=1.53 avg60=0.87 avg300=0.73 total=24544`, in per cent.
fn some_avg10(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let percent: f64 = line.split(' ').find_map(|word| word.strip_prefix("avg10="))?.parse().ok()?;
    Some((percent / 100.0).clamp(0.0, 1.0))
}

/// The kernel's own index (mm/vmstat.c) for the order of pages that is hardest to get, over the
/// zones that programs use: near 1000 memory is there but in pieces, near 0 there is just none.
fn fragmentation(text: &str) -> Option<i64> {
    let mut blocks: Vec<i64> = Vec::new();
    for line in text.lines().filter(|line| line.contains("zone") && !line.contains(" DMA ")) {
        let numbers = line.split_whitespace().skip(4).filter_map(|word| word.parse::<i64>().ok());
        for (order, count) in numbers.take(16).enumerate() {
            match blocks.get_mut(order) {
                Some(sum) => *sum = sum.saturating_add(count),
                None => blocks.push(count),
            }
        }
    }
    let total = blocks.iter().fold(0_i64, |sum, count| sum.saturating_add(*count));
    if blocks.is_empty() || total == 0 {
        return None;
    }
    let pages = |(order, count): (usize, &i64)| count.saturating_mul(1_i64 << order);
    let free = blocks.iter().enumerate().map(pages).fold(0_i64, i64::saturating_add);
    let index = |order: usize| {
        let suitable = blocks.iter().skip(order).any(|count| *count > 0);
        let wanted = 1_i64 << order;
        if suitable { 0 } else { 1_000 - (1_000 + free.saturating_mul(1_000) / wanted) / total }
    };
    (0..blocks.len()).map(index).max().map(|worst| worst.clamp(0, 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_is_a_share() {
        let text =
            "some avg10=12.50 avg60=0.87 avg300=0.73 total=24544\nfull avg10=1.00 avg60=0 avg300=0 total=1\n";
        assert_eq!(some_avg10(text), Some(0.125));
        assert_eq!(some_avg10("full avg10=1.00"), None);
        assert_eq!(some_avg10("some avg10=much"), None);
    }

    #[test]
    fn fragmentation_is_high_only_where_pieces_are_small() {
        let pieces = "Node 0, zone   Normal  100000  0  0  0  0  0  0  0  0  0  0\n";
        assert_eq!(fragmentation(pieces), Some(1_000));
        let whole = "Node 0, zone   Normal  10  10  10  10  10  10  10  10  10  10  10\n";
        assert_eq!(fragmentation(whole), Some(0));
        let none = "Node 0, zone   Normal  1  0  0  0  0  0  0  0  0  0  0\n";
        assert_eq!(fragmentation(none), Some(0), "no memory at all is not fragmented memory");
        let small_zone = "Node 0, zone      DMA  9 9 9 9 9 9 9 9 9 9 9\n";
        assert_eq!(fragmentation(small_zone), None);
        assert_eq!(fragmentation("nonsense"), None);
    }
}
