//! The operator's restrictions of plans, and of the values of their parameters.
//!
//! Restrictions apply to new requests only. Existing instances keep their plans and values.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};

use super::{
    consent::Consents,
    database_scopes::DatabaseAccess,
    model::{Offering, Plan, StackParameter, Text},
    normalization::{normalized_value, parameter_text},
    unique::UniqueMap,
};

/// The restrictions and consents of one broker deployment. By default there are none of either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// Plans that are offered. Services that do not occur here offer all their plans.
    pub plans: EnabledPlans,
    /// Limits of parameters' values.
    pub limits: ParameterLimits,
    /// The operator's consents to values that users name.
    pub consents: Consents,
    /// The broker's access to databases, which decides on the scopes of their bindings.
    pub database_access: DatabaseAccess,
}

/// Enabled plans, as `service/plan`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnabledPlans(BTreeSet<String>);

/// Limits by service (`kinesis`) or plan (`kinesis/custom`), then by parameter. A plan's limit of a
/// parameter replaces that of its service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ParameterLimits(UniqueMap<UniqueMap<ParameterLimit>>);

/// A limit of a parameter's values, with the names of CloudFormation's properties.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ParameterLimit {
    /// Smallest allowed number. For some parameters, 0 means unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_value: Option<Number>,
    /// Largest allowed number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value: Option<Number>,
    /// Allowed values. The first one becomes the default if the template's default is not among
    /// them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_values: Option<Vec<Value>>,
    /// The only allowed value. It also becomes the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

impl ParameterLimit {
    /// True if the limit of the plans that users can choose allows the plan of this name.
    pub fn allows_plan(&self, name: &str) -> bool {
        let mut allowed = self.allowed_values.iter().flatten();
        allowed.any(|allowed| allowed == name)
    }
}

/// A limit that is stored as JSON text: a DynamoDB number would not preserve `1.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitText(pub ParameterLimit);

impl LimitText {
    fn text(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

impl PartialOrd for LimitText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LimitText {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text().cmp(&other.text())
    }
}

impl Serialize for LimitText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(&self.0).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for LimitText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let limit = serde_json::from_str(&text).map_err(serde::de::Error::custom)?;
        Ok(Self(limit))
    }
}

impl fmt::Display for LimitText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Returns the plans of all services with their qualified names, `service/plan`.
fn plans(offerings: &[Offering]) -> impl Iterator<Item = (String, &Offering, &Plan)> {
    offerings.iter().flat_map(move |offering| {
        offering
            .plans
            .iter()
            .map(move |plan| (qualified(offering, &plan.name), offering, plan))
    })
}

fn qualified(offering: &Offering, plan: &str) -> String {
    format!("{}/{plan}", offering.name)
}

impl EnabledPlans {
    /// Reads a comma-separated list of plans.
    ///
    /// # Errors
    ///
    /// A message that names an entry which is no plan of the catalog.
    pub fn parse(list: &str, offerings: &[Offering]) -> Result<Self, String> {
        let names: BTreeSet<_> = list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        let known: BTreeSet<_> = plans(offerings).map(|(name, ..)| name).collect();
        match names.difference(&known).next() {
            Some(unknown) => Err(format!(
                "`{unknown}` is not a plan in the catalog: write service/plan"
            )),
            None => Ok(Self(names)),
        }
    }

    /// True if the list has the plan, or no plan of its service.
    pub fn allow(&self, offering: &Offering, plan: &Plan) -> bool {
        let of_service = qualified(offering, "");
        let is_restricted = self.0.iter().any(|name| name.starts_with(&of_service));
        !is_restricted || self.0.contains(&qualified(offering, &plan.name))
    }
}

