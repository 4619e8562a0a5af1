//! Permissions that the broker's own stack must grant for a template: `DeployPolicy` and
//! `Bindings.Boundary`.

use serde_json::{Value, json};
use serde_saphyr::Spanned;
use wildmatch::WildMatch;

use super::{
    Checked,
    document::{self, Specification},
    fault,
};
use crate::reference::{self, Reference};

/// References that those statements may have: CloudFormation's pseudo parameters, and the prefix of
/// all stacks' names. A `DeployPolicy` may also refer to the template's settings.
const REFERENCES: [&str; 5] = [
    Reference::Partition.name(),
    Reference::Region.name(),
    Reference::AccountId.name(),
    Reference::UrlSuffix.name(),
    "NamePrefix",
];

/// The permissions that the broker's stack must grant for a template.
#[derive(Debug, Default)]
pub struct Permissions {
    /// Permissions of CloudFormation in the stacks of instances.
    pub deploy: Vec<Statement>,
    /// Maximum permissions of a binding's identity.
    pub boundary: Vec<Statement>,
}

/// A statement with the effect `Allow`. Its texts have `${…}` references as in CloudFormation's
/// `Fn::Sub`.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// IAM actions, at least one.
    pub actions: Vec<String>,
    /// ARNs of resources, at least one; `*` means all.
    pub resources: Vec<String>,
    /// IAM condition, by operator and key. None if the statement has no condition.
    pub condition: Option<Value>,
}

/// Reads and validates the permissions of a template.
pub fn permissions(specification: &Specification) -> Checked<Permissions> {
    let of_settings = specification.settings.keys().map(String::as_str);
    let known_to_deploy: Vec<_> = REFERENCES.into_iter().chain(of_settings).collect();
    let deploy = statements(&specification.deploy_policy, &known_to_deploy)?;

    let boundary = statements(&specification.bindings.boundary, &REFERENCES)?;
    check_covered(specification, &boundary)?;
    Ok(Permissions { deploy, boundary })
}

fn statements(list: &[Spanned<document::Statement>], known: &[&str]) -> Checked<Vec<Statement>> {
    list.iter().map(|at| statement(at, known)).collect()
}

fn statement(at: &Spanned<document::Statement>, known: &[&str]) -> Checked<Statement> {
    let document::Statement {
        effect: document::Effect::Allow,
        action,
        resource,
        condition,
    } = at.value.clone();
    let statement = Statement {
        actions: action.into(),
        resources: resource.into(),
        condition,
    };

    if statement.actions.is_empty() || statement.resources.is_empty() {
        return Err(fault(at, "a statement needs an Action and a Resource"));
    }

    check_references(
        &json!([statement.actions, statement.resources, statement.condition]),
        known,
    )
    .map_err(|reason| fault(at, reason))?;
    Ok(statement)
}

fn check_references(json: &Value, known: &[&str]) -> Result<(), String> {
    match json {
        Value::String(text) => match reference::names(text)
            .into_iter()
            .find(|name| !known.contains(name))
        {
            Some(name) => Err(format!("`${{{name}}}` is not one of {}", known.join(", "))),
            None => Ok(()),
        },
        Value::Array(entries) => entries
            .iter()
            .try_for_each(|entry| check_references(entry, known)),
        Value::Object(fields) => fields
            .values()
            .try_for_each(|field| check_references(field, known)),
        _ => Ok(()),
    }
}

/// Checks that the boundary allows every action of the scopes. Bindings could never use another.
fn check_covered(specification: &Specification, boundary: &[Statement]) -> Checked<()> {
    let patterns: Vec<_> = boundary
        .iter()
        .flat_map(|statement| &statement.actions)
        .map(|action| WildMatch::new(action))
        .collect();

    for (scope, statements) in &specification.bindings.policies {
        let missing = statements
            .value
            .iter()
            .flat_map(actions)
            .find(|action| !patterns.iter().any(|pattern| pattern.matches(action)));
        if let Some(action) = missing {
            return Err(fault(
                statements,
                format!("Bindings.Boundary does not allow `{action}` of the scope `{scope}`"),
            ));
        }
    }

    Ok(())
}

fn actions(statement: &Value) -> Vec<&str> {
    match &statement["Action"] {
        Value::String(action) => vec![action],
        Value::Array(actions) => actions.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
