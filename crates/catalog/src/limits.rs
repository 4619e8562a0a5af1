//! The operator's limits of the values that users can choose, from overrides.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::{
    Offered,
    normalization::normalized,
    overrides::{OperatorLimits, PLAN},
    parameter_schema::ParameterSchema,
    restrictions::{ParameterLimit, limited_property, remove_default},
    validation::Check,
};

impl Offered<'_> {
    /// Checks that the operator's limits allow the plan.
    ///
    /// # Errors
    ///
    /// A message for the user.
    pub fn check_plan_limit(&self, limits: &OperatorLimits) -> Result<(), String> {
        let limit = limits.get(PLAN);
        if limit.is_none_or(|limit| limit.allows_plan(&self.plan.name)) {
            return Ok(());
        }
        Err(format!(
            "The broker's operator does not allow the plan `{}` in this space. Choose another one.",
            self.plan.name
        ))
    }

    /// Checks values of stack parameters against the operator's limits. The values have the form
    /// that CloudFormation takes.
    ///
    /// # Errors
    ///
    /// A message for the user with the parameters that are not allowed. It never repeats a value.
    pub fn check_limits(
        &self,
        limits: &OperatorLimits,
        values: &BTreeMap<String, String>,
    ) -> Result<(), String> {
        let limited = self.limited_properties(limits)?;
        if limited.is_empty() {
            return Ok(());
        }

        let chosen = values
            .iter()
            .filter(|(name, _)| limited.contains_key(*name));
        let chosen = chosen
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        let schema = json!({"type": "object", "properties": limited});
        let schema = ParameterSchema::compile(&schema.to_string())?;
        let check = Check {
            schema: &schema,
            constraints: &self.offering.constraints,
            taker: "The plan accepts",
            besides: &[],
            decided: &[],
        };
        check.check(&normalized(&schema, chosen), &BTreeSet::new())
    }

    /// Returns the schemas of the limited parameters that the plan leaves to users. A default beyond
    /// its limit is left out: users have to choose a value.
    ///
    /// # Errors
    ///
    /// A message for the user, if a limit does not fit the template any more. Without the limit, a
    /// user could choose what the operator wants to prevent.
    pub fn limited_properties(
        &self,
        limits: &OperatorLimits,
    ) -> Result<Map<String, Value>, String> {
        let limited = limits.iter().filter_map(|(name, limit)| {
            let property = self.limited(name, limit)?;
            Some(property.map(|property| (name.clone(), property)))
        });
        limited.collect::<Result<_, _>>().map_err(|reason| {
            format!(
                "The limit that the broker's operator has set does not fit the plan ({reason}). Ask \
                 the operator to correct it."
            )
        })
    }

    /// Returns the schema of a parameter within the limit, or the reason why it cannot be limited so.
    /// None if the plan does not leave the parameter to users.
    pub fn limited(&self, name: &str, limit: &ParameterLimit) -> Option<Result<Value, String>> {
        let schema = self.entry.schemas.create.get().ok()?;
        let property = schema.property(name)?;
        let limited = limited_property(property, limit).map(|mut limited| {
            if limited.get("default") != property.get("default") {
                remove_default(&mut limited);
            }
            limited
        });
        Some(limited.map_err(|reason| format!("`{name}`: {reason}")))
    }
}
