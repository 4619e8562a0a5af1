//! [`Identities`] with IAM: one user a binding.

use std::sync::OnceLock;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sdk_iam::{
    Client, Config, config,
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        create_access_key::CreateAccessKeyError, create_user::CreateUserError, delete_access_key::DeleteAccessKeyError,
        delete_user::DeleteUserError, delete_user_policy::DeleteUserPolicyError, list_access_keys::ListAccessKeysError,
        put_user_policy::PutUserPolicyError,
    },
    types,
};
use jiff::Timestamp;

use super::{error::Service, unless_answered::UnlessAnswered};
use crate::broker::ports::{AccessKey, CreateUser, Identities, NewUser, Page, PortError, PortResult, UserSummary};

const SERVICE: Service = Service("IAM");
/// The name of the one inline policy that a user has.
const POLICY_NAME: &str = "binding";

/// IAM users below a path of their own, within a permissions boundary.
pub struct Iam {
    config: SdkConfig,
    client: OnceLock<Client>,
    path: String,
    permissions_boundary_arn: String,
}

impl Iam {
    /// Users below `path` (`/…/`) that can never do more than the boundary allows.
    pub fn new(config: &SdkConfig, path: impl Into<String>, permissions_boundary_arn: impl Into<String>) -> Self {
        Self {
            config: config.clone(),
            client: OnceLock::new(),
            path: path.into(),
            permissions_boundary_arn: permissions_boundary_arn.into(),
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }
}

#[async_trait]
impl Identities for Iam {
    async fn create_user(&self, user: &NewUser) -> PortResult<CreateUser> {
        let tags = user.tags.iter().map(|tag| types::Tag::builder().key(tag.key).value(&tag.value).build());
        let created = self
            .client()
            .create_user()
            .user_name(&user.name)
            .path(&self.path)
            .permissions_boundary(&self.permissions_boundary_arn)
            .set_tags(Some(tags.collect::<Result<_, _>>().map_err(|error| SERVICE.unexpected("CreateUser", error))?))
            .send()
            .await;
        match created {
            Ok(_) => Ok(CreateUser::Created),
            Err(error) if error.as_service_error().is_some_and(CreateUserError::is_entity_already_exists_exception) => {
                Ok(CreateUser::Exists)
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
            .config_override(waiting_for::<PutUserPolicyError>(USER_NOT_VISIBLE))
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
            .config_override(waiting_for::<CreateAccessKeyError>(USER_NOT_VISIBLE).retry_classifier(UnlessAnswered))
            .send()
            .await;
        let key = created.map_err(SERVICE.failed("CreateAccessKey"))?.access_key;
        let key = key.ok_or_else(|| SERVICE.unexpected("CreateAccessKey", "the answer holds no access key"))?;
        Ok(AccessKey { id: key.access_key_id, secret: key.secret_access_key.into() })
    }

    async fn access_keys(&self, user_name: &str) -> PortResult<Vec<String>> {
        // A user has two keys at the most: one page holds them.
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        let listed = self.client().list_access_keys().user_name(user_name).send().await;
        let listed = found(listed, "ListAccessKeys", ListAccessKeysError::is_no_such_entity_exception)?;
        let keys = listed.map(|listed| listed.access_key_metadata).unwrap_or_default();
        Ok(keys.into_iter().filter_map(|key| key.access_key_id).collect())
    }

    async fn delete_access_key(&self, user_name: &str, id: &str) -> PortResult<()> {
        let deleted = self.client().delete_access_key().user_name(user_name).access_key_id(id).send().await;
        found(deleted, "DeleteAccessKey", DeleteAccessKeyError::is_no_such_entity_exception).map(drop)
    }

    async fn delete_policy(&self, user_name: &str) -> PortResult<()> {
        let deleted = self.client().delete_user_policy().user_name(user_name).policy_name(POLICY_NAME).send().await;
        found(deleted, "DeleteUserPolicy", DeleteUserPolicyError::is_no_such_entity_exception).map(drop)
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
        found(deleted, "DeleteUser", DeleteUserError::is_no_such_entity_exception).map(drop)
    }

    async fn page(&self, next: Option<String>) -> PortResult<Page<UserSummary>> {
        let page = self.client().list_users().path_prefix(&self.path).set_marker(next).send().await;
        let page = page.map_err(SERVICE.failed("ListUsers"))?;
        let users = page.users.into_iter().map(|user| UserSummary {
            name: user.user_name,
            created_at: Timestamp::from_second(user.create_date.secs()).ok(),
        });
        Ok(Page { items: users.collect(), next: page.marker.filter(|_| page.is_truncated) })
    }
}

/// A user that was made a moment ago may be unknown to the next call.
const USER_NOT_VISIBLE: &str = "NoSuchEntity";
/// A user whose key and policy were deleted a moment ago may still seem to have them.
const DELETION_NOT_VISIBLE: &str = "DeleteConflict";

/// IAM is eventually consistent, so that a call with this outcome is worth trying again.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
fn waiting_for<E>(code: &'static str) -> config::Builder
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let classifier = AwsErrorCodeClassifier::<E>::builder().transient_errors(vec![code]).build();
    Config::builder().retry_classifier(classifier)
}

/// The answer, or nothing where IAM says that what the call is about does not exist.
fn found<T, E>(
    answer: Result<T, SdkError<E>>,
    action: &'static str,
    is_missing: impl FnOnce(&E) -> bool,
) -> Result<Option<T>, PortError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.as_service_error().is_some_and(is_missing) => Ok(None),
        Err(error) => Err(SERVICE.failed(action)(error)),
    }
}
