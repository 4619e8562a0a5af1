//! The port for encryption at rest.

use async_trait::async_trait;
use secrecy::SecretString;

use super::error::PortResult;
use crate::broker::records::{Purpose, Sealed};

/// KMS: encryption of secrets at rest.
#[async_trait]
pub trait Vault: Send + Sync {
    /// Encrypts `plain` for `purpose`.
    async fn seal(&self, purpose: &Purpose<'_>, plain: &SecretString) -> PortResult<Sealed>;

    /// Decrypts a text that was sealed for the same `purpose`, and rejects any other.
    async fn open(&self, purpose: &Purpose<'_>, sealed: &Sealed) -> PortResult<SecretString>;
}
