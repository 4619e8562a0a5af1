//! The catalog that users see, which depends on the operator's overrides.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    Catalog, Entry, Offered, PlanEntry,
    model::{Offering, Plan, Text},
    overrides::{OperatorLimits, Overrides},
    parameter_schema::PlanSchemas,
    resolution::Precedence,
    restrictions::with_properties,
};

impl Catalog {
    /// True if overrides can change the catalog that users see.
    pub fn depends_on_overrides(&self, precedence: Precedence) -> bool {
        precedence == Precedence::Operator
            || self
                .all_plans()
                .any(|offered| !offered.missing_of_operator(|_| false).is_empty())
    }

    /// Returns the catalog that users see under these overrides. Requests are validated against the
    /// original catalog.
    ///
    /// If the operator's values win, a parameter with a value for everybody is not shown: nobody can
    /// choose it; and a limit for everybody is in the schemas. A plan is not shown while nobody has a value of a parameter that only the operator
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

            let limits = match precedence {
                Precedence::Operator => overrides.limits_without_exception(&entry.offering.name),
                Precedence::User => OperatorLimits::new(),
            };
            let offering = within(
                &self.plans(entry).collect::<Vec<_>>(),
                &entry.offering,
                &limits,
            );
            let offering = without(&offering, &hidden);
            let plans = offering.plans.iter().zip(self.plans(entry));
            let plans =
                plans.map(|(plan, offered)| shown(&offering, plan, &offered, &given, &limits));
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
    limits: &OperatorLimits,
) -> PlanEntry {
    let missing = offered.missing_of_operator(|name| given.contains(name));
    let is_allowed = offered.check_plan_limit(limits).is_ok();
    PlanEntry {
        id: offered.id().to_owned(),
        schemas: PlanSchemas::new(offering, plan),
        limits: None,
        is_offered: offered.is_offered() && is_allowed && missing.is_empty(),
    }
}

/// Returns the offering with these limits in the schemas of its plans.
fn within(plans: &[Offered<'_>], offering: &Offering, limits: &OperatorLimits) -> Offering {
    let mut offering = offering.clone();
    if limits.is_empty() {
        return offering;
    }

    for (plan, offered) in offering.plans.to_mut().iter_mut().zip(plans) {
        let limited = offered.limited_properties(limits).unwrap_or_default();
        let required = lost_defaults(offered, &limited);
        plan.create_schema = with_properties(&plan.create_schema, &limited, &required);
        plan.update_schema = with_properties(&plan.update_schema, &limited, &[]);
    }
    offering
}

/// Returns the limited parameters that have lost their default.
fn lost_defaults(offered: &Offered<'_>, limited: &Map<String, Value>) -> Vec<String> {
    let has_default = |property: &Value| property.get("default").is_some();
    let lost = limited.iter().filter(|(name, property)| {
        !has_default(property) && offered.property(name).is_some_and(has_default)
    });
    lost.map(|(name, _)| name.clone()).collect()
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
