//! [`Identities`] with IAM: one user a binding.

use std::sync::OnceLock;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sdk_iam::{
    Client, Config, config,
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        create_access_key::CreateAccessKeyError, create_user::CreateUserError, put_user_policy::PutUserPolicyError,
    },
    types,
};

use super::error::Service;
use crate::broker::ports::{AccessKey, Identities, NewIdentity, PortError, PortResult};

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

    async fn delete_access_keys(&self, user_name: &str) -> PortResult<()> {
        // A user has two keys at the most: one page holds them.
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        let listed = self.client().list_access_keys().user_name(user_name).send().await;
        let Some(listed) = found(listed, "ListAccessKeys", |error| error.is_no_such_entity_exception())? else {
            return Ok(());
        };
        for key in listed.access_key_metadata() {
            let Some(id) = key.access_key_id() else { continue };
            let deleted = self.client().delete_access_key().user_name(user_name).access_key_id(id).send().await;
            found(deleted, "DeleteAccessKey", |error| error.is_no_such_entity_exception())?;
        }
        Ok(())
    }
}

#[async_trait]
impl Identities for Iam {
    async fn create(&self, identity: &NewIdentity) -> PortResult<AccessKey> {
        let user_name = &identity.user_name;
        let tags = identity.tags.iter().map(|tag| types::Tag::builder().key(tag.key).value(&tag.value).build());
        let created = self
            .client()
            .create_user()
            .user_name(user_name)
            .path(&self.path)
            .permissions_boundary(&self.permissions_boundary_arn)
            .set_tags(Some(tags.collect::<Result<_, _>>().map_err(|error| SERVICE.unexpected("CreateUser", error))?))
            .send()
            .await;
        match created {
            Ok(_) => {}
            Err(error) if error.as_service_error().is_some_and(CreateUserError::is_entity_already_exists_exception) => {
                self.delete_access_keys(user_name).await?;
            }
            Err(error) => return Err(SERVICE.failed("CreateUser")(error)),
        }
        self.client()
            .put_user_policy()
            .user_name(user_name)
            .policy_name(POLICY_NAME)
            .policy_document(&identity.policy)
            .customize()
            .config_override(waiting_for_the_user::<PutUserPolicyError>())
            .send()
            .await
            .map_err(SERVICE.failed("PutUserPolicy"))?;
        let created = self
            .client()
            .create_access_key()
            .user_name(user_name)
            .customize()
            .config_override(waiting_for_the_user::<CreateAccessKeyError>())
            .send()
            .await;
        let key = created.map_err(SERVICE.failed("CreateAccessKey"))?.access_key;
        let key = key.ok_or_else(|| SERVICE.unexpected("CreateAccessKey", "the answer holds no access key"))?;
        Ok(AccessKey { id: key.access_key_id, secret: key.secret_access_key.into() })
    }

    async fn delete(&self, user_name: &str) -> PortResult<()> {
        self.delete_access_keys(user_name).await?;
        let deleted = self.client().delete_user_policy().user_name(user_name).policy_name(POLICY_NAME).send().await;
        found(deleted, "DeleteUserPolicy", |error| error.is_no_such_entity_exception())?;
        let deleted = self.client().delete_user().user_name(user_name).send().await;
        found(deleted, "DeleteUser", |error| error.is_no_such_entity_exception())?;
        Ok(())
    }
}

/// IAM is eventually consistent: a user that was made a moment ago may be unknown to the next call, which is then worth
/// trying again.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
fn waiting_for_the_user<E>() -> config::Builder
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let classifier = AwsErrorCodeClassifier::<E>::builder().transient_errors(vec!["NoSuchEntity"]).build();
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
