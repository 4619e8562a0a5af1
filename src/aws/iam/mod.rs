//! IAM: users ([`crate::broker::ports::Users`]) and roles ([`crate::broker::ports::Roles`]).

mod roles;
mod users;

use std::sync::OnceLock;

use aws_config::SdkConfig;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sdk_iam::{
    Client, Config, config,
    error::{ProvideErrorMetadata, SdkError},
    primitives::DateTime,
    types,
};
use jiff::Timestamp;

use super::{ServiceRoles, error::Service};
use crate::broker::{
    ports::{IdentitySummary, PortError, PortResult},
    records::Tag,
};

const SERVICE: Service = Service("IAM");

/// IAM users and roles below the broker's own path, within the permissions boundary of their
/// service.
pub struct Iam {
    config: SdkConfig,
    client: OnceLock<Client>,
    path: String,
    service_roles: ServiceRoles,
}

impl Iam {
    /// Creates the adapter for users and roles below `path` (`/…/`).
    pub fn new(config: &SdkConfig, path: impl Into<String>, service_roles: ServiceRoles) -> Self {
        Self {
            config: config.clone(),
            client: OnceLock::new(),
            path: path.into(),
            service_roles,
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }
}

/// Error codes for a user or role that is not visible yet. IAM may not know its path and boundary
/// either, by which the broker's own permissions are limited, and may then deny the call.
const NOT_VISIBLE: [&str; 2] = ["NoSuchEntity", "AccessDenied"];
/// Error codes for a deletion that is not visible yet. A user or role may still seem to have a key
/// or policy that was deleted a moment ago.
const DELETION_NOT_VISIBLE: [&str; 1] = ["DeleteConflict"];

/// Returns a configuration that retries these error codes, because IAM is eventually consistent.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
fn waiting_for<E>(codes: impl Into<Vec<&'static str>>) -> config::Builder
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let classifier = AwsErrorCodeClassifier::<E>::builder()
        .transient_errors(codes.into())
        .build();
    Config::builder().retry_classifier(classifier)
}

/// Returns the answer; `None` if IAM says that the subject of the call does not exist.
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

fn tags(action: &'static str, tags: &[Tag]) -> PortResult<Vec<types::Tag>> {
    let tags = tags.iter().map(|tag| {
        types::Tag::builder()
            .key(&*tag.key)
            .value(&tag.value)
            .build()
    });
    tags.collect::<Result<_, _>>()
        .map_err(|error| SERVICE.unexpected(action, error))
}

fn summary(name: String, created: DateTime) -> IdentitySummary {
    IdentitySummary {
        name,
        created_at: Timestamp::from_second(created.secs()).ok(),
    }
}
