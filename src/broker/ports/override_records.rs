//! The port for the operator's overrides.

use async_trait::async_trait;
use catalog::Override;

use super::error::PortResult;

/// The operator's overrides of parameters. The operator's command line writes them.
#[async_trait]
pub trait OverrideRecords: Send + Sync {
    /// Returns all overrides, in any order. It may miss recent writes.
    async fn all(&self) -> PortResult<Vec<Override>>;
}
