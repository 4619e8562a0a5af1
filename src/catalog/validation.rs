//! A request's `parameters` against the schema that the catalog shows for them.

use std::collections::BTreeSet;

use jsonschema::{ValidationError, error::ValidationErrorKind};
use serde_json::Value;

use crate::osb::Object;

/// How many mistakes one answer names.
const MAX_MISTAKES: usize = 5;

/// Says what is wrong with `parameters`, for the user. Values are never repeated: they may be secret. What is `known`
/// from before may be missing.
pub fn check(schema: &str, parameters: &Object, known: &BTreeSet<&str>) -> Result<(), String> {
    let unusable = |error: &dyn std::fmt::Display| format!("The plan's schema is not usable: {error}");
    let schema: Value = serde_json::from_str(schema).map_err(|error| unusable(&error))?;
    let validator = jsonschema::draft4::new(&schema).map_err(|error| unusable(&error))?;
    let parameters = Value::Object(parameters.clone());
    let mistakes = validator.iter_errors(&parameters).filter(|error| !is_missing_one_of(known, error));
    let mistakes = mistakes.map(|error| mistake(&error, &schema)).chain(dynamic_references(&parameters));
    let mistakes: Vec<_> = mistakes.take(MAX_MISTAKES).collect();
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes.join(" ")) }
}

/// CloudFormation would put a secret of the account in the place of such a text, whoever's it is.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>
fn dynamic_references(parameters: &Value) -> Vec<String> {
    let refuse = |(name, value): (&String, &Value)| {
        has_dynamic_reference(value).then(|| {
            format!("The parameter `{name}` is not valid: a value must not contain a reference that begins with {{{{resolve.")
        })
    };
    parameters.as_object().into_iter().flatten().filter_map(refuse).collect()
}

fn has_dynamic_reference(value: &Value) -> bool {
    match value {
        Value::String(text) => text.match_indices("resolve").any(|(at, _)| text[..at].trim_end().ends_with("{{")),
        Value::Array(values) => values.iter().any(has_dynamic_reference),
        Value::Object(fields) => fields.values().any(has_dynamic_reference),
        _ => false,
    }
}

/// Whether the schema has a property of this name.
pub fn knows(schema: &str, property: &str) -> bool {
    let schema: Result<Value, _> = serde_json::from_str(schema);
    schema.is_ok_and(|schema| schema["properties"].get(property).is_some())
}

fn is_missing_one_of(known: &BTreeSet<&str>, error: &ValidationError<'_>) -> bool {
    match error.kind() {
        ValidationErrorKind::Required { property } => property.as_str().is_some_and(|name| known.contains(name)),
        _ => false,
    }
}

fn mistake(error: &ValidationError<'_>, schema: &Value) -> String {
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known: Vec<_> = schema["properties"].as_object().into_iter().flat_map(Object::keys).collect();
            let takes = match known.as_slice() {
                [] => "The plan takes no parameters.".to_owned(),
                _ => format!("The plan takes: {}.", listed(&known)),
            };
            format!("Unknown parameter {}. {takes}", listed(unexpected))
        }
        ValidationErrorKind::Required { property } => {
            format!("The parameter `{}` is missing.", property.as_str().unwrap_or_default())
        }
        _ => {
            let name = error.instance_path().as_str().trim_start_matches('/').to_owned();
            format!("The parameter `{name}` is not valid: {}.", error.masked_with("the value"))
        }
    }
}

fn listed(names: &[impl AsRef<str>]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}
