//! Grants: what a binding creates for its application, each kind in a file with its undo beside it.
//!
//! A binding's record lists its grants in the order of their creation. Requests iterate over the
//! list and know no kind:
//!
//! - bind: [`requested`], then [`Kind::create`] of each, in order;
//! - unbind: [`Kind::revoke`] and [`Kind::remove`] of each, in reverse order;
//! - deprovision: [`Kind::revoke`] of all bindings' grants before anything that may fail.
//!
//! Every step can be repeated. Another request may resume a binding from its record.
//!
//! A new kind needs
//!
//! - a variant of [`Grant`], which an older broker does not overlook: it cannot read the record; a
//!   recorded item in `tests/broker/records/`;
//! - a file here that implements [`Kind`], an arm in `kind.rs`, and a line in [`requested`];
//! - a reference in the crate `catalog`, if the grant gives a new value to credentials;
//! - a port, if it calls a service that no port knows;
//! - a state in `tests/simulation/platform.rs`, which makes every step fail and unwind.

mod database;
mod function;
mod identity;
mod kind;
mod role;
mod role_policy;
mod user;

pub use self::{
    kind::{Context, IamResource, Kind, LONGEST_WAIT_FOR_STACK, credentials, kinds, means, revoke},
    role::delete_role,
    user::delete_user,
};
use super::{policy::Policy, service_instance::ServiceInstance};
use crate::{
    broker::{
        Broker,
        error::Result,
        records::{Binding, Grant},
    },
    osb::Object,
};

/// Returns the grants that a bind request gets, in the order of their creation. `context` is the
/// request's.
///
/// # Errors
///
/// [`Error::Invalid`] for a role or a service account that the operator has not allowed.
pub async fn requested(
    broker: &Broker,
    service: &ServiceInstance<'_>,
    binding: &Binding,
    policy: Option<&Policy>,
    context: Option<&Object>,
) -> Result<Vec<Grant>> {
    let identity = match policy {
        Some(policy) => {
            let parameters = &binding.parameters.0;
            let record = service.record;
            Some(
                identity::requested(broker, record, &binding.id, parameters, policy, context)
                    .await?,
            )
        }
        None => None,
    };

    let database = database::requested(
        broker,
        (service, service.scope(broker, binding)?),
        &binding.id,
        &binding.parameters.0,
        policy,
    )?;
    let function = function::requested(service)?;
    Ok(identity
        .into_iter()
        .chain(database)
        .chain(function)
        .collect())
}
