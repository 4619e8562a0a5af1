//! IAM identities of bindings: a user, a role, or a policy in an application's role.
//!
//! Every step can be repeated, so that another request can resume an operation from its start.

use serde_json::Value;

use super::{
    access::{Access, purpose},
    policy::Policy,
};
use crate::{
    broker::{
        Broker,
        error::{Error, Result},
        ports::{
            AccessKey, AwsPorts, NewRole, NewUser, PortError, PortErrorKind, PortResult, Role,
            Roles, UserCreation, Users,
        },
        records::{Binding, BindingId, Identity, Instance, SealedAccessKey, ServiceAccount, Tag},
    },
    osb::Object,
};

/// Parameters of a bind request that choose the identity. Without any of them, the binding gets a
/// user with an access key.
const ROLE_NAME: &str = "RoleName";

const ROLE_ARN: &str = "RoleArn";

const SERVICE_ACCOUNT: &str = "ServiceAccount";

/// The name of the one inline policy of a binding's own role.
const POLICY_NAME: &str = "binding";

/// Returns the identity that a bind request chooses. `context` is the request's.
///
/// # Errors
///
/// [`Error::Invalid`] for a role or a service account that the operator has not allowed.
pub async fn requested_identity(
    broker: &Broker,
    instance: &Instance,
    id: &BindingId,
    parameters: &Object,
    context: Option<&Object>,
) -> Result<Identity> {
    let own_name = broker.naming.user(&instance.id, id);
    let is_elsewhere = instance.location.is_some();
    let parameter = |name| parameters.get(name).and_then(Value::as_str);

    match (
        parameter(ROLE_NAME),
        parameter(ROLE_ARN),
        parameter(SERVICE_ACCOUNT),
    ) {
        (None, None, None) => Ok(Identity::User {
            user_name: own_name,
            access_key: None,
        }),
        _ if is_elsewhere => Err(Error::Invalid(format!(
            "The instance is not in the broker's own account and Region, where roles can be \
             bound. Bind without {ROLE_NAME}, {ROLE_ARN} and {SERVICE_ACCOUNT}."
        ))),
        (Some(name), None, None) => {
            let role_arn = application_role(broker, name, instance).await?.arn;
            Ok(Identity::RolePolicy {
                role_arn,
                policy_name: own_name,
            })
        }
        (None, Some(arn), None) => {
            let role_arn = application_role(broker, role_name(arn), instance)
                .await?
                .arn;
            if role_arn != arn {
                return Err(no_such_role());
            }
            Ok(Identity::RolePolicy {
                role_arn,
                policy_name: own_name,
            })
        }
        (None, None, Some(account)) => {
            let platforms_namespace =
                namespace(context).or_else(|| namespace(Some(&instance.attributes.context.0)));
            let service_account = service_account(broker, account, platforms_namespace)?;
            Ok(Identity::Role {
                role_name: own_name,
                role_arn: None,
                service_account,
            })
        }
        _ => Err(Error::Invalid(format!(
            "Send only one of {ROLE_NAME}, {ROLE_ARN} and {SERVICE_ACCOUNT}."
        ))),
    }
}

/// Checks that an interrupted binding may still add its policy to the application's role. The
/// role's owner may have withdrawn the consent.
pub async fn check_role_again(
    broker: &Broker,
    instance: &Instance,
    binding: &Binding,
) -> Result<()> {
    let Some(Identity::RolePolicy { role_arn, .. }) = &binding.identity else {
        return Ok(());
    };
    let role = application_role(broker, role_name(role_arn), instance).await?;
    if role.arn == *role_arn {
        Ok(())
    } else {
        Err(no_such_role())
    }
}

