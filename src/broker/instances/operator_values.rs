//! The operator's values of an instance's parameters, as creations and updates use them.

use std::collections::BTreeSet;

use catalog::{Offered, OperatorValues, Precedence};

use super::parameters;
use crate::{
    broker::{
        error::{Error, Result},
        records::Attributes,
    },
    osb::Object,
};

/// Returns the names of the parameters that these values can set: those that the plan leaves open.
pub fn names<'a>(offered: &Offered<'_>, values: &'a OperatorValues) -> BTreeSet<&'a str> {
    let names = values.keys().map(String::as_str);
    names.filter(|name| offered.is_open(name)).collect()
}

/// Checks that the plan accepts the operator's values, and that every parameter that only the
/// operator can set has a value.
///
/// # Errors
///
/// [`Error::InvalidOverride`] for a value that the plan does not accept. Ignoring the value could
/// allow what the operator wanted to prevent. [`Error::Invalid`] if a value is missing.
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

/// Checks that the request does not contradict the operator's values, if they win. A request may
/// repeat the operator's value, or the value `before` this update.
///
/// # Errors
///
/// [`Error::Invalid`] names the first parameter that differs.
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

    for (name, value) in requested.iter().filter(|(_, value)| !value.is_null()) {
        let Some(decided) = values.get(name).filter(|_| offered.is_open(name)) else {
            continue;
        };

        let is_same = *value == offered.shown(name, &decided.value);
        if !is_same && before.get(name) != Some(value) {
            return Err(Error::Invalid(format!(
                "The broker's operator decides `{name}`. Leave it out."
            )));
        }
    }

    Ok(())
}

/// Returns the operator's values that the instance has after an update. `winning` are the current
/// values that win over the user's.
///
/// An instance keeps the values of parameters that it cannot change. While it stays on an earlier
/// version of its template, it keeps all values. The log names each override that is not applied.
pub fn after_update(
    (before, current): (&Offered<'_>, &Attributes),
    (after, target): (&Offered<'_>, &Attributes),
    winning: OperatorValues,
) -> OperatorValues {
    let keeps_earlier_template =
        target.template_version.as_deref() != after.offering.version.as_deref();
    let staying: Vec<_> = parameters::changed_overrides(&current.overrides, &winning)
        .into_iter()
        .filter(|name| {
            let is_fixed = before.knows(name) && !after.offering.is_updatable(name);
            after.knows(name) && (keeps_earlier_template || is_fixed)
        })
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
