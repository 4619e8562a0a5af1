//! An IAM role for one binding, which a Kubernetes service account may assume.

use async_trait::async_trait;
use catalog::bind_parameters::SERVICE_ACCOUNT;

use super::kind::{Context, Created, IamResource, Kind};
use crate::{
    broker::{
        Broker,
        bindings::means::{Access, Means},
        error::{Error, Result},
        ports::{NewRole, PortErrorKind, PortResult, Roles},
        records::{Binding, Grant, Instance, RoleGrant, ServiceAccount},
    },
    osb::Object,
};

/// The name of the one inline policy of a binding's own role.
const POLICY_NAME: &str = "binding";

/// Returns the grant for the service account that a bind request names. `context` is the request's.
///
/// # Errors
///
/// [`Error::Invalid`] for a service account that the operator has not allowed.
pub fn requested(
    broker: &Broker,
    account: &str,
    instance: &Instance,
    role_name: String,
    context: Option<&Object>,
) -> Result<Grant> {
    let platforms_namespace =
        namespace(context).or_else(|| namespace(Some(&instance.attributes.context.0)));
    Ok(Grant::Role(RoleGrant {
        role_name,
        role_arn: None,
        service_account: service_account(broker, account, platforms_namespace)?,
    }))
}

#[async_trait]
impl Kind for RoleGrant {
    async fn create(&self, context: &Context<'_>, _: &Means) -> Result<Created> {
        let Context {
            broker, binding, ..
        } = context;
        let Some(policy) = context.policy else {
            return Ok(Created::nothing(Grant::Role(self.clone())));
        };
        let trust_policy = broker
            .rules
            .workload_identity
            .trust_policy(&self.service_account);
        let role = NewRole {
            name: self.role_name.clone(),
            service: context.service.offered.offering.name.to_string(),
            trust_policy,
            tags: context.tags(policy),
        };

        let roles = broker.ports_at(binding.location.as_ref()).await.roles;
        let arn = roles.create(&role).await?;
        roles
            .put_policy(&role.name, POLICY_NAME, &policy.document(None))
            .await?;

        Ok(Created {
            grant: Grant::Role(Self {
                role_arn: Some(arn.clone()),
                ..self.clone()
            }),
            means: Means::of_access(Some(Access::Role { arn })),
            credentials: None,
        })
    }

    async fn means(&self, _: &Broker, _: &Binding) -> Result<Means> {
        let access = self.role_arn.clone().map(|arn| Access::Role { arn });
        Ok(Means::of_access(access))
    }

    async fn revoke(&self, broker: &Broker, binding: &Binding) -> Result<()> {
        let roles = broker.ports_at(binding.location.as_ref()).await.roles;
        Ok(roles.delete_policy(&self.role_name, POLICY_NAME).await?)
    }

    async fn remove(&self, broker: &Broker, binding: &Binding) -> Result<()> {
        let roles = broker.ports_at(binding.location.as_ref()).await.roles;
        let deleted = roles.delete(&self.role_name).await;
        deleted.map_err(|error| match error.kind {
            PortErrorKind::InUse => Error::IdentityInUse {
                name: self.role_name.clone(),
                reason: error.detail,
            },
            _ => error.into(),
        })
    }

    fn iam_resource(&self) -> Option<IamResource<'_>> {
        Some(IamResource::Role(&self.role_name))
    }
}

/// Parses a service account, as `name` or `namespace/name`. If the platform sends a namespace,
/// the account must be in it.
fn service_account(
    broker: &Broker,
    text: &str,
    platforms_namespace: Option<&str>,
) -> Result<ServiceAccount> {
    if !broker.rules.workload_identity.is_configured() {
        return Err(Error::Invalid(format!(
            "The broker's operator has configured no Kubernetes cluster for service accounts. \
             Bind without {SERVICE_ACCOUNT}."
        )));
    }

    let (namespace, name) = match (text.split_once('/'), platforms_namespace) {
        (None, Some(namespace)) => (namespace, text),
        (Some((namespace, name)), None) => (namespace, name),
        (Some((namespace, name)), Some(platforms)) if namespace == platforms => (namespace, name),
        (Some(_), Some(platforms)) => {
            return Err(Error::Invalid(format!(
                "The {SERVICE_ACCOUNT} must be in the binding's namespace, `{platforms}`."
            )));
        }
        (None, None) => {
            return Err(Error::Invalid(format!(
                "The platform did not send a namespace. Send the {SERVICE_ACCOUNT} as \
                 namespace/name."
            )));
        }
    };

    Ok(ServiceAccount {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

/// Deletes a binding's own role with its policy.
pub async fn delete_role(roles: &dyn Roles, role_name: &str) -> PortResult<()> {
    roles.delete_policy(role_name, POLICY_NAME).await?;
    roles.delete(role_name).await
}

/// The Kubernetes namespace in a context (OSBAPI profile, Kubernetes Context Object).
fn namespace(context: Option<&Object>) -> Option<&str> {
    context?.get("namespace")?.as_str()
}
