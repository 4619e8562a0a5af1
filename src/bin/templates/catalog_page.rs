//! The table of all services.

use std::fmt::Write;

use aws_service_broker::catalog::{compiler::Inspection, model::Plan};

/// A line a service. `folder` is where the templates are, as seen from the page.
pub fn services(services: &[Inspection], folder: &str) -> String {
    let mut table = String::from("| Service | Plans | What it is |\n|---|---|---|\n");
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
