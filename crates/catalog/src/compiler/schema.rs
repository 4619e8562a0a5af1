//! Conversion of CloudFormation parameters to JSON Schema, draft 4. Every platform must support
//! this draft (OSBAPI, Input Parameters Schema Object), and Cloud Foundry accepts no other.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::document::Parameter;

const DRAFT_4: &str = "http://json-schema.org/draft-04/schema#";

/// CloudFormation's limit of one parameter value, in bytes.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const MAX_VALUE_LENGTH: u64 = 4_096;

/// Returns the schema of an object with these properties and no others.
pub fn object(properties: Map<String, Value>, required: &[&str]) -> Value {
    let schema = json!({
        "$schema": DRAFT_4,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });

    // An empty list is invalid in draft 4.
    match schema {
        Value::Object(mut schema) if !required.is_empty() => {
            schema.insert("required".into(), json!(required));
            schema.into()
        }
        schema => schema,
    }
}

/// Returns the schema of one parameter's value, or the reason why it has none.
pub fn property(
    parameter: &Parameter,
    title: Option<&str>,
    default: Option<&Value>,
) -> Result<Value, String> {
    let kind = Kind::of(parameter);
    let mut schema = Map::new();
    schema.insert("type".into(), json!(kind.json_type()));

    set(&mut schema, "title", title.map(Value::from));
    set(
        &mut schema,
        "description",
        description(parameter).map(Value::from),
    );
    set(
        &mut schema,
        "default",
        default.map(|value| kind.value(value)).transpose()?,
    );
    if parameter.no_echo.is_set() {
        schema.insert("format".into(), "password".into());
    }

    let Some(item_kind) = kind.item() else {
        constrain(&mut schema, parameter, kind)?;
        return Ok(Value::Object(schema));
    };

    let mut item = Map::new();
    item.insert("type".into(), json!(item_kind.json_type()));
    constrain(&mut item, parameter, item_kind)?;
    if item_kind == Kind::String {
        // CloudFormation would read an entry with a comma as two entries.
        item.insert("not".into(), json!({"pattern": ","}));
    }

    schema.insert("items".into(), Value::Object(item));
    Ok(Value::Object(schema))
}

/// True if the parameter is a list.
pub fn is_list(parameter: &Parameter) -> bool {
    Kind::of(parameter).item().is_some()
}

/// True if the parameter is a single number.
pub fn is_number(parameter: &Parameter) -> bool {
    matches!(Kind::of(parameter), Kind::Whole | Kind::Number)
}

/// Sets a field of the schema, if there is a value.
fn set(schema: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        schema.insert(key.into(), value);
    }
}

/// Limits the schema to the values that the template allows.
fn constrain(
    schema: &mut Map<String, Value>,
    parameter: &Parameter,
    kind: Kind,
) -> Result<(), String> {
    // The type of a flag already limits its values.
    let allowed = parameter
        .allowed_values
        .as_ref()
        .filter(|_| kind != Kind::Flag);
    set(
        schema,
        "enum",
        allowed
            .map(|values| values.iter().map(|value| kind.value(value)).collect())
            .transpose()?,
    );

    set(
        schema,
        "minimum",
        parameter.min_value.as_ref().map(number).transpose()?,
    );
    set(
        schema,
        "maximum",
        parameter.max_value.as_ref().map(number).transpose()?,
    );

    match kind {
        Kind::String => constrain_text(schema, parameter),
        _ => Ok(()),
    }
}

/// Limits the schema of a text to the pattern and the lengths that the template allows.
fn constrain_text(schema: &mut Map<String, Value>, parameter: &Parameter) -> Result<(), String> {
    let pattern = parameter.allowed_pattern.as_deref();
    set(
        schema,
        "pattern",
        pattern.map(|pattern| anchored(pattern).into()),
    );

    set(
        schema,
        "minLength",
        parameter.min_length.as_ref().map(number).transpose()?,
    );
    if parameter.allowed_values.is_none() {
        let longest = parameter
            .max_length
            .as_ref()
            .map_or(Ok(MAX_VALUE_LENGTH.into()), number)?;
        schema.insert("maxLength".into(), longest);
    }

    Ok(())
}

