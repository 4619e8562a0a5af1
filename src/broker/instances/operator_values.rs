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
    check_accepted(offered, values)?;
    check_complete(offered, values)
}

fn check_accepted(offered: &Offered<'_>, values: &OperatorValues) -> Result<()> {
    let mut open = values.iter().filter(|(name, _)| offered.is_open(name));
    if let Some((name, _)) = open.find(|(name, it)| !offered.accepts(name, &it.value)) {
        return Err(Error::InvalidOverride(name.clone()));
    }
    Ok(())
}

fn check_complete(offered: &Offered<'_>, values: &OperatorValues) -> Result<()> {
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
/// version of its template, it keeps all values. The log names each override that is not applied. A
/// value that the user has replaced is not kept.
pub fn after_update(
    (before, current): (&Offered<'_>, &Attributes),
    (after, target): (&Offered<'_>, &Attributes),
    winning: OperatorValues,
    precedence: Precedence,
) -> OperatorValues {
    let mut values = winning;
    for name in parameters::changed_overrides(&current.overrides, &values) {
        let is_replaced = precedence == Precedence::User && target.parameters.0.contains_key(&name);
        if is_replaced || !stays((before, current), (after, target), &name) {
            continue;
        }

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

/// True if the instance keeps what the operator had set for the parameter.
fn stays(
    (before, current): (&Offered<'_>, &Attributes),
    (after, target): (&Offered<'_>, &Attributes),
    name: &str,
) -> bool {
    if keeps_earlier_template(after, target) {
        return true;
    }
    // An upgrade brings a parameter that only the operator can set: the stack had none before.
    let is_needed = !after.missing_of_operator(|other| other != name).is_empty();
    let is_new = is_needed && !current.overrides.contains_key(name);
    after.knows(name) && before.knows(name) && !after.offering.is_updatable(name) && !is_new
}

/// True if the instance stays on an earlier version of its template than the catalog's.
pub fn keeps_earlier_template(after: &Offered<'_>, target: &Attributes) -> bool {
    target.template_version.as_deref() != after.offering.version.as_deref()
}

/// Checks the operator's values that an update changes. See [`check_values`]. An instance that
/// keeps an earlier template may lack those of the catalog's.
///
/// # Errors
///
/// The same as for [`check_values`].
pub fn check_changed_values(
    after: &Offered<'_>,
    target: &Attributes,
    current: &Attributes,
) -> Result<()> {
    if keeps_earlier_template(after, target) {
        return Ok(());
    }
    let mut checked = target.overrides.clone();
    checked.retain(|name, it| {
        let kept = current.overrides.get(name);
        kept.is_none_or(|kept| kept.value != it.value)
    });
    check_accepted(after, &checked)?;
    check_complete(after, &target.overrides)
}
