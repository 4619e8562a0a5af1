//! Suggestions for misspelt names, and conversion of names to upper snake case.

/// Minimum likeness of two names, from 0 to 1. A word with swapped, missing or additional letters
/// reaches it. Two different words of these templates' vocabulary do not.
const LIKENESS: f64 = 0.7;

/// Returns the known name that is most like `name`, or None if none is like it. Case, hyphens and
/// underscores are ignored, so `delay_seconds` is near to `DelaySeconds`.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name = folded(name);
    let (likeness, nearest) = known
        .into_iter()
        .map(|known| {
            let likeness = strsim::normalized_damerau_levenshtein(&name, &folded(known));
            (likeness, known)
        })
        .max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (likeness >= LIKENESS).then_some(nearest)
}

fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Converts a name such as `QueueURL` to `QUEUE_URL`. A word begins at a capital that follows a
/// small letter or digit, or that precedes a small letter.
pub fn screaming_snake_case(name: &str) -> String {
    let mut key = String::new();
    let mut previous: Option<char> = None;
    let mut characters = name.chars().peekable();

    while let Some(character) = characters.next() {
        let after_word = previous.is_some_and(|previous| !previous.is_uppercase());
        let before_word =
            previous.is_some() && characters.peek().is_some_and(|next| next.is_lowercase());

        if character.is_uppercase() && (after_word || before_word) {
            key.push('_');
        }

        key.extend(character.to_uppercase());
        previous = Some(character);
    }
    key
}
