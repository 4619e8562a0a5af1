//! The forms that a parameter's value comes in, made one.
//!
//! A schema says `true`, `60` and `["a", "b"]`. Command lines and Terraform send every value as
//! text (`"true"`, `"60"`, `"a,b"`), and YAML readers make `true` of a bare `yes`, or `false` of a
//! bare `N`. All of them mean the same, so that they are the same before they are checked, recorded
//! and compared.

use serde_json::{Number, Value};

use super::parameter_schema::ParameterSchema;
use crate::osb::Object;

/// The largest whole number that a JSON number in JavaScript's manner, a double, has exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

/// Returns the parameters in the forms that the schema shows. What has no such form stays as it is,
/// for the check to refuse; so does `null`.
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

/// The type of a property; that of an update is one beside `null`.
fn json_type(property: &Value) -> &str {
    let kind = &property["type"];
    kind.as_str()
        .or_else(|| kind[0].as_str())
        .unwrap_or_default()
}

/// A number without a fraction, however it is written, as an integer: `60.0` and `6e1` are 60.
pub fn plain(number: Number) -> Value {
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() <= MAX_EXACT => {
            // Without loss: it has no fraction, and a double has it exactly.
            (value as i64).into()
        }
        _ => Value::Number(number),
    }
}

/// CloudFormation takes no notice of blanks around the entries of a list.
fn trimmed(entry: Value) -> Value {
    match entry {
        Value::String(text) => text.trim().into(),
        entry => entry,
    }
}

/// The only allowed value that a reader of YAML 1.1 takes for this boolean, where there is one:
/// `"OFF"` for `false`.
/// <https://yaml.org/type/bool.html>
fn word(property: &Value, flag: bool) -> Option<Value> {
    let words = if flag {
        ["y", "yes", "true", "on"]
    } else {
        ["n", "no", "false", "off"]
    };
    let is_meant = |value: &&Value| {
        value
            .as_str()
            .is_some_and(|text| words.iter().any(|word| word.eq_ignore_ascii_case(text)))
    };
    let mut meant = property["enum"].as_array()?.iter().filter(is_meant);
    let only = meant.next().filter(|_| meant.next().is_none())?;
    Some(only.clone())
}
