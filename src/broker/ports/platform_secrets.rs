//! The port for the credentials of platforms.

use async_trait::async_trait;
use secrecy::SecretString;

use super::error::PortResult;

/// Secrets Manager: the credentials with which platforms authenticate.
#[async_trait]
pub trait PlatformSecrets: Send + Sync {
    /// Returns all credentials that are currently accepted.
    async fn read(&self) -> PortResult<Vec<PlatformSecret>>;
}

/// A user name and a password for HTTP Basic authentication.
#[derive(Clone, Debug)]
pub struct PlatformSecret {
    /// The user name, which is not secret.
    pub username: String,
    /// The password.
    pub password: SecretString,
}
