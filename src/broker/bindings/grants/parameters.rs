//! Parameters of a bind request that choose the identity. Without any of them, the binding gets a
//! user with an access key.

/// The name of an application's role.
pub const ROLE_NAME: &str = "RoleName";
/// The ARN of an application's role.
pub const ROLE_ARN: &str = "RoleArn";
/// A Kubernetes service account, for a role of its own.
pub const SERVICE_ACCOUNT: &str = "ServiceAccount";