fn description(parameter: &Parameter) -> Option<String> {
    // CloudFormation appends it to the parameter's name: "must be …".
    let constraint =
        parameter
            .constraint_description
            .as_deref()
            .map(|text| match text.strip_prefix("must ") {
                Some(rest) => format!("Must {}.", rest.trim_end_matches('.')),
                None => text.to_owned(),
            });

    let texts = [parameter.description.as_deref(), constraint.as_deref()];
    let texts: Vec<_> = texts
        .into_iter()
        .flatten()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

/// Returns a pattern for whole values. CloudFormation matches a pattern against the whole value,
/// JSON Schema against any part of it.
fn anchored(pattern: &str) -> String {
    if is_anchored(pattern) {
        pattern.to_owned()
    } else {
        format!("^(?:{pattern})$")
    }
}

/// True if the pattern is one sequence from `^` to `$`, so that it only matches whole values.
/// `^a|b$` is not: it is a choice between two.
fn is_anchored(pattern: &str) -> bool {
    use regex_syntax::ast::{AssertionKind, Ast, parse::Parser};

    let parsed = Parser::new().parse(pattern);
    let Ok(Ast::Concat(sequence)) = &parsed else {
        return false;
    };
    let [Ast::Assertion(first), .., Ast::Assertion(last)] = &sequence.asts[..] else {
        return false;
    };
    first.kind == AssertionKind::StartLine && last.kind == AssertionKind::EndLine
}

/// The kind of a parameter for users. CloudFormation has only strings, numbers and lists of both.
/// All its other types are strings with a meaning.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    String,
    /// A string whose allowed values are exactly `true` and `false`.
    Flag,
    /// A number whose default, limits and allowed values all have no fraction. A parameter that
    /// accepts fractions shows it in one of them: `1.0` is enough.
    Whole,
    Number,
    StringList,
    NumberList,
}

impl Kind {
    fn of(parameter: &Parameter) -> Self {
        match parameter.kind.as_str() {
            "Number" if is_whole(parameter) => Self::Whole,
            "Number" => Self::Number,
            "List<Number>" => Self::NumberList,
            "CommaDelimitedList" => Self::StringList,
            list if list.starts_with("List<") => Self::StringList,
            _ if is_flag(parameter) => Self::Flag,
            _ => Self::String,
        }
    }

    /// Returns the kind of a list's entries. None if this is no list.
    fn item(self) -> Option<Self> {
        match self {
            Self::StringList => Some(Self::String),
            Self::NumberList => Some(Self::Number),
            _ => None,
        }
    }

    fn json_type(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Flag => "boolean",
            Self::Whole => "integer",
            Self::Number => "number",
            Self::StringList | Self::NumberList => "array",
        }
    }

    /// Returns the JSON form of a value in the template's YAML, which may have any scalar type.
    fn value(self, value: &Value) -> Result<Value, String> {
        let text = super::text(value)?;
        let Some(item) = self.item() else {
            return match self {
                Self::Flag => text
                    .parse()
                    .map(Value::Bool)
                    .map_err(|_| format!("`{text}` is not true or false")),
                Self::Whole | Self::Number => number(value),
                _ => Ok(text.into()),
            };
        };

        let entries = text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        entries.map(|entry| item.value(&entry.into())).collect()
    }
}

fn is_flag(parameter: &Parameter) -> bool {
    let Some(allowed) = &parameter.allowed_values else {
        return false;
    };
    let mut texts: Vec<_> = allowed
        .iter()
        .filter_map(|value| super::text(value).ok())
        .collect();
    texts.sort_unstable();
    texts == ["false", "true"]
}

fn is_whole(parameter: &Parameter) -> bool {
    let Parameter {
        default,
        min_value,
        max_value,
        allowed_values,
        ..
    } = parameter;
    let mut said = [default, min_value, max_value]
        .into_iter()
        .flatten()
        .chain(allowed_values.iter().flatten())
        .peekable();

    said.peek().is_some() && said.all(is_whole_number)
}

fn is_whole_number(value: &Value) -> bool {
    super::text(value).is_ok_and(|text| text.parse::<i64>().is_ok())
}

fn number(value: &Value) -> Result<Value, String> {
    let text = super::text(value)?;
    serde_json::from_str::<serde_json::Number>(&text)
        .map(Value::Number)
        .map_err(|_| format!("`{text}` is not a number"))
}

/// Returns the schema of a plan: the properties that it leaves open, in the template's order.
pub fn plan(properties: &IndexMap<&str, Value>) -> Value {
    let required: Vec<_> = properties
        .iter()
        .filter(|(_, property)| property.get("default").is_none())
        .map(|(name, _)| *name)
        .collect();

    let properties = properties.iter().map(|(name, property)| {
        let mut property = property.clone();
        // Everybody can read the catalog, so it must not show the default of a secret.
        if let Some(fields) = property
            .as_object_mut()
            .filter(|fields| fields.contains_key("format"))
        {
            fields.shift_remove("default");
        }
        ((*name).to_owned(), property)
    });

    object(properties.collect(), &required)
}

/// Returns the schema of an update: any of these properties, or `null` to reset one. There are no
/// defaults, because an absent parameter keeps its value.
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
