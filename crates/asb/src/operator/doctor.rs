//! Checks of the overrides: values that are missing, and overrides without effect.

use anyhow::{Result, bail};
use catalog::{Catalog, Overrides};

use super::described;

/// Prints each plan that needs a value from the operator, and each override without effect.
///
/// # Errors
///
/// The number of problems, if there are any.
pub fn examine(catalog: &Catalog, overrides: &Overrides) -> Result<()> {
    let mut found = missing_values(catalog, overrides);
    found.extend(overrides.iter().filter_map(|it| {
        let reason = it.problem(catalog)?;
        Some(format!(
            "an override has a problem: {}: {reason}",
            described(it)
        ))
    }));

    found.iter().for_each(|problem| println!("{problem}"));
    match found.len() {
        0 => {
            println!("Every plan has its values, and every override has an effect.");
            Ok(())
        }
        1 => bail!("1 problem was found"),
        number => bail!("{number} problems were found"),
    }
}

fn missing_values(catalog: &Catalog, overrides: &Overrides) -> Vec<String> {
    let mut missing = Vec::new();
    for offered in catalog.all_plans() {
        let service = &offered.offering.name;
        let given = overrides.parameters(service);
        for name in offered.missing_of_operator(|name| given.contains(name)) {
            missing.push(format!(
                "{service}/{} is not offered: asb override set --service {service} {name}=…",
                offered.plan.name
            ));
        }
    }
    missing
}
