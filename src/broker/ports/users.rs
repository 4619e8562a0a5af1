//! The port for IAM users.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

use super::{error::PortResult, page::Page};
use crate::broker::records::Tag;

/// IAM users: at most one per binding. Each method is one call, so that the domain decides on their
/// order.
#[async_trait]
pub trait Users: Send + Sync {
    /// Creates the user, without any permission.
    async fn create_user(&self, user: &NewUser) -> PortResult<UserCreation>;

    /// Sets the user's policy. It replaces the one that the user has.
    async fn put_policy(&self, user_name: &str, policy: &str) -> PortResult<()>;

    /// Creates another access key for the user.
    async fn create_access_key(&self, user_name: &str) -> PortResult<AccessKey>;

    /// Returns the ids of the user's access keys. Empty if the user does not exist.
    async fn access_keys(&self, user_name: &str) -> PortResult<Vec<String>>;

    /// Deletes an access key. A missing key counts as deleted.
    async fn delete_access_key(&self, user_name: &str, id: &str) -> PortResult<()>;

    /// Deletes the user's policy, if it has one.
    async fn delete_policy(&self, user_name: &str) -> PortResult<()>;

    /// Deletes the user, which must have neither keys nor a policy. A missing user counts as
    /// deleted.
    async fn delete_user(&self, user_name: &str) -> PortResult<()>;

    /// Returns a page of all users below the broker's path.
    async fn page(&self, next: Option<String>) -> PortResult<Page<IdentitySummary>>;
}

/// A user or a role in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdentitySummary {
    /// The name, unique among the account's users or roles.
    pub name: String,
    /// The time of creation, if AWS reports it.
    pub created_at: Option<Timestamp>,
}

/// An IAM user to create.
#[derive(Debug)]
pub struct NewUser {
    /// The name: at most 64 characters.
    pub name: String,
    /// The service, whose permissions boundary limits the user.
    pub service: String,
    /// The user's tags.
    pub tags: Vec<Tag>,
}

/// The outcome of the request to create a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum UserCreation {
    /// The user was created.
    Created,
    /// A user of this name exists. An earlier attempt has created it, because names follow from
    /// ids.
    Exists,
}

/// An access key. AWS shows its secret only once.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The access key id, which is not secret.
    pub id: String,
    /// The secret access key.
    pub secret: SecretString,
}
