//! IAM identities of bindings: a user, a role, or a policy in an application's role.
//!
//! Every step can be repeated, so that another request can resume an operation from its start.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Broker, Error, Result,
    binding::{Binding, SealedAccessKey},
    id::BindingId,
    instance::Instance,
    policy::Policy,
    ports::{
        AccessKey, CreateUser, Identities, NewRole, NewUser, PortError, PortErrorKind, PortResult,
        Purpose, Role, Roles, Site, Tag,
    },
};
use crate::osb::Object;

/// Parameters of a bind request that choose the identity. Without any of them, the binding gets a
/// user with an access key.
const ROLE_NAME: &str = "RoleName";
const ROLE_ARN: &str = "RoleArn";
const SERVICE_ACCOUNT: &str = "ServiceAccount";
/// The name of the one inline policy of a binding's own role.
const POLICY_NAME: &str = "binding";

/// The IAM identity of a binding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// A user for this binding alone.
    User {
        /// The user's name, which follows from the ids of instance and binding.
        user_name: String,
        /// The user's access key; absent until it is created.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access_key: Option<SealedAccessKey>,
    },
    /// A role for this binding alone, which a Kubernetes service account may assume.
    Role {
        /// The role's name, which follows from the ids of instance and binding.
        role_name: String,
        /// The role's ARN; absent until the role is created.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role_arn: Option<String>,
        /// The service account that may assume the role.
        service_account: ServiceAccount,
    },
    /// An inline policy in an application's own role.
    RolePolicy {
        /// The ARN of the application's role.
        role_arn: String,
        /// The policy's name, which follows from the ids of instance and binding, so that it is
        /// unique.
        policy_name: String,
    },
}

/// A service account of a Kubernetes cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// The account's Kubernetes namespace.
    pub namespace: String,
    /// The account's name, unique in its namespace.
    pub name: String,
}

impl fmt::Display for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// An application's means of acting as an identity.
#[derive(Clone, Debug)]
pub enum Access {
    /// An access key of the binding's user.
    Key(AccessKey),
    /// A role that the application has, or may assume.
    Role {
        /// The role's ARN.
        arn: String,
    },
}

