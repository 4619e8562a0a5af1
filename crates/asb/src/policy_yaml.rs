//! Policy statements as YAML, and the lengths that IAM counts.

use std::fmt::Write;

use catalog::{
    compiler::{
        Statement,
        longest::{Partition, in_any_partition},
    },
    reference,
};
use serde_json::Value;

use crate::settings::{MAX_ENTRIES, MAX_SETTING};

/// Length of `{"Version":…,"Statement":[…]}` without its statements, in characters.
const ENVELOPE_LENGTH: usize = 42;
/// Separator that joins entries before they are split into a list.
const SEPARATOR: char = '|';

/// Returns the maximum length of a policy with these statements, in characters. All names have
/// their maximum length.
pub fn longest(statements: &[Statement]) -> usize {
    ENVELOPE_LENGTH
        + statements
            .iter()
            .map(|statement| in_any_partition(|partition| length(statement, partition)))
            .sum::<usize>()
}

fn length(statement: &Statement, partition: &Partition) -> usize {
    let condition = statement.condition.as_ref();
    let condition = condition.map_or(0, |condition| {
        r#","Condition":"#.len() + rendered(condition, partition).to_string().len()
    });

    let envelope = r#"{"Effect":"Allow","Action":[],"Resource":[]},"#.len();
    envelope
        + list_length(&statement.actions, partition)
        + list_length(&statement.resources, partition)
        + condition
}

fn list_length(texts: &[String], partition: &Partition) -> usize {
    texts
        .iter()
        .map(|text| longest_text(text, partition).len() + 3)
        .sum()
}

/// Returns the text with its references replaced by their longest values.
fn longest_text(text: &str, partition: &Partition) -> String {
    match setting_in(text) {
        // The text around the reference is repeated for each entry.
        Some((before, _, after)) => {
            "x".repeat(MAX_SETTING + MAX_ENTRIES * (before.len() + after.len() + 3))
        }
        None => reference::render(text, |name| partition.reference(name)).unwrap_or_default(),
    }
}

/// Returns the value with [`longest_text`] applied to all of its texts.
fn rendered(value: &Value, partition: &Partition) -> Value {
    match value {
        Value::String(text) => longest_text(text, partition).into(),
        Value::Array(values) => values
            .iter()
            .map(|value| rendered(value, partition))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, field)| (key.clone(), rendered(field, partition)))
            .collect(),
        other => other.clone(),
    }
}

/// Returns the statement, which applies only if all of the conditions hold.
pub fn conditional(conditions: &[String], statement: &Statement, indent: &str) -> String {
    match conditions {
        [] => self::statement(statement, indent),
        [first, others @ ..] => {
            let deeper = format!("{indent}  ");
            let inner = conditional(others, statement, &deeper);
            format!("{indent}- !If\n{deeper}- {first}\n{inner}{deeper}- !Ref AWS::NoValue\n")
        }
    }
}

/// Returns the statement as an item of a list.
pub fn statement(statement: &Statement, indent: &str) -> String {
    let mut yaml = format!("{indent}- Effect: Allow\n");
    yaml.push_str(&list("Action", &statement.actions, indent));
    yaml.push_str(&list("Resource", &statement.resources, indent));
    if let Some(condition) = &statement.condition {
        let deeper = format!("{indent}    ");
        let _ = write!(
            yaml,
            "{indent}  Condition:\n{}",
            block(condition, &deeper, &deeper)
        );
    }
    yaml
}

fn list(key: &str, texts: &[String], indent: &str) -> String {
    match texts {
        [one] => format!("{indent}  {key}: {}\n", scalar_text(one)),
        many => {
            let lines: String = many
                .iter()
                .map(|text| format!("{indent}    - {}\n", scalar_text(text)))
                .collect();
            format!("{indent}  {key}:\n{lines}")
        }
    }
}

/// Returns a value in block style. Its first line begins with `first`, the others with `rest`.
fn block(value: &Value, first: &str, rest: &str) -> String {
    match value {
        Value::Object(fields) => fields
            .iter()
            .enumerate()
            .map(|(index, (key, field))| {
                let start = if index == 0 { first } else { rest };
                let key = scalar_text(key);

                match field {
                    Value::Object(_) | Value::Array(_) => {
                        let deeper = format!("{rest}  ");
                        format!("{start}{key}:\n{}", block(field, &deeper, &deeper))
                    }
                    scalar => {
                        format!(
                            "{start}{key}: {}\n",
                            texts(scalar)
                                .iter()
                                .map(|t| scalar_text(t))
                                .collect::<String>()
                        )
                    }
                }
            })
            .collect(),
        Value::Array(values) => values
            .iter()
            .flat_map(texts)
            .map(|text| format!("{rest}- {}\n", scalar_text(&text)))
            .collect(),
        scalar => texts(scalar)
            .iter()
            .map(|text| format!("{first}{}\n", scalar_text(text)))
            .collect(),
    }
}

/// Returns the text before a reference to a setting, the setting's name, and the text after it.
/// None if the text has no such reference. References to settings have no colon.
fn setting_in(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (name, after) = rest.split_once('}')?;
    (!name.contains(':') && name != "NamePrefix").then_some((before, name, after))
}

/// Returns the list of texts with each entry of the setting. `before` and `after` have no
/// references, because the delimiter of `Fn::Join` accepts none.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-join.html>
fn entries(before: &str, setting: &str, after: &str) -> String {
    let entries = format!("!Split [\",\", !Ref {setting}]");
    if before.is_empty() && after.is_empty() {
        return entries;
    }
    let joined = format!("!Join [\"{after}{SEPARATOR}{before}\", {entries}]");
    format!("!Split [\"{SEPARATOR}\", !Join [\"\", [\"{before}\", {joined}, \"{after}\"]]]")
}

fn scalar_text(text: &str) -> String {
    if let Some((before, setting, after)) = setting_in(text) {
        entries(before, setting, after)
    } else if !reference::names(text).is_empty() {
        format!("!Sub {text}")
    } else if text.contains("${!") {
        // A variable of IAM. Outside `Fn::Sub` it needs no escape.
        format!("\"{}\"", text.replace("${!", "${"))
    } else if matches!(text, "*" | "true" | "false" | "Null" | "null") || text.starts_with('*') {
        format!("\"{text}\"")
    } else {
        text.to_owned()
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}
