//! The permissions of a binding's identity: a scope of the template's `Bindings.Policies`, filled
//! in.

use catalog::{model::Scope, policy, reference};
use serde_json::Value;

use super::references::References;
use crate::broker::{
    error::{Error, Result},
    records::Lifetime,
};

/// The permissions of a binding's identity.
pub struct Policy {
    /// The scope's name in the template.
    pub scope: String,
    statements: Vec<Value>,
}

impl Policy {
    /// Returns the policy of a scope. `None` if no statement of it applies to the stack: the
    /// resources that they are about are not there.
    pub fn of(scope: &Scope, references: &References<'_>) -> Result<Option<Self>> {
        let statements: Vec<Value> = serde_json::from_str(&scope.statements)
            .map_err(|error| Error::Corrupt(format!("scope {}: {error}", scope.name)))?;
        let statements = reference::render_statements(&statements, |name| references.value(name));

        Ok((!statements.is_empty()).then(|| Self {
            scope: scope.name.to_string(),
            statements,
        }))
    }

    /// True if a statement denies something. On a role that has other policies, it would override
    /// what these allow.
    pub fn denies(&self) -> bool {
        self.statements
            .iter()
            .any(|statement| statement["Effect"] == "Deny")
    }

    /// Returns the policy document. It denies everything after the end of the identity's lifetime,
    /// if it has one.
    pub fn document(&self, lifetime: Option<Lifetime>) -> String {
        let ends_at = lifetime.map(|lifetime| lifetime.ends_at.to_string());
        policy::document(&self.statements, ends_at.as_deref())
    }
}
