//! JSON Schemas of parameters. Each is compiled on first use, and at most once per process.

use std::sync::OnceLock;

use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::model::{Offering, Plan, Text};

/// Schemas that validate the parameters of requests for a plan.
#[derive(Debug)]
pub struct PlanSchemas {
    /// Schema of a provision request's `parameters`.
    pub create: LazySchema,
    /// Schema of an update request's `parameters`.
    pub update: LazySchema,
    /// Schema of the parameters that only the operator can set.
    pub operator: LazySchema,
    /// Schema of a bind request's `parameters`.
    pub bind: LazySchema,
}

impl PlanSchemas {
    /// Creates the schemas of this plan, not compiled yet.
    pub fn new(offering: &Offering, plan: &Plan) -> Self {
        Self {
            create: LazySchema::new(plan.create_schema.clone()),
            update: LazySchema::new(plan.update_schema.clone()),
            operator: LazySchema::new(plan.operator_schema.clone()),
            bind: LazySchema::new(offering.bindings.create_schema.clone()),
        }
    }
}

/// A schema that is compiled on first use.
#[derive(Debug)]
pub struct LazySchema {
    text: Text,
    compiled: OnceLock<Result<ParameterSchema, String>>,
}

impl LazySchema {
    /// Creates the schema of this JSON text, not compiled yet.
    pub fn new(text: Text) -> Self {
        Self {
            text,
            compiled: OnceLock::new(),
        }
    }

    /// Returns the compiled schema. The first call compiles it.
    ///
    /// # Errors
    ///
    /// The reason why the schema is invalid. Schemas from the template compiler are always valid.
    pub fn get(&self) -> Result<&ParameterSchema, String> {
        self.compiled
            .get_or_init(|| ParameterSchema::compile(&self.text))
            .as_ref()
            .map_err(Clone::clone)
    }
}

/// A compiled schema with its JSON document.
#[derive(Debug)]
pub struct ParameterSchema {
    document: Value,
    validator: Validator,
}

fn unusable(error: impl std::fmt::Display) -> String {
    format!("The plan's schema is not valid: {error}")
}

impl ParameterSchema {
    /// Compiles the schema of this JSON text.
    ///
    /// # Errors
    ///
    /// The reason why the schema is invalid.
    pub fn compile(text: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(text).map_err(unusable)?;
        let validator = jsonschema::draft4::new(&document).map_err(unusable)?;
        Ok(Self {
            document,
            validator,
        })
    }

    /// Returns the validation errors of the parameters, which are a JSON object.
    pub fn errors<'a>(&'a self, parameters: &'a Value) -> Vec<ValidationError<'a>> {
        self.validator.iter_errors(parameters).collect()
    }

    /// Returns the names of all parameters in the schema.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let properties = self.document.get("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flat_map(|properties| properties.keys().map(String::as_str))
    }

    /// Returns the names of the required parameters.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        let required = self.document.get("required").and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str)
    }

    /// Returns the schema of a parameter's value. None if the schema has no such parameter.
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.document.get("properties")?.get(name)
    }
}