/// Returns an application's role to which bindings of this instance may add a policy. The
/// operator and the role's owner must both have allowed it.
async fn application_role(broker: &Broker, name: &str, instance: &Instance) -> Result<Role> {
    if broker.rules.roles.is_empty() {
        return Err(Error::Invalid(format!(
            "The broker's operator has allowed no role to be bound. Bind without {ROLE_NAME} \
             and {ROLE_ARN}."
        )));
    }

    let not_allowed = || {
        let reason = "The broker's operator has not allowed this role to be bound. Choose one \
                      that is, or ask the operator.";
        Error::Invalid(reason.into())
    };

    let role = match broker.ports_at(None).await.roles.find(name).await {
        Err(PortError {
            kind: PortErrorKind::Denied,
            detail,
            ..
        }) => {
            tracing::warn!(reason = detail, "a role that the broker may not see");
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

/// Parses a service account, as `name` or `namespace/name`. If the platform sends a namespace,
/// the account must be in it.
fn service_account(
    broker: &Broker,
    text: &str,
    platforms_namespace: Option<&str>,
) -> Result<ServiceAccount> {
    if !broker.rules.workload_identity.is_configured() {
        return Err(Error::Invalid(format!(
            "The broker's operator has named no cluster whose service accounts can be bound. \
             Bind without {SERVICE_ACCOUNT}."
        )));
    }

    let (namespace, name) = match (text.split_once('/'), platforms_namespace) {
        (None, Some(namespace)) => (namespace, text),
        (Some((namespace, name)), None) => (namespace, name),
        (Some((namespace, name)), Some(platforms)) if namespace == platforms => (namespace, name),
        (Some(_), Some(platforms)) => {
            return Err(Error::Invalid(format!(
                "The {SERVICE_ACCOUNT} is not of the namespace `{platforms}`, in which the \
                 binding is."
            )));
        }
        (None, None) => {
            return Err(Error::Invalid(format!(
                "The platform does not tell a namespace. Write the {SERVICE_ACCOUNT} as \
                 namespace/name."
            )));
        }
    };

    Ok(ServiceAccount {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

/// Creates the identity that the record names, with this policy. The caller must write the
/// returned identity into the record.
pub async fn create_identity(
    broker: &Broker,
    binding: &Binding,
    identity: Identity,
    tags: Vec<Tag>,
    policy: &Policy,
) -> Result<(Identity, Access)> {
    let ports = broker.ports_at(binding.location.as_ref()).await;

    match identity {
        Identity::User { user_name, .. } => {
            let user = NewUser {
                name: user_name,
                tags,
            };
            create_user_identity(broker, &ports, binding, user, policy).await
        }

        Identity::Role {
            role_name,
            service_account,
            ..
        } => {
            let trust_policy = broker
                .rules
                .workload_identity
                .trust_policy(&service_account);
            let role = NewRole {
                name: role_name,
                trust_policy,
                tags,
            };
            let arn = create_role(&*ports.roles, &role, policy).await?;
            Ok(role_identity(role.name, arn, service_account))
        }

        Identity::RolePolicy {
            role_arn,
            policy_name,
        } => {
            let document = policy.document(None);
            add_to_role(&*ports.roles, role_name(&role_arn), &policy_name, &document).await?;

            let arn = role_arn.clone();
            Ok((
                Identity::RolePolicy {
                    role_arn,
                    policy_name,
                },
                Access::Role { arn },
            ))
        }
    }
}

/// Creates the user, its policy and its access key, which is sealed for the record.
async fn create_user_identity(
    broker: &Broker,
    ports: &AwsPorts,
    binding: &Binding,
    user: NewUser,
    policy: &Policy,
) -> Result<(Identity, Access)> {
    let policy = policy.document(binding.lifetime);
    let key = create_user(&*ports.users, &user, &policy).await?;
    let secret = broker.vault.seal(&purpose(binding), &key.secret).await?;

    let access_key = Some(SealedAccessKey {
        id: key.id.clone(),
        secret,
    });
    let identity = Identity::User {
        user_name: user.name,
        access_key,
    };
    Ok((identity, Access::Key(key)))
}

/// Revokes all permissions of the record's identity: its access keys and its policy.
pub async fn revoke_identity(broker: &Broker, binding: &Binding) -> PortResult<()> {
    let AwsPorts { users, roles, .. } = broker.ports_at(binding.location.as_ref()).await;
    match &binding.identity {
        Some(Identity::User { user_name, .. }) => revoke_user(&*users, user_name).await,
        Some(Identity::Role { role_name, .. }) => roles.delete_policy(role_name, POLICY_NAME).await,
        Some(Identity::RolePolicy {
            role_arn,
            policy_name,
        }) => roles.delete_policy(role_name(role_arn), policy_name).await,
        None => Ok(()),
    }
}

/// Deletes the record's user or role, whose access keys and policy must be deleted before.
/// Succeeds if it does not exist.
///
/// # Errors
///
/// - [`Error::IdentityInUse`] if somebody has added something to it.
/// - The error of a port.
pub async fn delete_identity(broker: &Broker, binding: &Binding) -> Result<()> {
    let AwsPorts { users, roles, .. } = broker.ports_at(binding.location.as_ref()).await;

    let (name, deleted) = match &binding.identity {
        Some(Identity::User { user_name, .. }) => (user_name, users.delete_user(user_name).await),
        Some(Identity::Role { role_name, .. }) => (role_name, roles.delete(role_name).await),
        Some(Identity::RolePolicy { .. }) | None => return Ok(()),
    };

    deleted.map_err(|error| match error.kind {
        PortErrorKind::InUse => Error::IdentityInUse {
            name: name.clone(),
            reason: error.detail,
        },
        _ => error.into(),
    })
}

/// True if the role's owner has tagged it with the instance's space or organization. Knowing a
/// role's name gives no right to it.
fn has_consent(role: &Role, instance: &Instance) -> bool {
    instance
        .attributes
        .owner_tags()
        .iter()
        .any(|tag| role.tags.get(tag.key) == Some(&tag.value))
}

fn no_consent(instance: &Instance) -> Error {
    let [organization, space] = instance.attributes.owner_tags();
    let tags = [space, organization].map(|tag| format!("{} with the value {}", tag.key, tag.value));
    Error::Invalid(format!(
        "The role's owner has not allowed instances of this space to use it. Have the owner give \
         the role the tag {}.",
        tags.join(", or ")
    ))
}

/// The identity of a binding with its own role, and the application's access to it.
fn role_identity(
    role_name: String,
    arn: String,
    service_account: ServiceAccount,
) -> (Identity, Access) {
    let identity = Identity::Role {
        role_name,
        role_arn: Some(arn.clone()),
        service_account,
    };
    (identity, Access::Role { arn })
}

/// Creates a role with its policy, and returns its ARN.
async fn create_role(roles: &dyn Roles, role: &NewRole, policy: &Policy) -> Result<String> {
    let arn = roles.create(role).await?;
    roles
        .put_policy(&role.name, POLICY_NAME, &policy.document(None))
        .await?;
    Ok(arn)
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

/// Creates the user, its policy and one access key. The key comes last, so that nobody can use it
/// before the policy limits it.
async fn create_user(users: &dyn Users, user: &NewUser, policy: &str) -> PortResult<AccessKey> {
    if users.create_user(user).await? == UserCreation::Exists {
        // The keys of an earlier attempt were never returned to anybody.
        delete_access_keys(users, &user.name).await?;
    }
    users.put_policy(&user.name, policy).await?;
    users.create_access_key(&user.name).await
}

/// Deletes a user with its access keys and its policy.
pub async fn delete_user(users: &dyn Users, user_name: &str) -> PortResult<()> {
    revoke_user(users, user_name).await?;
    users.delete_user(user_name).await
}

async fn revoke_user(users: &dyn Users, user_name: &str) -> PortResult<()> {
    delete_access_keys(users, user_name).await?;
    users.delete_policy(user_name).await
}

/// Deletes a binding's own role with its policy.
pub async fn delete_role(roles: &dyn Roles, role_name: &str) -> PortResult<()> {
    roles.delete_policy(role_name, POLICY_NAME).await?;
    roles.delete(role_name).await
}

async fn delete_access_keys(users: &dyn Users, user_name: &str) -> PortResult<()> {
    for id in users.access_keys(user_name).await? {
        users.delete_access_key(user_name, &id).await?;
    }
    Ok(())
}

/// The Kubernetes namespace in a context (OSBAPI profile, Kubernetes Context Object).
fn namespace(context: Option<&Object>) -> Option<&str> {
    context?.get("namespace")?.as_str()
}

/// The role's name: the last part of its ARN, which may contain a path.
fn role_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn no_such_role() -> Error {
    Error::Invalid(format!(
        "There is no such IAM role in the account that the broker works in: check {ROLE_NAME} or \
         {ROLE_ARN}."
    ))
}
