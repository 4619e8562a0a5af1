//! Validation of a request's `parameters` against the catalog's schema, with messages for the user.
//!
//! Messages state what is required, in the template's words. They never repeat what was sent: a
//! value may be secret, or be in the wrong field.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use jsonschema::{ValidationError, error::ValidationErrorKind};
use serde_json::Value;

use super::{model::Constraint, parameter_schema::ParameterSchema, spelling};
use crate::Object;

/// Maximum number of mistakes in one message.
const MAX_MISTAKES: usize = 5;

/// A validation of parameters against a schema.
#[derive(Clone, Copy)]
pub struct Check<'a> {
    /// Schema of the parameters.
    pub schema: &'a ParameterSchema,
    /// Constraints of some parameters, in the author's words.
    pub constraints: &'a [Constraint],
    /// Start of the sentence that lists all parameters, such as "The plan takes".
    pub taker: &'a str,
    /// Additional parameters that are not in the schema. They are validated elsewhere.
    pub besides: &'a [&'a str],
    /// Parameters of the template that the plan fixes, so requests cannot set them.
    pub decided: &'a [&'a str],
}

impl Check<'_> {
    /// Validates `parameters`. Returns a message for the user if there are mistakes. Parameters in
    /// `known` already have a value and may be missing.
    pub fn check(&self, parameters: &Object, known: &BTreeSet<&str>) -> Result<(), String> {
        let parameters = Value::Object(parameters.clone());
        let errors = self.schema.errors(&parameters);
        let general = errors
            .iter()
            .filter(|error| !is_missing_one_of(known, error));
        let general = general.flat_map(|error| self.general_mistakes(error));

        let mistakes = general
            .chain(self.value_mistakes(&errors))
            .chain(mistakes_beyond_schema(&parameters));
        let mistakes: Vec<_> = mistakes.take(MAX_MISTAKES).collect();

        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(mistakes.join(" "))
        }
    }

    /// Returns the mistakes of an error that concerns no value: unknown parameters, or a missing
    /// one.
    fn general_mistakes(&self, error: &ValidationError<'_>) -> Vec<String> {
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known: Vec<_> = self
                    .schema
                    .names()
                    .chain(self.besides.iter().copied())
                    .collect();
                let unknown = unexpected
                    .iter()
                    .map(|name| self.unknown_parameter(name, &known));
                let takes = match known.as_slice() {
                    [] => format!("{} no parameters.", self.taker),
                    _ => format!("{}: {}.", self.taker, listed(&known, ", ")),
                };

                vec![unknown.chain([takes]).collect::<Vec<_>>().join(" ")]
            }
            ValidationErrorKind::Required { property } => {
                vec![self.missing_parameter(property.as_str().unwrap_or_default())]
            }
            _ => Vec::new(),
        }
    }

    fn missing_parameter(&self, name: &str) -> String {
        let description = self
            .schema
            .property(name)
            .and_then(|property| property["description"].as_str());
        match description.and_then(|text| text.split(". ").next()) {
            Some(sentence) => format!(
                "{} is missing: {}.",
                parameter(name),
                sentence.trim_end_matches('.')
            ),
            None => format!("{} is missing.", parameter(name)),
        }
    }

    fn unknown_parameter(&self, name: &str, known: &[&str]) -> String {
        if self.decided.contains(&name) {
            return format!("Unknown parameter `{name}`: the plan sets it.");
        }
        match spelling::nearest(name, known.iter().copied()) {
            Some(meant) => format!("Unknown parameter `{name}`; did you mean `{meant}`?"),
            None => format!("Unknown parameter `{name}`."),
        }
    }

    /// Returns the mistakes in values, at most one per parameter. A value of the wrong type breaks
    /// most other constraints too.
    fn value_mistakes(&self, errors: &[ValidationError<'_>]) -> Vec<String> {
        let mut mistakes: IndexMap<String, Mistake> = IndexMap::new();
        for error in errors {
            let Some(mistake) = Mistake::of(error.kind()) else {
                continue;
            };

            let path = error
                .instance_path()
                .as_str()
                .trim_start_matches('/')
                .to_owned();
            let (name, is_entry) = path
                .split_once('/')
                .map_or((path.as_str(), false), |(name, _)| (name, true));

            let mistake = if is_entry {
                mistake.in_entry()
            } else {
                mistake
            };
            let told = mistakes.entry(name.to_owned()).or_insert(mistake);
            *told = mistake.min(*told);
        }

        let texts = mistakes.iter().map(|(name, mistake)| {
            let property = self.schema.property(name).unwrap_or(&Value::Null);
            mistake.text(name, property, self.constraint(name))
        });
        texts.collect()
    }

    fn constraint(&self, parameter: &str) -> Option<&str> {
        let constraint = self
            .constraints
            .iter()
            .find(|constraint| constraint.parameter == parameter)?;
        Some(constraint.description.trim().trim_end_matches('.'))
    }
}

