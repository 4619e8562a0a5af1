//! The choice of a binding's identity: a user, a role of its own, or a policy in an application's
//! role.

use catalog::bind_parameters::{ROLE_ARN, ROLE_NAME, SERVICE_ACCOUNT};
use serde_json::Value;

use super::{role, role_policy};
use crate::{
    broker::{
        Broker,
        bindings::policy::Policy,
        error::{Error, Result},
        records::{BindingId, Grant, Instance, UserGrant},
    },
    osb::Object,
};

/// Returns the identity that a bind request chooses. `context` is the request's.
///
/// # Errors
///
/// [`Error::Invalid`] for a role or a service account that the operator has not allowed.
pub async fn requested(
    broker: &Broker,
    instance: &Instance,
    id: &BindingId,
    parameters: &Object,
    policy: &Policy,
    context: Option<&Object>,
) -> Result<Grant> {
    let own_name = broker.naming.user(&instance.id, id);
    let is_elsewhere = instance.location.is_some();

    match (
        text(parameters, ROLE_NAME),
        text(parameters, ROLE_ARN),
        text(parameters, SERVICE_ACCOUNT),
    ) {
        (None, None, None) => Ok(Grant::User(UserGrant {
            user_name: own_name,
            access_key: None,
        })),
        _ if is_elsewhere => Err(Error::Invalid(format!(
            "Bindings with a role require an instance in the broker's own account and Region. Bind \
             without {ROLE_NAME}, {ROLE_ARN} and {SERVICE_ACCOUNT}."
        ))),
        (Some(name), None, None) => {
            role_policy::requested_by_name(broker, name, instance, own_name, policy).await
        }
        (None, Some(arn), None) => {
            role_policy::requested_by_arn(broker, arn, instance, own_name, policy).await
        }
        (None, None, Some(account)) => {
            role::requested(broker, account, instance, own_name, context)
        }
        _ => Err(Error::Invalid(format!(
            "Send only one of {ROLE_NAME}, {ROLE_ARN} and {SERVICE_ACCOUNT}."
        ))),
    }
}

fn text<'p>(parameters: &'p Object, name: &str) -> Option<&'p str> {
    parameters.get(name).and_then(Value::as_str)
}
