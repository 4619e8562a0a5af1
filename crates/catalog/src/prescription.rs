//! The catalog as it is shown under the operator's overrides.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    Catalog, Entry, Offered, PlanEntry,
    model::{Offering, Plan, Text},
    overrides::Overrides,
    parameter_schema::PlanSchemas,
    resolution::Precedence,
};

impl Catalog {
    /// True if what the catalog shows depends on overrides.
    pub fn depends_on_overrides(&self, precedence: Precedence) -> bool {
        precedence == Precedence::Operator
            || self
                .all_plans()
                .any(|offered| !offered.missing_of_operator(|_| false).is_empty())
    }

    /// Returns the catalog as it is shown under these overrides. Requests are validated by the
    /// original one.
    ///
    /// If the operator's values win, a parameter with a value for everybody is not shown: nobody can
    /// choose it. A plan is not shown while nobody has a value of a parameter that only the operator
    /// can set.
    #[must_use]
    pub fn under(&self, overrides: &Overrides, precedence: Precedence) -> Self {
        let entries = self.entries.iter().map(|entry| {
            let prescribed = overrides.values_for_everybody(&entry.offering.name);
            let hidden = match precedence {
                Precedence::Operator => prescribed.keys().map(String::as_str).collect(),
                Precedence::User => BTreeSet::new(),
            };
            let given = overrides.parameters(&entry.offering.name);

            let offering = without(&entry.offering, &hidden);
            let plans = offering.plans.iter().zip(self.plans(entry));
            let plans = plans.map(|(plan, offered)| shown(&offering, plan, &offered, &given));
            Entry {
                id: entry.id.clone(),
                plans: plans.collect(),
                offering: offering.clone(),
            }
        });
        Self {
            entries: entries.collect(),
            ..self.clone()
        }
    }
}

fn shown(
    offering: &Offering,
    plan: &Plan,
    offered: &Offered<'_>,
    given: &BTreeSet<&str>,
) -> PlanEntry {
    let missing = offered.missing_of_operator(|name| given.contains(name));
    PlanEntry {
        id: offered.id().to_owned(),
        schemas: PlanSchemas::new(offering, plan),
        limits: None,
        is_offered: offered.is_offered() && missing.is_empty(),
    }
}

/// Returns the offering without these parameters in the schemas of its plans.
fn without(offering: &Offering, hidden: &BTreeSet<&str>) -> Offering {
    let mut offering = offering.clone();
    if !hidden.is_empty() {
        for plan in offering.plans.to_mut() {
            plan.create_schema = without_properties(&plan.create_schema, hidden);
            plan.update_schema = without_properties(&plan.update_schema, hidden);
        }
    }
    offering
}

fn without_properties(schema: &Text, hidden: &BTreeSet<&str>) -> Text {
    let Ok(Value::Object(mut schema)) = serde_json::from_str::<Value>(schema) else {
        return schema.clone();
    };
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.retain(|name, _| !hidden.contains(name.as_str()));
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| name.as_str().is_none_or(|name| !hidden.contains(name)));
        // An empty list is invalid in draft 4.
        if required.is_empty() {
            schema.shift_remove("required");
        }
    }
    Value::Object(schema).to_string().into()
}
