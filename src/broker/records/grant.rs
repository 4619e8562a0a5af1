//! Grants: what a binding creates for its application, as the record names it.

use database_protocol::{Privileges, UserName};
use serde::{Deserialize, Serialize};

use super::sealed::Sealed;

/// Something that a binding creates for its application, and that is removed with it. The record
/// names it before it is created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// An IAM user for this binding alone.
    User(UserGrant),
    /// An IAM role for this binding alone.
    Role(RoleGrant),
    /// A policy in an application's own role.
    RolePolicy(RolePolicyGrant),
    /// A user of the instance's database.
    Database(DatabaseGrant),
    /// Credentials that a function of the instance's stack creates.
    Function(FunctionGrant),
}

/// An IAM user for one binding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserGrant {
    /// The user's name, which follows from the ids of instance and binding.
    pub user_name: String,
    /// The user's access key; absent until it is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key: Option<SealedAccessKey>,
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

/// An IAM role for one binding, which a Kubernetes service account may assume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleGrant {
    /// The role's name, which follows from the ids of instance and binding.
    pub role_name: String,
    /// The role's ARN; absent until the role is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The service account that may assume the role.
    pub service_account: ServiceAccount,
}

/// A service account of a Kubernetes cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// The account's Kubernetes namespace.
    pub namespace: String,
    /// The account's name, unique in its namespace.
    pub name: String,
}

/// An inline policy in an application's own role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolePolicyGrant {
    /// The ARN of the application's role.
    pub role_arn: String,
    /// The policy's name, which follows from the ids of instance and binding, so that it is unique.
    pub policy_name: String,
}

/// A user of the instance's database, for one binding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatabaseGrant {
    /// The user's name, which follows from the ids of instance and binding.
    pub user_name: UserName,
    /// The privileges in the database.
    pub privileges: Privileges,
    /// True if the user proves with IAM who it is, and has no password.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_iam: bool,
    /// The user's password, sealed for the binding; absent until the user is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Sealed>,
}

/// The credentials that a function of the instance's stack creates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionGrant {
    /// The function's name or ARN.
    pub name: String,
    /// The credentials that the function returned, sealed for the binding; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Sealed>,
}
