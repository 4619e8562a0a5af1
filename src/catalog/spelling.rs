//! The name that somebody has probably meant.

/// How alike two names must be, from 0 to 1. Swapped, missing and additional letters of one word
/// stay above it; two different words of the vocabulary of these templates do not.
const LIKENESS: f64 = 0.7;

/// Returns the known name that is most like `name`, if any is like it. Case, hyphens and
/// underscores do not count, so that `delay_seconds` is near to `DelaySeconds`.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name = folded(name);
    let likeness = |known: &'k str| {
        (
            strsim::normalized_damerau_levenshtein(&name, &folded(known)),
            known,
        )
    };
    let (likeness, nearest) = known
        .into_iter()
        .map(likeness)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (likeness >= LIKENESS).then_some(nearest)
}

fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// `QueueURL` → `QUEUE_URL`: a word begins at a capital that follows a small letter or digit, or
/// that precedes a small letter.
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