/// A constraint that a value breaks. The most helpful one to report comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mistake {
    Type,
    Choice,
    Range,
    Length,
    Pattern,
    EntryType,
    EntryComma,
    EntryChoice,
    EntryRange,
    EntryLength,
    EntryPattern,
}

impl Mistake {
    fn of(kind: &ValidationErrorKind) -> Option<Self> {
        use ValidationErrorKind as Kind;
        match kind {
            Kind::AdditionalProperties { .. } | Kind::Required { .. } => None,
            Kind::Enum { .. } => Some(Self::Choice),
            Kind::Minimum { .. } | Kind::Maximum { .. } => Some(Self::Range),
            Kind::MinLength { .. } | Kind::MaxLength { .. } => Some(Self::Length),
            Kind::Pattern { .. } => Some(Self::Pattern),
            Kind::Not { .. } => Some(Self::EntryComma),
            _ => Some(Self::Type),
        }
    }

    fn in_entry(self) -> Self {
        match self {
            Self::Type => Self::EntryType,
            Self::Choice => Self::EntryChoice,
            Self::Range => Self::EntryRange,
            Self::Length => Self::EntryLength,
            Self::Pattern => Self::EntryPattern,
            of_entry => of_entry,
        }
    }

    fn text(self, name: &str, property: &Value, constraint: Option<&str>) -> String {
        let is_entry = self >= Self::EntryType;
        let subject = if is_entry {
            format!("Each entry of the parameter `{name}`")
        } else {
            parameter(name)
        };
        let property = if is_entry {
            &property["items"]
        } else {
            property
        };

        match (self.demand(property), constraint) {
            (demand, None) => format!("{subject} must {demand}."),
            // The author's constraint describes the whole list, not one entry.
            (_, Some(constraint)) if matches!(self, Self::Pattern | Self::EntryPattern) => {
                if constraint.starts_with("must ") {
                    format!("{} {constraint}.", parameter(name))
                } else {
                    format!("{} is not valid: {constraint}.", parameter(name))
                }
            }
            (demand, Some(constraint)) if constraint.starts_with("must ") && !is_entry => {
                format!("{subject} must {demand}; it {constraint}.")
            }
            (demand, Some(constraint)) => format!("{subject} must {demand} ({constraint})."),
        }
    }

    /// Returns the schema's requirement, as it follows "must".
    fn demand(self, property: &Value) -> String {
        match self {
            Self::EntryComma => "not contain a comma".into(),
            Self::Pattern | Self::EntryPattern => {
                format!(
                    "match the pattern `{}`",
                    property["pattern"].as_str().unwrap_or_default()
                )
            }
            Self::Length | Self::EntryLength => {
                let limits = limits(&property["minLength"], &property["maxLength"]);
                format!("have {} characters", limits.unwrap_or_default())
            }
            Self::Type
            | Self::Choice
            | Self::Range
            | Self::EntryType
            | Self::EntryChoice
            | Self::EntryRange => kind(property),
        }
    }
}

fn parameter(name: &str) -> String {
    format!("The parameter `{name}`")
}

/// Returns the required type with its limits, or the allowed values.
fn kind(property: &Value) -> String {
    if let Some(allowed) = property["enum"].as_array() {
        return format!("be {}", one_of(allowed));
    }

    let kind = &property["type"];
    match kind.as_str().or_else(|| kind[0].as_str()) {
        Some("boolean") => "be true or false".into(),
        Some("integer") => limited("a whole number", property),
        Some("number") => limited("a number", property),
        Some("array") => "be a list".into(),
        _ => "be a string".into(),
    }
}

/// Returns the kind of number with its limits.
fn limited(kind: &str, property: &Value) -> String {
    match limits(&property["minimum"], &property["maximum"]) {
        Some(limits) if limits.starts_with("at ") => format!("be {kind} of {limits}"),
        Some(limits) => format!("be {kind} from {limits}"),
        None => format!("be {kind}"),
    }
}

