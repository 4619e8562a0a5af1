//! An IAM user with an access key, for one binding.

use async_trait::async_trait;

use super::kind::{Context, Created, IamResource, Kind, purpose};
use crate::broker::{
    Broker,
    bindings::means::{Access, Means},
    error::{Error, Result},
    ports::{AccessKey, NewUser, PortErrorKind, PortResult, UserCreation, Users},
    records::{Binding, Grant, SealedAccessKey, UserGrant},
};

#[async_trait]
impl Kind for UserGrant {
    /// Creates the user, its policy and its access key, which is sealed for the record.
    async fn create(&self, context: &Context<'_>, _: &Means) -> Result<Created> {
        let Context {
            broker, binding, ..
        } = context;
        let Some(policy) = context.policy else {
            return Ok(Created::nothing(Grant::User(self.clone())));
        };
        let user = NewUser {
            name: self.user_name.clone(),
            service: context.service.offered.offering.name.to_string(),
            tags: context.tags(policy),
        };

        let users = broker.ports_at(binding.location.as_ref()).await.users;
        let key = create_user(&*users, &user, &policy.document(binding.lifetime)).await?;
        let secret = broker.vault.seal(&purpose(binding), &key.secret).await?;

        let access_key = Some(SealedAccessKey {
            id: key.id.clone(),
            secret,
        });
        Ok(Created {
            grant: Grant::User(Self {
                user_name: user.name,
                access_key,
            }),
            means: Means::of_access(Some(Access::Key(key))),
            credentials: None,
        })
    }

    async fn means(&self, broker: &Broker, binding: &Binding) -> Result<Means> {
        let Some(sealed) = &self.access_key else {
            return Ok(Means::default());
        };
        let secret = broker.vault.open(&purpose(binding), &sealed.secret).await?;
        Ok(Means::of_access(Some(Access::Key(AccessKey {
            id: sealed.id.clone(),
            secret,
        }))))
    }

    async fn revoke(&self, broker: &Broker, binding: &Binding) -> Result<()> {
        let users = broker.ports_at(binding.location.as_ref()).await.users;
        Ok(revoke_user(&*users, &self.user_name).await?)
    }

    async fn remove(&self, broker: &Broker, binding: &Binding) -> Result<()> {
        let users = broker.ports_at(binding.location.as_ref()).await.users;
        let deleted = users.delete_user(&self.user_name).await;
        deleted.map_err(|error| match error.kind {
            PortErrorKind::InUse => Error::IdentityInUse {
                name: self.user_name.clone(),
                reason: error.detail,
            },
            _ => error.into(),
        })
    }

    fn iam_resource(&self) -> Option<IamResource<'_>> {
        Some(IamResource::User(&self.user_name))
    }

    fn expires(&self) -> bool {
        true
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

async fn delete_access_keys(users: &dyn Users, user_name: &str) -> PortResult<()> {
    for id in users.access_keys(user_name).await? {
        users.delete_access_key(user_name, &id).await?;
    }
    Ok(())
}
