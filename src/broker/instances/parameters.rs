//! Conversion of a request's `parameters` to the parameters of a stack.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Offered, model::StackParameter};
use serde_json::Value;

use crate::{
    broker::{
        error::Result,
        ports::ParameterValue,
        records::{Attributes, json},
    },
    osb::Object,
};

/// Splits the parameters into the `NoEcho` ones and the others.
pub fn split_secret(offered: &Offered<'_>, parameters: Object) -> (Object, Object) {
    let is_secret = |name: &str| {
        offered
            .offering
            .secret_parameters
            .iter()
            .any(|secret| secret == name)
    };
    parameters
        .into_iter()
        .partition(|(name, _)| is_secret(name))
}

/// Returns `parameters` with `changes` applied. A `null` resets a parameter to its default.
pub fn merge(mut parameters: Object, changes: &Object) -> Object {
    for (name, value) in changes {
        match value {
            Value::Null => drop(parameters.shift_remove(name)),
            value => drop(parameters.insert(name.clone(), value.clone())),
        }
    }
    parameters
}

/// Returns the parameters of a new stack: the plan's parameters, then the user's. CloudFormation
/// uses the template's default for any other parameter. The schema has already rejected user
/// parameters that the plan fixes.
pub fn of_new_stack<'a>(
    offered: &'a Offered<'_>,
    of_user: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> BTreeMap<String, ParameterValue> {
    texts(&*offered.plan.parameters, of_user)
        .map(|(name, value)| (name, ParameterValue::Given(value)))
        .collect()
}

/// Returns the values of all parameters of a new stack, from the template, the plan or the user.
pub fn of_stack<'a>(
    offered: &'a Offered<'_>,
    of_user: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> BTreeMap<String, String> {
    let defaults = offered.offering.parameter_defaults.iter();
    texts(defaults.chain(&*offered.plan.parameters), of_user).collect()
}

/// Returns the catalog's values, then the user's. In the maps that callers collect, later values
/// win. A `null` of the user resets a parameter.
fn texts<'a>(
    of_catalog: impl IntoIterator<Item = &'a StackParameter>,
    of_user: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> impl Iterator<Item = (String, String)> {
    let of_catalog = of_catalog
        .into_iter()
        .map(|given| (given.name.to_string(), given.value.to_string()));
    let of_user = of_user
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), json::text(value)));
    of_catalog.chain(of_user)
}

/// Returns the parameters of a stack update that changes the template. They are those of a new
/// stack, but secrets that only the stack knows keep their previous values.
pub fn of_new_template(
    offered: &Offered<'_>,
    target: &Attributes,
    secrets: &Object,
    known_to_stack: &BTreeSet<String>,
) -> BTreeMap<String, ParameterValue> {
    let mut parameters = of_new_stack(offered, target.parameters.0.iter().chain(secrets));
    let kept = target
        .secret_parameters
        .iter()
        .flat_map(|secrets| secrets.names());
    let kept = kept.filter(|name| !secrets.contains_key(*name));
    for name in kept.filter(|name| known_to_stack.contains(*name) && offered.takes(name)) {
        parameters.insert(name.to_owned(), ParameterValue::Previous);
    }
    parameters
}

/// Returns the parameters of a stack update that keeps the template. Parameters change if they
/// differ between `current` and `target`, or are among `secrets`; all others keep their values.
/// CloudFormation uses the template's default for a parameter that is left out.
///
/// # Errors
///
/// The changed parameters that the stack's template, an older one, does not have.
pub fn of_same_template(
    offered: &Offered<'_>,
    current: &Attributes,
    target: &Attributes,
    secrets: &Object,
    known_to_stack: &BTreeSet<String>,
) -> Result<BTreeMap<String, ParameterValue>, Vec<String>> {
    let mut changed = json::changed_names(&current.parameters.0, &target.parameters.0);
    changed.extend(secrets.keys().cloned());

    let unknown: Vec<_> = changed.difference(known_to_stack).cloned().collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }

    let mut given = of_new_stack(offered, target.parameters.0.iter().chain(secrets));
    let parameters = known_to_stack.iter().filter_map(|name| {
        let value = if changed.contains(name) {
            given.remove(name)?
        } else {
            ParameterValue::Previous
        };
        Some((name.clone(), value))
    });
    Ok(parameters.collect())
}

/// Returns the names of the stack's parameters, except secret ones, whose values differ. A value
/// may come from the user, the plan or the template.
pub fn changed_in_stack(
    (before, current): (&Offered<'_>, &Attributes),
    (after, target): (&Offered<'_>, &Attributes),
) -> BTreeSet<String> {
    let (before, after) = (
        of_stack(before, &current.parameters.0),
        of_stack(after, &target.parameters.0),
    );
    let names = before.keys().chain(after.keys());
    names
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
        .collect()
}