impl ParameterLimits {
    /// Reads the limits from a JSON object, or from an empty text.
    ///
    /// # Errors
    ///
    /// A message if the JSON is invalid, or does not limit parameters that users can choose.
    pub fn parse(text: &str, offerings: &[Offering]) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }

        let limits: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for (name, limits) in &limits.0.0 {
            let limited = plans(offerings)
                .filter(|(plan, offering, _)| name == plan || *name == *offering.name);
            let limited: Vec<_> = limited
                .map(|(_, _, plan)| properties(&plan.create_schema))
                .collect();
            if limited.is_empty() {
                return Err(format!(
                    "`{name}` is neither a service nor a plan in the catalog"
                ));
            }

            for (parameter, limit) in &limits.0 {
                let mut properties = limited
                    .iter()
                    .filter_map(|properties| properties.get(parameter))
                    .peekable();
                if properties.peek().is_none() {
                    return Err(format!(
                        "`{name}` has no parameter `{parameter}` that users can set"
                    ));
                }

                properties.try_for_each(|property| {
                    limited_property(property, limit)
                        .map(drop)
                        .map_err(|reason| format!("`{parameter}`: {reason}"))
                })?;
            }
        }

        Ok(limits)
    }

    /// True if no parameter is limited.
    pub fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }

    /// Applies the limits to a plan. Returns the schema of the limited parameters, or None if the
    /// plan has none.
    ///
    /// A default beyond the limit is replaced by one within it. A parameter that instances cannot
    /// change (not in `updatable`) loses its default instead, and users must choose a value. An
    /// upgrade would otherwise replace its resource.
    pub fn apply(&self, service: &str, updatable: &[Text], plan: &mut Plan) -> Option<Text> {
        let created = properties(&plan.create_schema);
        let limits = self.limits(service, &plan.name).into_iter();
        let mut limited: Map<_, _> = limits
            .filter_map(|(name, limit)| {
                let property = limited_property(created.get(name)?, limit).ok()?;
                Some((name.clone(), property))
            })
            .collect();
        if limited.is_empty() {
            return None;
        }

        let required = apply_defaults(&mut limited, &created, updatable, plan);
        plan.create_schema = with_properties(&plan.create_schema, &limited, &required);
        plan.update_schema = with_properties(&plan.update_schema, &limited, &[]);
        Some(
            json!({"type": "object", "properties": limited})
                .to_string()
                .into(),
        )
    }

    /// Returns the limits of a plan's parameters, by name.
    fn limits(&self, service: &str, plan: &str) -> BTreeMap<&String, &ParameterLimit> {
        let names = [service.to_owned(), format!("{service}/{plan}")];
        // Limits of the plan come last, so they replace those of its service.
        names
            .iter()
            .filter_map(|name| self.0.0.get(name))
            .flat_map(|limits| &limits.0)
            .collect()
    }
}

/// Adds new defaults to the plan. Returns the parameters that no longer have a default.
fn apply_defaults(
    limited: &mut Map<String, Value>,
    created: &Map<String, Value>,
    updatable: &[Text],
    plan: &mut Plan,
) -> Vec<String> {
    let mut required = Vec::new();
    for (name, property) in limited {
        let default = property.get("default");
        if default == created[name].get("default") {
            continue;
        }

        match default {
            Some(default) if updatable.iter().any(|updatable| updatable == name) => {
                let value = parameter_text(default).into();
                plan.parameters.to_mut().push(StackParameter {
                    name: name.clone().into(),
                    value,
                });
            }
            _ => {
                remove_default(property);
                required.push(name.clone());
            }
        }
    }
    required
}

fn properties(schema: &str) -> Map<String, Value> {
    let mut schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.map(std::mem::take).unwrap_or_default()
}

/// Returns the schema with these limits and required parameters. In an update schema, a limited
/// parameter may still be `null`.
pub fn with_properties(schema: &str, limited: &Map<String, Value>, required: &[String]) -> Text {
    let mut document: Value = serde_json::from_str(schema).unwrap_or_default();
    let properties = document
        .get_mut("properties")
        .and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        if let (Some(limited), Some(property)) = (limited.get(name), property.as_object_mut()) {
            limit_property(property, limited);
        }
    }

    if let (false, Some(document)) = (required.is_empty(), document.as_object_mut()) {
        let known = document.get("required").and_then(Value::as_array).cloned();
        let required = required.iter().map(|name| name.clone().into());
        let required = known
            .unwrap_or_default()
            .into_iter()
            .chain(required)
            .collect();
        document.insert("required".into(), required);
    }

    document.to_string().into()
}

