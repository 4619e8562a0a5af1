//! The values of a stack's parameters, with the source of each.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    Offered,
    normalization::normalized_value,
    overrides::{Level, OperatorValues},
    parameter_text,
};

/// The value of a stack's parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The value in the form that CloudFormation takes.
    pub value: String,
    /// The value's source.
    pub source: Source,
}

/// The source of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The default of the template's parameter.
    Template,
    /// The plan, which fixes the value or sets another default.
    Plan,
    /// The user.
    User,
    /// An override of the operator.
    Operator(Level),
}

/// The winner if the user and the operator both set a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precedence {
    /// The user, as in the archived broker's code. The operator's value is a default.
    #[default]
    User,
    /// The operator.
    Operator,
}

impl Offered<'_> {
    /// Returns the values of all parameters of a stack.
    ///
    /// The plan's values replace the template's defaults, and the user's and the operator's values
    /// replace both; `precedence` decides between these two. A `null` from the user counts as no
    /// value. The operator's values for parameters that are secret or fixed by the plan are
    /// ignored.
    pub fn resolve<'a>(
        &self,
        operator: &OperatorValues,
        precedence: Precedence,
        user: impl IntoIterator<Item = (&'a String, &'a Value)>,
    ) -> BTreeMap<String, Resolved> {
        let of_template = self.offering.parameter_defaults.iter();
        let of_template = of_template.map(|it| resolved(&it.name, &*it.value, Source::Template));
        let of_plan = self.plan.parameters.iter();
        let of_plan = of_plan.map(|it| resolved(&it.name, &*it.value, Source::Plan));
        let mut values: BTreeMap<_, _> = of_template.chain(of_plan).collect();

        let of_user = user.into_iter().filter(|(_, value)| !value.is_null());
        let of_user =
            of_user.map(|(name, value)| resolved(name, parameter_text(value), Source::User));
        let of_operator = operator.iter().filter(|(name, _)| self.is_open(name));
        let of_operator =
            of_operator.map(|(name, it)| resolved(name, &*it.value, Source::Operator(it.level)));

        match precedence {
            Precedence::Operator => values.extend(of_user.chain(of_operator)),
            Precedence::User => values.extend(of_operator.chain(of_user)),
        }
        values
    }

    /// True if the user or the operator can set the parameter, and it is not secret.
    pub fn is_open(&self, parameter: &str) -> bool {
        (self.takes(parameter) || self.is_of_operator(parameter)) && !self.is_secret(parameter)
    }

    /// True if only the operator can set the parameter.
    pub fn is_of_operator(&self, parameter: &str) -> bool {
        let schema = self.entry.schemas.operator.get();
        schema.is_ok_and(|schema| schema.property(parameter).is_some())
    }

    /// True if the template declares the parameter `NoEcho`.
    pub fn is_secret(&self, parameter: &str) -> bool {
        let mut secrets = self.offering.secret_parameters.iter();
        secrets.any(|name| name == parameter)
    }

    /// True if the plan leaves the parameter open and accepts this value, in the form that
    /// CloudFormation takes.
    pub fn accepts(&self, parameter: &str, value: &str) -> bool {
        let Some(property) = self.property(parameter) else {
            return false;
        };
        let value = normalized_value(property, value.into());
        jsonschema::draft4::new(property).is_ok_and(|schema| schema.is_valid(&value))
    }

    /// Returns the operator's value in the form that users see and send.
    pub fn shown(&self, parameter: &str, value: &str) -> Value {
        match self.property(parameter) {
            Some(property) => normalized_value(property, value.into()),
            None => value.into(),
        }
    }

    /// Returns the parameters that only the operator can set, if they have no default and no value.
    pub fn missing_of_operator(&self, has_value: impl Fn(&str) -> bool) -> Vec<&str> {
        let schema = self.entry.schemas.operator.get();
        let required = schema.into_iter().flat_map(|schema| schema.required());
        required.filter(|name| !has_value(name)).collect()
    }

    /// The schema of an open parameter's values.
    pub(crate) fn property(&self, parameter: &str) -> Option<&Value> {
        let schemas = [&self.entry.schemas.create, &self.entry.schemas.operator];
        schemas
            .into_iter()
            .find_map(|schema| schema.get().ok()?.property(parameter))
    }
}

fn resolved(name: &str, value: impl Into<String>, source: Source) -> (String, Resolved) {
    let value = value.into();
    (name.to_owned(), Resolved { value, source })
}
