//! The port for IAM roles.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{error::PortResult, page::Page, users::IdentitySummary};
use crate::broker::records::Tag;

/// IAM roles that a binding creates, or adds a policy to. Each method is one call.
#[async_trait]
pub trait Roles: Send + Sync {
    /// Returns the role of this name, whoever created it.
    async fn find(&self, name: &str) -> PortResult<Option<Role>>;

    /// Creates the role, without any permission, and returns its ARN. If it exists, an earlier
    /// attempt has created it.
    async fn create(&self, role: &NewRole) -> PortResult<String>;

    /// Sets the role's inline policy of this name. It replaces an existing one of this name.
    async fn put_policy(&self, role_name: &str, policy_name: &str, policy: &str) -> PortResult<()>;

    /// Deletes the role's inline policy of this name, if it has one.
    async fn delete_policy(&self, role_name: &str, policy_name: &str) -> PortResult<()>;

    /// Deletes the role, which must have no policy. A missing role counts as deleted.
    async fn delete(&self, role_name: &str) -> PortResult<()>;

    /// Returns a page of all roles below the broker's path.
    async fn page(&self, next: Option<String>) -> PortResult<Page<IdentitySummary>>;
}

/// An IAM role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The name, unique in the account.
    pub name: String,
    /// The ARN, which includes the role's path.
    pub arn: String,
    /// The tags' values, by key.
    pub tags: BTreeMap<String, String>,
}

/// An IAM role to create.
#[derive(Debug)]
pub struct NewRole {
    /// The name: at most 64 characters.
    pub name: String,
    /// The service, whose permissions boundary limits the role.
    pub service: String,
    /// The policy document that says who may assume the role.
    pub trust_policy: String,
    /// The role's tags.
    pub tags: Vec<Tag>,
}
