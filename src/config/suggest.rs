//! Did you mean: the known word nearest to a mistyped one.

/// Fewest insertions, deletions, replacements and swaps of neighbours that make one word the other (optimal
/// string alignment).
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let differs = usize::from(one[i - 1] != other[j - 1]);
            let mut best = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + differs);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

/// The nearest of `known`, if it is near enough to have been meant: one mistake per three letters.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A hint: the nearest of `known`, or all of them.
pub(super) fn one_of<'a, I>(word: &str, known: I) -> String
where
    I: IntoIterator<Item = &'a str>,
    I::IntoIter: Clone,
{
    let known = known.into_iter();
    match nearest(word, known.clone()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("one of {}", known.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_counted() {
        for (one, other, count) in [
            ("", "", 0),
            ("size", "size", 0),
            ("sise", "size", 1),
            ("szie", "size", 1),
            ("sze", "size", 1),
            ("", "size", 4),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), count, "{one} {other}");
            assert_eq!(distance(other, one), count, "{other} {one}");
        }
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        let known = ["size", "min-free", "segment"];
        for (word, suggestion) in [
            ("sise", Some("size")),
            ("min_free", Some("min-free")),
            ("SEGMENT", Some("segment")),
            ("segmnets", Some("segment")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), suggestion, "{word:?}");
        }
        assert_eq!(one_of("colour", known), "one of `size`, `min-free`, `segment`");
    }
}
