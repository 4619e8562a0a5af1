//! CloudFormation parameters → JSON Schema, draft 4: the draft that every platform must support (OSBAPI, Input
//! Parameters Schema Object) and the only one that Cloud Foundry takes.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::document::Parameter;

const DRAFT_4: &str = "http://json-schema.org/draft-04/schema#";

/// CloudFormation's limit of one parameter value, in bytes.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const MAX_VALUE_LENGTH: u64 = 4_096;

/// The schema of an object with these properties and no others.
pub fn object(properties: Map<String, Value>, required: &[&str]) -> Value {
    let mut schema = json!({
        "$schema": DRAFT_4,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    // An empty list is invalid in draft 4.
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// The schema of one parameter's value, or the reason why there is none.
pub fn property(parameter: &Parameter, title: Option<&str>, default: Option<&Value>) -> Result<Value, String> {
    let kind = Kind::of(&parameter.kind);
    let mut schema = Map::new();
    schema.insert("type".into(), json!(kind.json_type()));
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            schema.insert(key.into(), value);
        }
    };
    set("title", title.map(Value::from));
    set("description", description(parameter).map(Value::from));
    set("default", default.map(|value| kind.value(value)).transpose()?);
    if parameter.no_echo.is_set() {
        set("format", Some("password".into()));
    }
    let mut item = Map::new();
    let constraints = if kind.is_list() { &mut item } else { &mut schema };
    constrain(constraints, parameter, kind)?;
    if kind.is_list() {
        item.insert("type".into(), json!(kind.item().json_type()));
        schema.insert("items".into(), Value::Object(item));
    }
    Ok(Value::Object(schema))
}

fn constrain(schema: &mut Map<String, Value>, parameter: &Parameter, kind: Kind) -> Result<(), String> {
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            schema.insert(key.into(), value);
        }
    };
    let item = kind.item();
    let allowed = parameter.allowed_values.as_ref();
    set("enum", allowed.map(|values| values.iter().map(|value| item.value(value)).collect()).transpose()?);
    set("pattern", parameter.allowed_pattern.as_deref().map(|pattern| anchored(pattern).into()));
    set("minimum", parameter.min_value.as_ref().map(number).transpose()?);
    set("maximum", parameter.max_value.as_ref().map(number).transpose()?);
    set("minLength", parameter.min_length.as_ref().map(number).transpose()?);
    if item == Kind::String && allowed.is_none() {
        set("maxLength", Some(parameter.max_length.as_ref().map_or(Ok(MAX_VALUE_LENGTH.into()), number)?));
    }
    Ok(())
}

fn description(parameter: &Parameter) -> Option<String> {
    // CloudFormation writes it behind the parameter's name: "must be …".
    let constraint = parameter.constraint_description.as_deref().map(|text| match text.strip_prefix("must ") {
        Some(rest) => format!("It must {}.", rest.trim_end_matches('.')),
        None => text.to_owned(),
    });
    let texts = [parameter.description.as_deref(), constraint.as_deref()];
    let texts: Vec<_> = texts.into_iter().flatten().map(str::trim).filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

/// CloudFormation matches a pattern against the whole value, JSON Schema against any part of it.
fn anchored(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

/// The three types of CloudFormation parameters; all others are strings with a meaning.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    String,
    Number,
    StringList,
    NumberList,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "Number" => Self::Number,
            "List<Number>" => Self::NumberList,
            "CommaDelimitedList" => Self::StringList,
            list if list.starts_with("List<") => Self::StringList,
            _ => Self::String,
        }
    }

    fn is_list(self) -> bool {
        matches!(self, Self::StringList | Self::NumberList)
    }

    fn item(self) -> Self {
        match self {
            Self::StringList => Self::String,
            Self::NumberList => Self::Number,
            scalar => scalar,
        }
    }

    fn json_type(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::StringList | Self::NumberList => "array",
        }
    }

    /// The JSON form of a value that the template gives in YAML, where it may have any scalar type.
    fn value(self, value: &Value) -> Result<Value, String> {
        match self {
            Self::String => Ok(super::text(value)?.into()),
            Self::Number => number(value),
            Self::StringList | Self::NumberList => super::text(value)?
                .split(',')
                .map(str::trim)
                .filter(|entry| !entry.is_empty())
                .map(|entry| self.item().value(&entry.into()))
                .collect(),
        }
    }
}

fn number(value: &Value) -> Result<Value, String> {
    let text = super::text(value)?;
    serde_json::from_str::<serde_json::Number>(&text)
        .map(Value::Number)
        .map_err(|_| format!("`{text}` is not a number"))
}

/// The schema that a plan shows: the properties that the plan leaves open, in the template's order.
pub fn plan(properties: &IndexMap<&str, Value>) -> Value {
    let required: Vec<_> =
        properties.iter().filter(|(_, property)| property.get("default").is_none()).map(|(name, _)| *name).collect();
    let properties = properties.iter().map(|(name, property)| {
        let mut property = property.clone();
        // Everybody can read the catalog.
        if let Some(fields) = property.as_object_mut().filter(|fields| fields.contains_key("format")) {
            fields.shift_remove("default");
        }
        ((*name).to_owned(), property)
    });
    object(properties.collect(), &required)
}

/// The schema of changes to an existing instance: any of these properties, or `null` to reset it. What is not named
/// stays, so that there are no defaults.
pub fn update(properties: &IndexMap<&str, Value>) -> Value {
    let properties = properties.iter().map(|(name, property)| {
        let mut property = property.clone();
        if let Some(fields) = property.as_object_mut() {
            fields.shift_remove("default");
            if let Some(kind) = fields.get_mut("type") {
                *kind = json!([kind.take(), "null"]);
            }
            if let Some(values) = fields.get_mut("enum").and_then(Value::as_array_mut) {
                values.push(Value::Null);
            }
        }
        ((*name).to_owned(), property)
    });
    object(properties.collect(), &[])
}