/// Lays the limits over the schema of a parameter's values, which may allow `null` as well.
fn limit_property(property: &mut Map<String, Value>, limited: &Value) {
    let takes_null = property.get("type").is_some_and(Value::is_array);
    for key in ["minimum", "maximum", "enum", "items"] {
        if let Some(limit) = limited.get(key) {
            property.insert(key.into(), limit.clone());
        }
    }

    match property.get_mut("enum").and_then(Value::as_array_mut) {
        Some(allowed) if takes_null => allowed.push(Value::Null),
        _ => {}
    }

    match limited.get("default") {
        Some(default) if property.contains_key("default") => {
            property.insert("default".into(), default.clone());
        }
        Some(_) => {}
        None => drop(property.shift_remove("default")),
    }
}

/// Returns the schema of a parameter's values within the limit. A default beyond it becomes the
/// nearest limit or the first allowed value. The default of a list is removed instead.
pub fn limited_property(property: &Value, limit: &ParameterLimit) -> Result<Value, String> {
    let mut limited = property.clone();
    if limit == &ParameterLimit::default() {
        return Err("it must have MinValue, MaxValue, AllowedValues or Value".into());
    }

    limit_range(
        &mut limited,
        limit.min_value.as_ref(),
        limit.max_value.as_ref(),
    )?;
    if let Some(values) = &limit.allowed_values {
        choose_among(&mut limited, values)?;
    }
    if let Some(value) = &limit.value {
        choose_among(&mut limited, std::slice::from_ref(value))?;
        set_default(&mut limited, normalized_value(property, value.clone()));
    }

    Ok(limited)
}

fn limit_range(
    property: &mut Value,
    least: Option<&Number>,
    most: Option<&Number>,
) -> Result<(), String> {
    for (key, limit, is_beyond) in [
        ("minimum", least, f64::lt as fn(&f64, &f64) -> bool),
        ("maximum", most, f64::gt),
    ] {
        let Some(limit) = limit else { continue };
        let given = limit.as_f64().ok_or("a limit is not a number")?;

        if property[key]
            .as_f64()
            .is_none_or(|known| is_beyond(&known, &given))
        {
            property[key] = limit.clone().into();
        }
        if property["default"]
            .as_f64()
            .is_some_and(|default| is_beyond(&default, &given))
        {
            property["default"] = limit.clone().into();
        }
    }

    let is_limited = least.or(most).is_some();
    let is_empty = property["minimum"].as_f64() > property["maximum"].as_f64()
        && property["maximum"].is_number();
    if is_limited && (is_empty || !is_numeric(property)) {
        return Err("it accepts no number between MinValue and MaxValue".into());
    }

    Ok(())
}

fn choose_among(property: &mut Value, values: &[Value]) -> Result<(), String> {
    let is_list = property["type"] == "array";
    let allowed = forms(
        if is_list {
            &property["items"]
        } else {
            property
        },
        values,
    );
    let schema = if is_list {
        &property["items"]
    } else {
        &*property
    };

    let validator = jsonschema::draft4::new(schema).map_err(|error| error.to_string())?;
    if allowed.is_empty() || allowed.iter().any(|value| !validator.is_valid(value)) {
        return Err("it does not accept these values".into());
    }

    match property.get("default") {
        Some(Value::Array(default)) if default.iter().any(|entry| !allowed.contains(entry)) => {
            remove_default(property)
        }
        Some(Value::Array(_)) | None => {}
        Some(default) if allowed.contains(default) => {}
        Some(_) => {
            if let Some(first) = allowed.first() {
                set_default(property, first.clone());
            }
        }
    }

    let limited = if is_list {
        &mut property["items"]
    } else {
        property
    };
    limited["enum"] = allowed.into();
    Ok(())
}

fn forms(property: &Value, values: &[Value]) -> Vec<Value> {
    values
        .iter()
        .map(|value| normalized_value(property, value.clone()))
        .collect()
}

fn set_default(property: &mut Value, default: Value) {
    if let Some(property) = property.as_object_mut() {
        property.insert("default".into(), default);
    }
}

pub fn remove_default(property: &mut Value) {
    if let Some(property) = property.as_object_mut() {
        property.shift_remove("default");
    }
}

fn is_numeric(property: &Value) -> bool {
    matches!(property["type"].as_str(), Some("integer" | "number"))
}
