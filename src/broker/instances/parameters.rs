//! Conversion of a request's `parameters` to the parameters of a stack.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Offered, OperatorValue, OperatorValues, Precedence, Resolved, Source};
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
    parameters
        .into_iter()
        .partition(|(name, _)| offered.is_secret(name))
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

/// Returns the parameters of a new stack. CloudFormation uses the template's default for a
/// parameter that is left out. The schema has already rejected user parameters that the plan fixes.
pub fn of_new_stack(
    offered: &Offered<'_>,
    attributes: &Attributes,
    secrets: &Object,
) -> BTreeMap<String, ParameterValue> {
    resolved(offered, attributes, secrets)
        .into_iter()
        .filter(|(_, resolved)| resolved.source != Source::Template)
        .map(|(name, resolved)| (name, ParameterValue::Given(resolved.value)))
        .collect()
}

/// Returns the values of all parameters of the instance's stack.
pub fn of_stack(
    offered: &Offered<'_>,
    attributes: &Attributes,
    secrets: &Object,
) -> BTreeMap<String, String> {
    values(resolved(offered, attributes, secrets))
}

/// Returns the values of the stack's parameters, without those that the operator has set.
pub fn of_others(
    offered: &Offered<'_>,
    attributes: &Attributes,
    secrets: &Object,
) -> BTreeMap<String, String> {
    let mut resolved = resolved(offered, attributes, secrets);
    resolved.retain(|name, _| !attributes.overrides.contains_key(name));
    values(resolved)
}

fn values(resolved: BTreeMap<String, Resolved>) -> BTreeMap<String, String> {
    resolved
        .into_iter()
        .map(|(name, resolved)| (name, resolved.value))
        .collect()
}

/// Returns the values of all parameters of the instance's stack, each with its source. The
/// attributes contain only the operator's values that won.
fn resolved(
    offered: &Offered<'_>,
    attributes: &Attributes,
    secrets: &Object,
) -> BTreeMap<String, Resolved> {
    let of_user = attributes.parameters.0.iter().chain(secrets);
    let mut resolved = offered.resolve(&attributes.overrides, Precedence::Operator, of_user);
    for reference in offered.offering.instance_references.iter() {
        let resolved = resolved.get_mut(&*reference.parameter);
        if let Some(resolved) = resolved
            && let Some(name) = attributes.references.get(&resolved.value)
        {
            resolved.value.clone_from(name);
        }
    }
    resolved
}

/// Returns the operator's values that win over the user's.
pub fn winning(
    offered: &Offered<'_>,
    operator: &OperatorValues,
    precedence: Precedence,
    of_user: &Object,
) -> OperatorValues {
    let resolved = offered.resolve(operator, precedence, of_user);

    let won = resolved.into_iter().filter_map(|(name, resolved)| {
        let Source::Operator(level) = resolved.source else {
            return None;
        };
        let value = resolved.value;
        Some((name, OperatorValue { value, level }))
    });
    won.collect()
}

/// Returns the parameters of a stack update that changes the template. They are those of a new
/// stack, but secrets that only the stack knows keep their previous values.
pub fn of_new_template(
    offered: &Offered<'_>,
    target: &Attributes,
    secrets: &Object,
    known_to_stack: &BTreeSet<String>,
) -> BTreeMap<String, ParameterValue> {
    let mut parameters = of_new_stack(offered, target, secrets);

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
    changed.extend(changed_overrides(&current.overrides, &target.overrides));

    let unknown: Vec<_> = changed.difference(known_to_stack).cloned().collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }

    let mut given = of_new_stack(offered, target, secrets);
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
        of_stack(before, current, &Object::new()),
        of_stack(after, target, &Object::new()),
    );
    let names = before.keys().chain(after.keys());
    names
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
        .collect()
}

/// Returns the names of the parameters for which the operator's values differ.
pub fn changed_overrides(before: &OperatorValues, after: &OperatorValues) -> BTreeSet<String> {
    let names = before.keys().chain(after.keys());
    names
        .filter(|name| value_of(before, name) != value_of(after, name))
        .cloned()
        .collect()
}

fn value_of<'v>(values: &'v OperatorValues, name: &str) -> Option<&'v str> {
    values.get(name).map(|it| &*it.value)
}
