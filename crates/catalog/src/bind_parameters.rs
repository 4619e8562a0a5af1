//! Parameters of bind requests. Every template with permissions has them.

/// The scope, which selects the permissions of the binding.
pub const SCOPE: &str = "Scope";
/// The name of an application's role, which gets the permissions.
pub const ROLE_NAME: &str = "RoleName";
/// The ARN of an application's role, which gets the permissions.
pub const ROLE_ARN: &str = "RoleArn";
/// A Kubernetes service account, which may assume a role with the permissions.
pub const SERVICE_ACCOUNT: &str = "ServiceAccount";
