//! The port for secrets of instances.

use async_trait::async_trait;
use secrecy::SecretString;

use super::error::PortResult;

/// SSM, Secrets Manager and Cognito: secrets of instances, stored there by their stacks.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Returns the decrypted value of a parameter of SSM's Parameter Store, or `None` if there is
    /// none.
    async fn parameter(&self, name: &str) -> PortResult<Option<SecretString>>;

    /// Returns the current text of a secret of Secrets Manager, or `None` if there is none.
    async fn secret(&self, arn: &str) -> PortResult<Option<SecretString>>;

    /// Returns the secret of an app client of a Cognito user pool, or `None` if there is none.
    async fn client_secret(
        &self,
        user_pool_id: &str,
        client_id: &str,
    ) -> PortResult<Option<SecretString>>;
}
