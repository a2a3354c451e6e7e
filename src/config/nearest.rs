//! "Did you mean": the known word closest to a mistyped one. It knows no key and no file.

/// The known word nearest to `word`, if one is near enough to be worth naming. Case and the
/// choice between `-` and `_` cost nothing.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(word);
    known
        .into_iter()
        .map(|candidate| (distance(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= allowed(candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Only so much is compared: a word of a megabyte is near to nothing anyway.
const COMPARED: usize = 64;

fn plain(word: &str) -> String {
    word.chars().take(COMPARED).map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// A word that merely begins the known one (`provider` for `providers_total`) counts as near.
fn distance(word: &str, candidate: &str) -> usize {
    let typed = strsim::osa_distance(word, candidate);
    if word.len() >= 3 && candidate.starts_with(word) { typed.min(1) } else { typed }
}

fn allowed(candidate: &str) -> usize {
    (candidate.chars().count() / 3).clamp(1, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["providers", "vmtas", "pairs", "lines", "pin_sha256"];
        for (word, expected) in [
            ("provider", Some("providers")),
            ("Providers", Some("providers")),
            ("vtmas", Some("vmtas")),
            ("pin-sha256", Some("pin_sha256")),
            ("line", Some("lines")),
            ("banana", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(1_000_000), known), None);
    }
}
