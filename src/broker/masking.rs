//! Masking of secrets in texts for users.

use catalog::parameter_text;
use serde_json::Value;

use crate::osb::Object;

/// Replaces the values of `secrets` in a text with `(secret)`. It covers every form that
/// CloudFormation has received: the value as text, and each entry of a list.
pub fn without_secrets(of: &str, secrets: &Object) -> String {
    let mut values: Vec<_> = secrets
        .values()
        .flat_map(forms)
        .filter(|form| !form.is_empty())
        .collect();
    // Longest first: if one value is part of another, replacing it first would expose the rest of
    // the longer one.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));

    values
        .iter()
        .fold(of.to_owned(), |text, value| text.replace(value, "(secret)"))
}

fn forms(value: &Value) -> Vec<String> {
    let entries = value.as_array().into_iter().flatten().map(parameter_text);
    entries.chain([parameter_text(value)]).collect()
}
