//! Normalisation of parameter values to the forms that the catalog's schema shows.
//!
//! A schema shows `true`, `60` and `["a", "b"]`. Command lines and Terraform send every value as
//! text: `"true"`, `"60"` and `"a,b"`. YAML readers turn a bare `yes` into `true`, and a bare `N`
//! into `false`. Such values mean the same, so they become the same before they are validated,
//! recorded and compared.

use serde_json::{Number, Value};

use super::parameter_schema::ParameterSchema;
use crate::Object;

/// Largest whole number that a double, JavaScript's number, represents exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

/// Returns the parameters in the forms that the schema shows. A value without such a form is
/// unchanged, and validation rejects it. `null` is unchanged too.
pub fn normalized(schema: &ParameterSchema, mut parameters: Object) -> Object {
    for (name, value) in &mut parameters {
        if let Some(property) = schema.property(name) {
            *value = normalized_value(property, value.take());
        }
    }
    parameters
}

/// Returns the value in the form that a property of a schema shows.
pub fn normalized_value(property: &Value, value: Value) -> Value {
    match (json_type(property), value) {
        ("boolean", Value::String(text)) if text.eq_ignore_ascii_case("true") => true.into(),
        ("boolean", Value::String(text)) if text.eq_ignore_ascii_case("false") => false.into(),
        ("integer" | "number", Value::String(text)) => {
            match serde_json::from_str::<Number>(&text) {
                Ok(number) => plain(number),
                Err(_) => text.into(),
            }
        }
        ("integer" | "number", Value::Number(number)) => plain(number),
        ("string", Value::Bool(flag)) => word(property, flag).unwrap_or(Value::Bool(flag)),
        ("array", Value::String(text)) => {
            let entries = text
                .split(',')
                .map(str::trim)
                .filter(|entry| !entry.is_empty());
            entries
                .map(|entry| normalized_value(&property["items"], entry.into()))
                .collect()
        }
        ("array", Value::Array(entries)) => entries
            .into_iter()
            .map(|entry| normalized_value(&property["items"], trimmed(entry)))
            .collect(),
        (_, value) => value,
    }
}

/// Returns the value of a parameter as text. CloudFormation takes every value as text, and a list
/// as comma-separated text.
pub fn parameter_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => plain(number.clone()).to_string(),
        Value::Array(entries) => {
            let entries: Vec<_> = entries.iter().map(parameter_text).collect();
            entries.join(",")
        }
        other => other.to_string(),
    }
}

/// Returns the JSON type of a property. An update schema lists the type together with `null`.
fn json_type(property: &Value) -> &str {
    let kind = &property["type"];
    kind.as_str()
        .or_else(|| kind[0].as_str())
        .unwrap_or_default()
}

/// Returns a number without a fraction as an integer: `60.0` and `6e1` become 60. Other numbers are
/// unchanged.
pub fn plain(number: Number) -> Value {
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() <= MAX_EXACT => {
            // Lossless: the value has no fraction, and a double represents it exactly.
            (value as i64).into()
        }
        _ => Value::Number(number),
    }
}

/// Trims an entry of a list, because CloudFormation ignores white space around entries.
fn trimmed(entry: Value) -> Value {
    match entry {
        Value::String(text) => text.trim().into(),
        entry => entry,
    }
}

/// Returns the only allowed value that YAML 1.1 reads as this boolean, such as `"OFF"` for `false`.
/// None if there is no such value, or more than one.
/// <https://yaml.org/type/bool.html>
fn word(property: &Value, flag: bool) -> Option<Value> {
    let words = if flag {
        ["y", "yes", "true", "on"]
    } else {
        ["n", "no", "false", "off"]
    };
    let mut meant = property["enum"].as_array()?.iter().filter(|value| {
        let text = value.as_str().unwrap_or_default();
        words.iter().any(|word| word.eq_ignore_ascii_case(text))
    });

    let only = meant.next().filter(|_| meant.next().is_none())?;
    Some(only.clone())
}
