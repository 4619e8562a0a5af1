//! The name that somebody has probably meant.

/// How alike two names must be, from 0 to 1. Swapped, missing and additional letters of one word stay above it; two
/// different words of the vocabulary of these templates do not.
const LIKENESS: f64 = 0.7;

/// Returns the known name that is most like `name`, if any is like it. Case, hyphens and underscores do not count, so
/// that `delay_seconds` is near to `DelaySeconds`.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name = folded(name);
    let likeness = |known: &'k str| (strsim::normalized_damerau_levenshtein(&name, &folded(known)), known);
    let (likeness, nearest) = known.into_iter().map(likeness).max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (likeness >= LIKENESS).then_some(nearest)
}

fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}
