//! What the broker's own stack has to allow for a template: `DeployPolicy` and `Bindings.Boundary`.

use serde_json::{Value, json};
use serde_saphyr::Spanned;
use wildmatch::WildMatch;

use super::{
    Checked,
    document::{self, Specification},
    fault,
};
use crate::catalog::reference;

/// What those statements can refer to: CloudFormation's pseudo parameters, and the prefix of all
/// stacks' names; a `DeployPolicy` also to the template's settings.
const REFERENCES: [&str; 5] = [
    "AWS::Partition",
    "AWS::Region",
    "AWS::AccountId",
    "AWS::URLSuffix",
    "NamePrefix",
];

/// The permissions that a template needs beyond its own text, for the stack of the broker to grant.
#[derive(Debug, Default)]
pub struct Permissions {
    /// What CloudFormation may do in the stacks of instances.
    pub deploy: Vec<Statement>,
    /// The most that a binding's identity may ever do.
    pub boundary: Vec<Statement>,
}

/// A statement that allows something. Its texts have `${…}` references as in CloudFormation's
/// `Fn::Sub`.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// At least one.
    pub actions: Vec<String>,
    /// At least one.
    pub resources: Vec<String>,
    /// As in IAM, by operator and key.
    pub condition: Option<Value>,
}

/// Reads and checks the permissions of a template.
pub fn permissions(specification: &Specification) -> Checked<Permissions> {
    let statements = |list: &[Spanned<document::Statement>], known: &[&str]| {
        list.iter()
            .map(|at| statement(at, known))
            .collect::<Checked<Vec<_>>>()
    };
    let of_settings = specification.settings.keys().map(String::as_str);
    let known_to_deploy: Vec<_> = REFERENCES.into_iter().chain(of_settings).collect();
    let deploy = statements(&specification.deploy_policy, &known_to_deploy)?;
    let boundary = statements(&specification.bindings.boundary, &REFERENCES)?;
    check_covered(specification, &boundary)?;
    Ok(Permissions { deploy, boundary })
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
            Some(name) => Err(format!("`${{{name}}}` is none of {}", known.join(", "))),
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

/// An action of a scope that the boundary leaves out is one that no binding could ever do.
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
