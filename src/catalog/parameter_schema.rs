//! JSON Schemas of parameters, each compiled once a process and only where a request needs it.

use std::sync::OnceLock;

use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::model::{Offering, Plan, Text};

/// The schemas that the parameters of requests for a plan are checked against.
#[derive(Debug)]
pub struct PlanSchemas {
    /// The schema of a provision request.
    pub create: LazySchema,
    /// The schema of an update request.
    pub update: LazySchema,
    /// The schema of a bind request.
    pub bind: LazySchema,
}

impl PlanSchemas {
    /// The schemas of this plan.
    pub fn new(offering: &Offering, plan: &Plan) -> Self {
        Self {
            create: LazySchema::new(plan.create_schema.clone()),
            update: LazySchema::new(plan.update_schema.clone()),
            bind: LazySchema::new(offering.bindings.create_schema.clone()),
        }
    }
}

/// A schema that is compiled when it is used first.
#[derive(Debug)]
pub struct LazySchema {
    text: Text,
    compiled: OnceLock<Result<ParameterSchema, String>>,
}

impl LazySchema {
    /// The schema of this text, not compiled yet.
    pub fn new(text: Text) -> Self {
        Self {
            text,
            compiled: OnceLock::new(),
        }
    }

    /// The compiled schema.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the schema: nothing, where the template compiler made it.
    pub fn get(&self) -> Result<&ParameterSchema, String> {
        self.compiled
            .get_or_init(|| ParameterSchema::compile(&self.text))
            .as_ref()
            .map_err(Clone::clone)
    }
}

/// A compiled schema.
#[derive(Debug)]
pub struct ParameterSchema {
    document: Value,
    validator: Validator,
}

impl ParameterSchema {
    fn compile(text: &str) -> Result<Self, String> {
        let unusable =
            |error: &dyn std::fmt::Display| format!("The plan's schema is not usable: {error}");
        let document: Value = serde_json::from_str(text).map_err(|error| unusable(&error))?;
        let validator = jsonschema::draft4::new(&document).map_err(|error| unusable(&error))?;
        Ok(Self {
            document,
            validator,
        })
    }

    /// The mistakes in the parameters, an object.
    pub fn errors<'a>(&'a self, parameters: &'a Value) -> Vec<ValidationError<'a>> {
        self.validator.iter_errors(parameters).collect()
    }

    /// The names of all parameters that there are.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.document["properties"]
            .as_object()
            .into_iter()
            .flat_map(|properties| properties.keys().map(String::as_str))
    }

    /// The schema of a parameter's value.
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.document["properties"].get(name)
    }
}
