//! `Bindings.Database`: the database in which bindings have a user of their own.

use serde_json::json;

use super::{Checked, Shown, check_references, document, fault, unknown};
use crate::model::{Database, DatabaseUser, SECURITY_GROUP_IDS, SUBNET_IDS, Scope, Text};

/// Parameters that every template with a database has, for the broker to set.
const OPERATOR_PARAMETERS: [&str; 2] = [SUBNET_IDS, SECURITY_GROUP_IDS];

/// Returns the database, if the template has one.
pub fn database(template: &document::Template, scopes: &[Scope]) -> Checked<Option<Database>> {
    let specification = &template.metadata.specification.value;
    let Some(at) = &specification.bindings.database else {
        return Ok(None);
    };

    for name in OPERATOR_PARAMETERS {
        let mut names = specification.operator_parameters.iter();
        if !names.any(|parameter| parameter.value == name) {
            let reason = format!("a template with a Database needs `{name}` in OperatorParameters");
            return Err(fault(at, reason));
        }
    }

    let scope_without_user = scopes.iter().find(|scope| scope.database_user.is_none());
    if scope_without_user.is_none() {
        let reason = "a template with a Database needs a scope without a user of the database, for \
                      databases that the broker cannot reach";
        return Err(fault(at, reason));
    }

    let document::Database {
        engine,
        host,
        port,
        name,
        master_secret,
        users: _,
    } = &at.value;
    for text in [host, port, name, master_secret] {
        check_references(template, &json!(text), Shown::ToAll)
            .map_err(|reason| fault(at, reason))?;
    }
    Ok(Some(Database {
        engine: *engine,
        host: Text::from(host.clone()),
        port: Text::from(port.clone()),
        name: Text::from(name.clone()),
        master_secret: Text::from(master_secret.clone()),
    }))
}

/// Returns the database user that bindings of the scope get.
pub fn user(template: &document::Template, scope: &str) -> Option<DatabaseUser> {
    let bindings = &template.metadata.specification.value.bindings;
    let user = bindings.database.as_ref()?.value.users.get(scope)?;
    Some(DatabaseUser {
        privileges: user.value.privileges,
        by_iam: user.value.authentication == document::Authentication::Iam,
    })
}

/// Checks that every user is for a scope of the template.
pub fn check_users(template: &document::Template) -> Checked<()> {
    let bindings = &template.metadata.specification.value.bindings;
    let users = bindings.database.iter().flat_map(|at| &at.value.users);
    for (scope, user) in users {
        if !bindings.policies.contains_key(scope) {
            let known = bindings.policies.keys();
            return Err(fault(user, unknown("Policies has no scope", scope, known)));
        }
    }
    Ok(())
}
