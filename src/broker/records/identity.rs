//! The IAM identity of a binding, as the record names it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::sealed::Sealed;

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

/// An access key as the record stores it. AWS shows the secret once, so the record keeps it
/// encrypted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SealedAccessKey {
    /// The access key id, which is not secret.
    pub id: String,
    /// The secret access key, sealed for this binding.
    pub secret: Sealed,
}
