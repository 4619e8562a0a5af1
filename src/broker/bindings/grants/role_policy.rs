//! An inline policy for one binding in an application's own role.

use async_trait::async_trait;
use catalog::bind_parameters::{ROLE_ARN, ROLE_NAME};

use super::kind::{Context, Created, Kind};
use crate::broker::{
    Broker,
    bindings::{
        means::{Access, Means},
        policy::Policy,
    },
    error::{Error, Result},
    ports::{PortError, PortErrorKind, Role, Roles},
    records::{Binding, Grant, Instance, RolePolicyGrant},
};

/// Returns the grant for the role with the name that a bind request gives.
///
/// # Errors
///
/// [`Error::Invalid`] for a role that the operator or its owner has not allowed, or if the policy
/// would take permissions from it.
pub async fn requested_by_name(
    broker: &Broker,
    name: &str,
    instance: &Instance,
    policy_name: String,
    policy: &Policy,
) -> Result<Grant> {
    let role_arn = application_role(broker, name, instance).await?.arn;
    grant(role_arn, policy_name, policy)
}

/// Returns the grant for the role with the ARN that a bind request gives.
///
/// # Errors
///
/// The same as for [`requested_by_name`].
pub async fn requested_by_arn(
    broker: &Broker,
    arn: &str,
    instance: &Instance,
    policy_name: String,
    policy: &Policy,
) -> Result<Grant> {
    let role_arn = application_role(broker, role_name(arn), instance)
        .await?
        .arn;
    if role_arn != arn {
        return Err(no_such_role());
    }
    grant(role_arn, policy_name, policy)
}

fn grant(role_arn: String, policy_name: String, policy: &Policy) -> Result<Grant> {
    if policy.denies() {
        return Err(denies_a_role(policy));
    }
    Ok(Grant::RolePolicy(RolePolicyGrant {
        role_arn,
        policy_name,
    }))
}

#[async_trait]
impl Kind for RolePolicyGrant {
    async fn create(&self, context: &Context<'_>, _: &Means) -> Result<Created> {
        let Some(policy) = context.policy else {
            return Ok(Created::nothing(Grant::RolePolicy(self.clone())));
        };
        let location = context.binding.location.as_ref();
        let roles = context.broker.ports_at(location).await.roles;
        let (role_name, policy) = (role_name(&self.role_arn), policy.document(None));
        add_to_role(&*roles, role_name, &self.policy_name, &policy).await?;

        Ok(Created {
            grant: Grant::RolePolicy(self.clone()),
            means: Means::of_access(Some(Access::Role {
                arn: self.role_arn.clone(),
            })),
            credentials: None,
        })
    }

    /// The role's owner may have withdrawn the consent.
    async fn check_again(&self, broker: &Broker, instance: &Instance) -> Result<()> {
        let role = application_role(broker, role_name(&self.role_arn), instance).await?;
        if role.arn == self.role_arn {
            Ok(())
        } else {
            Err(no_such_role())
        }
    }

    async fn means(&self, _: &Broker, _: &Binding) -> Result<Means> {
        Ok(Means::of_access(Some(Access::Role {
            arn: self.role_arn.clone(),
        })))
    }

    async fn revoke(&self, broker: &Broker, binding: &Binding) -> Result<()> {
        let roles = broker.ports_at(binding.location.as_ref()).await.roles;
        let role_name = role_name(&self.role_arn);
        Ok(roles.delete_policy(role_name, &self.policy_name).await?)
    }
}

/// Returns an application's role to which bindings of this instance may add a policy. The
/// operator and the role's owner must both have allowed it.
async fn application_role(broker: &Broker, name: &str, instance: &Instance) -> Result<Role> {
    if broker.rules.roles.is_empty() {
        return Err(Error::Invalid(format!(
            "The broker's operator does not allow roles in bindings. Bind without {ROLE_NAME} and \
             {ROLE_ARN}."
        )));
    }

    let role = match broker.ports_at(None).await.roles.find(name).await {
        Err(PortError {
            kind: PortErrorKind::Denied,
            detail,
            ..
        }) => {
            tracing::warn!(
                reason = detail,
                "the broker lacks permission to read the requested role; rejecting the request"
            );
            return Err(not_allowed());
        }
        found => found?.ok_or_else(no_such_role)?,
    };

    // No binding may add to the broker's own roles or to those of bindings, whatever the
    // patterns say.
    if broker.naming.is_ours(&role.name)
        || broker.rules.own_roles.contain(&role.arn)
        || !broker.rules.roles.allow(&role.arn)
    {
        return Err(not_allowed());
    }

    if !has_consent(&role, instance) {
        return Err(no_consent(instance));
    }
    Ok(role)
}

fn not_allowed() -> Error {
    let reason = "The broker's operator does not allow this role in bindings. Choose an allowed \
                  role, or ask the operator.";
    Error::Invalid(reason.into())
}

/// True if the role's owner has tagged it with the instance's space or organization. Knowing a
/// role's name gives no right to it.
fn has_consent(role: &Role, instance: &Instance) -> bool {
    instance
        .attributes
        .owner_tags()
        .iter()
        .any(|tag| role.tags.get(&*tag.key) == Some(&tag.value))
}

fn no_consent(instance: &Instance) -> Error {
    let [organization, space] = instance.attributes.owner_tags();
    let tags = [space, organization].map(|tag| format!("{} with the value {}", tag.key, tag.value));
    Error::Invalid(format!(
        "The role's owner has not allowed instances of this space to use the role. Have the owner \
         add the tag {} to the role.",
        tags.join(", or ")
    ))
}

fn denies_a_role(policy: &Policy) -> Error {
    Error::Invalid(format!(
        "The scope {} of this plan denies actions, and would deny them to the application's role \
         for all its uses. Bind without RoleName and RoleArn, or with a ServiceAccount.",
        policy.scope
    ))
}

/// Adds the policy to an application's role. The role's owner may have deleted it since the broker
/// looked it up.
async fn add_to_role(
    roles: &dyn Roles,
    role_name: &str,
    policy_name: &str,
    policy: &str,
) -> Result<()> {
    let Err(error) = roles.put_policy(role_name, policy_name, policy).await else {
        return Ok(());
    };
    match roles.find(role_name).await? {
        Some(_) => Err(error.into()),
        None => Err(no_such_role()),
    }
}

/// The role's name: the last part of its ARN, which may contain a path.
fn role_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn no_such_role() -> Error {
    Error::Invalid(format!(
        "The IAM role does not exist in the broker's account. Check {ROLE_NAME} or {ROLE_ARN}."
    ))
}
