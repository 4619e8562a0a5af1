//! [`Identities`] with IAM: users.

use async_trait::async_trait;
use aws_sdk_iam::operation::{
    create_access_key::CreateAccessKeyError, create_user::CreateUserError,
    delete_access_key::DeleteAccessKeyError, delete_user::DeleteUserError,
    delete_user_policy::DeleteUserPolicyError, list_access_keys::ListAccessKeysError,
    put_user_policy::PutUserPolicyError,
};

use super::{DELETION_NOT_VISIBLE, Iam, NOT_VISIBLE, SERVICE, found, summary, tags, waiting_for};
use crate::{
    aws::no_blind_retry::NoBlindRetry,
    broker::ports::{AccessKey, IdentitySummary, NewUser, Page, PortResult, UserCreation, Users},
};

/// The name of a user's only inline policy.
const POLICY_NAME: &str = "binding";

#[async_trait]
impl Users for Iam {
    async fn create_user(&self, user: &NewUser) -> PortResult<UserCreation> {
        let created = self
            .client()
            .create_user()
            .user_name(&user.name)
            .path(&self.path)
            .permissions_boundary(self.service_roles.boundary(&user.service))
            .set_tags(Some(tags("CreateUser", &user.tags)?))
            .send()
            .await;

        match created {
            Ok(_) => Ok(UserCreation::Created),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateUserError::is_entity_already_exists_exception) =>
            {
                Ok(UserCreation::Exists)
            }
            Err(error) => Err(SERVICE.failed("CreateUser")(error)),
        }
    }

    async fn put_policy(&self, user_name: &str, policy: &str) -> PortResult<()> {
        self.client()
            .put_user_policy()
            .user_name(user_name)
            .policy_name(POLICY_NAME)
            .policy_document(policy)
            .customize()
            .config_override(waiting_for::<PutUserPolicyError>(NOT_VISIBLE))
            .send()
            .await
            .map_err(SERVICE.failed("PutUserPolicy"))?;
        Ok(())
    }

    async fn create_access_key(&self, user_name: &str) -> PortResult<AccessKey> {
        let created = self
            .client()
            .create_access_key()
            .user_name(user_name)
            .customize()
            .config_override(
                waiting_for::<CreateAccessKeyError>(NOT_VISIBLE).retry_classifier(NoBlindRetry),
            )
            .send()
            .await;

        let key = created
            .map_err(SERVICE.failed("CreateAccessKey"))?
            .access_key;
        let key = key.ok_or_else(|| {
            SERVICE.unexpected("CreateAccessKey", "the response has no access key")
        })?;

        Ok(AccessKey {
            id: key.access_key_id,
            secret: key.secret_access_key.into(),
        })
    }

    async fn access_keys(&self, user_name: &str) -> PortResult<Vec<String>> {
        // A user has at most two keys, so one page holds them.
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        let listed = self
            .client()
            .list_access_keys()
            .user_name(user_name)
            .send()
            .await;

        let listed = found(
            listed,
            "ListAccessKeys",
            ListAccessKeysError::is_no_such_entity_exception,
        )?;

        let keys = listed
            .map(|listed| listed.access_key_metadata)
            .unwrap_or_default();
        Ok(keys
            .into_iter()
            .filter_map(|key| key.access_key_id)
            .collect())
    }

    async fn delete_access_key(&self, user_name: &str, id: &str) -> PortResult<()> {
        let deleted = self
            .client()
            .delete_access_key()
            .user_name(user_name)
            .access_key_id(id)
            .send()
            .await;
        found(
            deleted,
            "DeleteAccessKey",
            DeleteAccessKeyError::is_no_such_entity_exception,
        )
        .map(drop)
    }

    async fn delete_policy(&self, user_name: &str) -> PortResult<()> {
        let deleted = self
            .client()
            .delete_user_policy()
            .user_name(user_name)
            .policy_name(POLICY_NAME)
            .send()
            .await;
        found(
            deleted,
            "DeleteUserPolicy",
            DeleteUserPolicyError::is_no_such_entity_exception,
        )
        .map(drop)
    }

    async fn delete_user(&self, user_name: &str) -> PortResult<()> {
        let deleted = self
            .client()
            .delete_user()
            .user_name(user_name)
            .customize()
            .config_override(waiting_for::<DeleteUserError>(DELETION_NOT_VISIBLE))
            .send()
            .await;

        found(
            deleted,
            "DeleteUser",
            DeleteUserError::is_no_such_entity_exception,
        )
        .map(drop)
    }

    async fn page(&self, next: Option<String>) -> PortResult<Page<IdentitySummary>> {
        let page = self
            .client()
            .list_users()
            .path_prefix(&self.path)
            .set_marker(next)
            .send()
            .await;
        let page = page.map_err(SERVICE.failed("ListUsers"))?;

        let users = page
            .users
            .into_iter()
            .map(|user| summary(user.user_name, user.create_date));
        Ok(Page {
            items: users.collect(),
            next: page.marker.filter(|_| page.is_truncated),
        })
    }
}