fn one_of(allowed: &[Value]) -> String {
    let texts: Vec<_> = allowed
        .iter()
        .filter(|value| !value.is_null())
        .map(shown)
        .collect();
    match texts.as_slice() {
        [only] => only.clone(),
        [first @ .., last] => format!("one of {} or {last}", first.join(", ")),
        [] => "omitted".into(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "an empty string".into(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

fn limits(minimum: &Value, maximum: &Value) -> Option<String> {
    match (minimum, maximum) {
        (Value::Null, Value::Null) => None,
        (Value::Null, maximum) => Some(format!("at most {maximum}")),
        (minimum, Value::Null) => Some(format!("at least {minimum}")),
        (minimum, maximum) => Some(format!("{minimum} to {maximum}")),
    }
}

/// A check for a mistake in a value, with the requirement as it follows "The parameter `…`".
type ValueCheck = (fn(&Value) -> bool, &'static str);

/// Checks for values that the schema accepts, but AWS does not.
const VALUE_CHECKS: [ValueCheck; 3] = [
    (
        has_dynamic_reference,
        "must not contain a dynamic reference, which begins with {{resolve, or a part of one",
    ),
    (
        has_control_character,
        "must not contain control characters, other than tabs and line breaks",
    ),
    (has_too_many_bytes, "must have at most 4,096 bytes"),
];

fn mistakes_beyond_schema(parameters: &Value) -> impl Iterator<Item = String> + '_ {
    let parameters = parameters.as_object().into_iter().flatten();
    parameters.flat_map(|(name, value)| {
        let mistakes = VALUE_CHECKS
            .iter()
            .filter(|(is_mistake, _)| is_mistake(value));
        mistakes.map(move |(_, demand)| format!("{} {demand}.", parameter(name)))
    })
}

/// Beginning of a dynamic reference. CloudFormation replaces it by a secret of the account,
/// regardless of the secret's owner.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>
const DYNAMIC_REFERENCE: &str = "{{resolve:";

/// True if a text contains a dynamic reference, or a part of one.
///
/// A template may join two parameters, and so two parts, into a reference. The first part then ends
/// within the reference's beginning, or the next one begins there.
fn has_dynamic_reference(value: &Value) -> bool {
    let second_half = DYNAMIC_REFERENCE.strip_prefix('{').unwrap_or_default();
    has_text(value, &|text| {
        // AWS does not document whether a reference may contain white space, so it is ignored.
        let text: String = text.split_whitespace().collect();
        let is_middle = !text.is_empty() && second_half.starts_with(&text);

        text.contains(DYNAMIC_REFERENCE)
            || text.starts_with(second_half)
            || is_cut_off(&text)
            || is_middle
    })
}

/// True if the text ends within a dynamic reference's beginning.
fn is_cut_off(text: &str) -> bool {
    let mut beginnings =
        (2..DYNAMIC_REFERENCE.len()).filter_map(|end| DYNAMIC_REFERENCE.get(..end));
    beginnings.any(|beginning| text.ends_with(beginning))
}

/// True if a text has characters that XML does not allow. CloudFormation creates a stack with them,
/// but nobody can then read its responses about the stack.
/// <https://www.w3.org/TR/xml/#charsets>
fn has_control_character(value: &Value) -> bool {
    has_text(value, &|text| !text.chars().all(is_xml))
}

fn is_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

/// CloudFormation's limit of one parameter value, in bytes.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const MAX_VALUE_BYTES: usize = 4_096;

/// True if the value exceeds CloudFormation's limit. The schema counts characters, not bytes.
fn has_too_many_bytes(value: &Value) -> bool {
    match value {
        // The schema already rejects a text with more characters than that.
        Value::String(text) => {
            text.len() > MAX_VALUE_BYTES && text.chars().count() <= MAX_VALUE_BYTES
        }
        // CloudFormation takes a list as comma-separated text.
        Value::Array(entries) => {
            let length: usize = entries.iter().map(bytes).sum();
            length + entries.len().saturating_sub(1) > MAX_VALUE_BYTES
        }
        _ => false,
    }
}

fn bytes(entry: &Value) -> usize {
    match entry {
        Value::String(text) => text.len(),
        other => other.to_string().len(),
    }
}

/// True if the predicate holds for a text in the value, such as an entry of a list.
fn has_text(value: &Value, is_such: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is_such(text),
        Value::Array(values) => values.iter().any(|value| has_text(value, is_such)),
        Value::Object(fields) => fields.values().any(|value| has_text(value, is_such)),
        _ => false,
    }
}

fn is_missing_one_of(known: &BTreeSet<&str>, error: &ValidationError<'_>) -> bool {
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            property.as_str().is_some_and(|name| known.contains(name))
        }
        _ => false,
    }
}

fn listed(names: &[impl AsRef<str>], separator: &str) -> String {
    names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect::<Vec<_>>()
        .join(separator)
}
