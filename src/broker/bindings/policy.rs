//! The permissions of a binding's identity: a scope of the template's `Bindings.Policies`, filled
//! in.

use catalog::{Offered, policy, reference};
use serde_json::Value;

use super::references::References;
use crate::{
    broker::{
        Broker,
        error::{Error, Result},
        records::{Instance, Lifetime},
    },
    osb::Object,
};

/// The bind parameter that selects the permissions of the binding's identity.
const SCOPE: &str = "Scope";

/// The permissions of a binding's identity.
pub struct Policy {
    /// The scope's name in the template.
    pub scope: String,
    statements: Vec<Value>,
}

/// Returns the policy of the binding's identity. Returns `None` if the template has no scopes,
/// or if no statement of the scope applies to this stack. The binding then has no identity.
pub fn policy(
    broker: &Broker,
    offered: &Offered<'_>,
    instance: &Instance,
    parameters: &Object,
) -> Result<Option<Policy>> {
    let bindings = &offered.offering.bindings;
    let scope = match parameters.get(SCOPE).and_then(Value::as_str) {
        Some(name) => bindings.scopes.iter().find(|scope| scope.name == name),
        None => bindings.scopes.get(bindings.default_scope),
    };
    let Some(scope) = scope else { return Ok(None) };

    let statements: Vec<Value> = serde_json::from_str(&scope.statements)
        .map_err(|error| Error::Corrupt(format!("scope {}: {error}", scope.name)))?;
    let place = broker.place_of(instance.location.as_ref());
    let owner = instance.attributes.owner();
    let references = References::new(&place, &owner, &instance.outputs);
    let statements = reference::render_statements(&statements, |name| references.value(name));

    Ok((!statements.is_empty()).then(|| Policy {
        scope: scope.name.to_string(),
        statements,
    }))
}

impl Policy {
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
