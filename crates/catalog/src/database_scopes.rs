//! The scopes that bindings of databases can choose, by the broker's access to the databases.

use serde_json::Value;

use crate::{
    bind_parameters::SCOPE,
    model::{Bindings, Scope},
};

/// The broker's access to databases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DatabaseAccess {
    /// The operator has given databases a network with the broker's function in it. Every binding has
    /// a database user of its own.
    #[default]
    Users,
    /// The broker cannot reach databases. Bindings share the secret of the master user.
    MasterSecret,
}

/// Leaves the scopes in the schema of bind requests that the access allows. The first one that is left
/// becomes the default, unless the template's own is left.
pub fn restrict(bindings: &mut Bindings, access: DatabaseAccess) {
    if bindings.database.is_none() {
        return;
    }
    let Ok(mut schema) = serde_json::from_str::<Value>(&bindings.create_schema) else {
        return;
    };

    let wants_user = access == DatabaseAccess::Users;
    let left = bindings
        .scopes
        .iter()
        .filter(|scope| scope.database_user.is_some() == wants_user);
    let names: Vec<_> = left.map(|scope| &*scope.name).collect();
    let default = bindings.scopes.get(bindings.default_scope);
    let default = default.map_or("", |scope: &Scope| &*scope.name);
    let default = if names.contains(&default) {
        Some(default)
    } else {
        names.first().copied()
    };

    if let Some(scope) = schema.pointer_mut(&format!("/properties/{SCOPE}")) {
        scope["enum"] = names.into();
        scope["default"] = default.into();
    }
    bindings.create_schema = schema.to_string().into();
}
