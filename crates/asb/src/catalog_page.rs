//! The table of all services, in the READMEs.

use std::fmt::Write;

use catalog::{compiler::Inspection, model::Plan};

/// Returns a table with one row per service. `folder` is the path from the page to the templates.
pub fn services(services: &[Inspection], folder: &str) -> String {
    let mut table = String::from("| Service | Plans | Description |\n|---|---|---|\n");
    for Inspection { offering, .. } in services {
        let plans: Vec<_> = offering
            .plans
            .iter()
            .map(|Plan { name, .. }| format!("`{name}`"))
            .collect();

        let (name, plans, description) = (&offering.name, plans.join(", "), &offering.description);
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| [`{name}`]({folder}{name}/README.md) | {plans} | {description} |"
        );
    }

    table
}