impl Broker {
    /// Returns the identity that a bind request chooses. `context` is the request's.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a role or a service account that the operator has not allowed.
    pub(super) async fn requested_identity(
        &self,
        instance: &Instance,
        id: &BindingId,
        parameters: &Object,
        context: Option<&Object>,
    ) -> Result<Identity> {
        let own_name = self.naming.user(&instance.id, id);
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
                let role_arn = self.application_role(name, instance).await?.arn;
                Ok(Identity::RolePolicy {
                    role_arn,
                    policy_name: own_name,
                })
            }
            (None, Some(arn), None) => {
                let role_arn = self.application_role(role_name(arn), instance).await?.arn;
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
                let service_account = self.service_account(account, platforms_namespace)?;
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
    pub(super) async fn check_role_again(
        &self,
        instance: &Instance,
        binding: &Binding,
    ) -> Result<()> {
        let Some(Identity::RolePolicy { role_arn, .. }) = &binding.identity else {
            return Ok(());
        };
        let role = self.application_role(role_name(role_arn), instance).await?;
        if role.arn == *role_arn {
            Ok(())
        } else {
            Err(no_such_role())
        }
    }

    /// Returns an application's role to which bindings of this instance may add a policy. The
    /// operator and the role's owner must both have allowed it.
    async fn application_role(&self, name: &str, instance: &Instance) -> Result<Role> {
        if self.rules.roles.is_empty() {
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

        let role = match self.site(None).await.roles.find(name).await {
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
        if self.naming.is_ours(&role.name)
            || self.rules.own_roles.contain(&role.arn)
            || !self.rules.roles.allow(&role.arn)
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
        &self,
        text: &str,
        platforms_namespace: Option<&str>,
    ) -> Result<ServiceAccount> {
        if !self.rules.workload_identity.is_configured() {
            return Err(Error::Invalid(format!(
                "The broker's operator has named no cluster whose service accounts can be bound. \
                 Bind without {SERVICE_ACCOUNT}."
            )));
        }

        let (namespace, name) = match (text.split_once('/'), platforms_namespace) {
            (None, Some(namespace)) => (namespace, text),
            (Some((namespace, name)), None) => (namespace, name),
            (Some((namespace, name)), Some(platforms)) if namespace == platforms => {
                (namespace, name)
            }
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
    pub(super) async fn create_identity(
        &self,
        binding: &Binding,
        identity: Identity,
        tags: Vec<Tag>,
        policy: &Policy,
    ) -> Result<(Identity, Access)> {
        let site = self.site(binding.location.as_ref()).await;

        match identity {
            Identity::User { user_name, .. } => {
                let user = NewUser {
                    name: user_name,
                    tags,
                };
                self.create_user_identity(&site, binding, user, policy)
                    .await
            }

            Identity::Role {
                role_name,
                service_account,
                ..
            } => {
                let trust_policy = self.rules.workload_identity.trust_policy(&service_account);
                let role = NewRole {
                    name: role_name,
                    trust_policy,
                    tags,
                };
                let arn = create_role(&*site.roles, &role, policy).await?;
                Ok(role_identity(role.name, arn, service_account))
            }

            Identity::RolePolicy {
                role_arn,
                policy_name,
            } => {
                let document = policy.document(None);
                add_to_role(&*site.roles, role_name(&role_arn), &policy_name, &document).await?;

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
        &self,
        site: &Site,
        binding: &Binding,
        user: NewUser,
        policy: &Policy,
    ) -> Result<(Identity, Access)> {
        let policy = policy.document(binding.lifetime);
        let key = create_user(&*site.identities, &user, &policy).await?;
        let secret = self.vault.seal(&purpose(binding), &key.secret).await?;

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

    /// Returns the access key or the role of the record's identity; `None` until it is created.
    pub(super) async fn access(&self, binding: &Binding) -> Result<Option<Access>> {
        Ok(match &binding.identity {
            Some(Identity::User {
                access_key: Some(sealed),
                ..
            }) => {
                let secret = self.vault.open(&purpose(binding), &sealed.secret).await?;
                Some(Access::Key(AccessKey {
                    id: sealed.id.clone(),
                    secret,
                }))
            }
            Some(
                Identity::Role {
                    role_arn: Some(arn),
                    ..
                }
                | Identity::RolePolicy { role_arn: arn, .. },
            ) => Some(Access::Role { arn: arn.clone() }),
            _ => None,
        })
    }

    /// Revokes all permissions of the record's identity: its access keys and its policy.
    pub(super) async fn revoke_identity(&self, binding: &Binding) -> PortResult<()> {
        let Site {
            identities, roles, ..
        } = self.site(binding.location.as_ref()).await;
        match &binding.identity {
            Some(Identity::User { user_name, .. }) => revoke_user(&*identities, user_name).await,
            Some(Identity::Role { role_name, .. }) => {
                roles.delete_policy(role_name, POLICY_NAME).await
            }
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
    pub(super) async fn delete_identity(&self, binding: &Binding) -> Result<()> {
        let Site {
            identities, roles, ..
        } = self.site(binding.location.as_ref()).await;

        let (name, deleted) = match &binding.identity {
            Some(Identity::User { user_name, .. }) => {
                (user_name, identities.delete_user(user_name).await)
            }
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
async fn create_user(
    identities: &dyn Identities,
    user: &NewUser,
    policy: &str,
) -> PortResult<AccessKey> {
    if identities.create_user(user).await? == CreateUser::Exists {
        // The keys of an earlier attempt were never returned to anybody.
        delete_access_keys(identities, &user.name).await?;
    }
    identities.put_policy(&user.name, policy).await?;
    identities.create_access_key(&user.name).await
}

/// Deletes a user with its access keys and its policy.
pub(super) async fn delete_user(identities: &dyn Identities, user_name: &str) -> PortResult<()> {
    revoke_user(identities, user_name).await?;
    identities.delete_user(user_name).await
}

async fn revoke_user(identities: &dyn Identities, user_name: &str) -> PortResult<()> {
    delete_access_keys(identities, user_name).await?;
    identities.delete_policy(user_name).await
}

/// Deletes a binding's own role with its policy.
pub(super) async fn delete_role(roles: &dyn Roles, role_name: &str) -> PortResult<()> {
    roles.delete_policy(role_name, POLICY_NAME).await?;
    roles.delete(role_name).await
}

async fn delete_access_keys(identities: &dyn Identities, user_name: &str) -> PortResult<()> {
    for id in identities.access_keys(user_name).await? {
        identities.delete_access_key(user_name, &id).await?;
    }
    Ok(())
}

/// The purpose of a binding's sealed secrets: they can be opened for this binding alone.
pub(super) fn purpose(binding: &Binding) -> Purpose<'_> {
    Purpose {
        instance_id: &binding.instance_id,
        binding_id: Some(&binding.id),
    }
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
