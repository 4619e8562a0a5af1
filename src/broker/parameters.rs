//! From the `parameters` of a request to those of a stack.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{instance::Attributes, ports::ParameterValue};
use crate::{
    catalog::{self, Offered, model::StackParameter},
    osb::Object,
};

/// The `NoEcho` parameters, and the others.
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

/// `parameters` with `changes` over them, of which a `null` resets one to its default.
pub fn merge(mut parameters: Object, changes: &Object) -> Object {
    for (name, value) in changes {
        match value {
            Value::Null => drop(parameters.shift_remove(name)),
            value => drop(parameters.insert(name.clone(), value.clone())),
        }
    }
    parameters
}

/// What a stack is made with: the plan's parameters with the user's over them. What neither gives
/// has the template's default. The schema has made sure that the user gives none which the plan
/// fixes.
pub fn of_new_stack(
    offered: &Offered<'_>,
    parameters: &Object,
) -> BTreeMap<String, ParameterValue> {
    texts(&offered.plan.parameters, parameters)
        .map(|(name, value)| (name, ParameterValue::Given(value)))
        .collect()
}

/// The values of all parameters of a new stack, whoever gives them: the template, the plan or the
/// user.
pub fn of_stack(offered: &Offered<'_>, parameters: &Object) -> BTreeMap<String, String> {
    let given = [
        &*offered.offering.parameter_defaults,
        &*offered.plan.parameters,
    ]
    .concat();
    texts(&given, parameters).collect()
}

/// What the catalog gives, then what the user gives: the later counts.
fn texts(
    of_catalog: &[StackParameter],
    of_user: &Object,
) -> impl Iterator<Item = (String, String)> {
    let of_catalog = of_catalog
        .iter()
        .map(|given| (given.name.to_string(), given.value.to_string()));
    of_catalog.chain(
        of_user
            .iter()
            .map(|(name, value)| (name.clone(), text(value))),
    )
}

/// What a stack that gets a new template is updated with: as a new stack, but for secrets that only
/// the stack knows.
pub fn of_new_template(
    offered: &Offered<'_>,
    target: &Attributes,
    secrets: &Object,
    known_to_stack: &BTreeSet<String>,
) -> BTreeMap<String, ParameterValue> {
    let mut parameters = of_new_stack(offered, &merge(target.parameters.0.clone(), secrets));
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

/// What a stack that keeps its template is updated with: everything stays but for what differs
/// between `current` and `target`. A parameter that is left out gets the template's default.
///
/// # Errors
///
/// The parameters that the stack's template, an older one, does not have.
pub fn of_same_template(
    offered: &Offered<'_>,
    current: &Attributes,
    target: &Attributes,
    secrets: &Object,
    known_to_stack: &BTreeSet<String>,
) -> Result<BTreeMap<String, ParameterValue>, Vec<String>> {
    let mut changed = changed_names(&current.parameters.0, &target.parameters.0);
    changed.extend(secrets.keys().cloned());

    let unknown: Vec<_> = changed.difference(known_to_stack).cloned().collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }

    let mut given = of_new_stack(offered, &merge(target.parameters.0.clone(), secrets));
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

/// Whether both give CloudFormation the same values. Records of earlier versions hold flags as
/// texts and whole numbers with a fraction of zero, which are the same to it.
pub fn are_same(one: &Object, other: &Object) -> bool {
    changed_names(one, other).is_empty()
}

/// The parameters that have not the same value in both.
fn changed_names(before: &Object, after: &Object) -> BTreeSet<String> {
    let value = |of: &Object, name: &str| of.get(name).map(text);
    before
        .keys()
        .chain(after.keys())
        .filter(|name| value(before, name) != value(after, name))
        .cloned()
        .collect()
}

/// The stack's parameters, but for secret ones, that are not the same for both, whoever gives them:
/// the user, the plan or the template.
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

/// CloudFormation takes every value as text, and a list as text with commas.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => catalog::plain(number.clone()).to_string(),
        Value::Array(entries) => entries.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Replaces the values of `secrets` in a text, in every form in which CloudFormation got them: as
/// text, and the entries of a list one by one.
pub fn without_secrets(of: &str, secrets: &Object) -> String {
    let mut values: Vec<_> = secrets
        .values()
        .flat_map(forms)
        .filter(|form| !form.is_empty())
        .collect();
    // One that is a part of another must not spare the rest of it.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));

    values
        .iter()
        .fold(of.to_owned(), |text, value| text.replace(value, "(secret)"))
}

fn forms(value: &Value) -> Vec<String> {
    let entries = value.as_array().into_iter().flatten().map(text);
    entries.chain([text(value)]).collect()
}
