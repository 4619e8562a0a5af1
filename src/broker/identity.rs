//! The IAM user of a binding. Every step can be repeated, so that whoever takes up the work of another may begin anew.

use super::{
    Broker,
    ports::{AccessKey, CreateUser, NewUser, PortResult},
};

impl Broker {
    /// Makes the user with this policy and one access key. The key comes last: nobody can use it before the policy
    /// says what for.
    pub(super) async fn create_identity(&self, user: &NewUser, policy: &str) -> PortResult<AccessKey> {
        if self.identities.create_user(user).await? == CreateUser::Exists {
            // Nobody has seen the keys of an earlier attempt.
            self.delete_access_keys(&user.name).await?;
        }
        self.identities.put_policy(&user.name, policy).await?;
        self.identities.create_access_key(&user.name).await
    }

    /// Deletes the user with all that it has. One that does not exist is deleted.
    pub(super) async fn delete_identity(&self, user_name: &str) -> PortResult<()> {
        self.delete_access_keys(user_name).await?;
        self.identities.delete_policy(user_name).await?;
        self.identities.delete_user(user_name).await
    }

    async fn delete_access_keys(&self, user_name: &str) -> PortResult<()> {
        for id in self.identities.access_keys(user_name).await? {
            self.identities.delete_access_key(user_name, &id).await?;
        }
        Ok(())
    }
}
