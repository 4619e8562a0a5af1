//! The operator's values of an instance's parameters, in a creation and in an update.

use std::collections::BTreeSet;

use catalog::{Offered, OperatorValues, Precedence};
use serde_json::Value;

use super::parameters;
use crate::{
    broker::{
        error::{Error, Result},
        records::Attributes,
    },
    osb::Object,
};

/// Returns the names of the parameters that have a value of the operator's, and that the plan leaves
/// open.
pub fn names<'a>(offered: &Offered<'_>, values: &'a OperatorValues) -> BTreeSet<&'a str> {
    let names = values.keys().map(String::as_str);
    names.filter(|name| offered.is_open(name)).collect()
}

/// Checks that the plan accepts the operator's values, and that none is missing that only the
/// operator can set.
///
/// # Errors
///
/// [`Error::InvalidOverride`] for a value that the plan does not accept. Another value in its place
/// could be one that the operator wanted to prevent. [`Error::Invalid`] if a value is missing.
pub fn check_values(offered: &Offered<'_>, values: &OperatorValues) -> Result<()> {
    let mut open = values.iter().filter(|(name, _)| offered.is_open(name));
    if let Some((name, _)) = open.find(|(name, it)| !offered.accepts(name, &it.value)) {
        return Err(Error::InvalidOverride(name.clone()));
    }

    let missing = offered.missing_of_operator(|name| values.contains_key(name));
    match missing.first() {
        None => Ok(()),
        Some(name) => Err(Error::Invalid(format!(
            "The plan `{}` needs a value of `{name}` that only the broker's operator can set, and \
             has not set for this space. Ask the operator for it.",
            offered.plan.name
        ))),
    }
}

/// Checks that the request sets no parameter to another value than the operator's, if this one
/// wins. A platform may repeat what it was told before.
///
/// # Errors
///
/// [`Error::Invalid`].
pub fn check_undecided(
    offered: &Offered<'_>,
    values: &OperatorValues,
    precedence: Precedence,
    requested: &Object,
    before: &Object,
) -> Result<()> {
    if precedence == Precedence::User {
        return Ok(());
    }
    let is_open = |name: &str, value: &Value| {
        let decided = values.get(name).filter(|_| offered.is_open(name));
        decided.is_none_or(|it| {
            *value == offered.shown(name, &it.value) || before.get(name) == Some(value)
        })
    };
    let requested = requested.iter().filter(|(_, value)| !value.is_null());
    match requested
        .clone()
        .find(|(name, value)| !is_open(name, value))
    {
        None => Ok(()),
        Some((name, _)) => Err(Error::Invalid(format!(
            "The broker's operator decides `{name}`. Leave it out."
        ))),
    }
}

/// Returns the operator's values that the instance has after an update, of those that win.
///
/// An instance keeps a value that it cannot change, and all values while it keeps an earlier version
/// of its template. The log then says which override is not applied.
pub fn after_update(
    (before, current): (&Offered<'_>, &Attributes),
    (after, target): (&Offered<'_>, &Attributes),
    winning: OperatorValues,
) -> OperatorValues {
    let keeps_earlier_template =
        target.template_version.as_deref() != after.offering.version.as_deref();
    let stays = |name: &String| {
        let is_fixed = before.knows(name) && !after.offering.is_updatable(name);
        after.knows(name) && (keeps_earlier_template || is_fixed)
    };
    let staying: Vec<_> = parameters::changed_overrides(&current.overrides, &winning)
        .into_iter()
        .filter(stays)
        .collect();

    let mut values = winning;
    for name in staying {
        tracing::warn!(
            parameter = name,
            "an override is not applied, because this instance cannot change the parameter"
        );
        match current.overrides.get(&name) {
            Some(kept) => drop(values.insert(name, kept.clone())),
            None => drop(values.remove(&name)),
        }
    }
    values
}
