//! The port for the operator's overrides.

use async_trait::async_trait;
use catalog::Override;

use super::error::PortResult;

/// The stored overrides. Only the operator's command line, `asb`, writes them.
#[async_trait]
pub trait OverrideRecords: Send + Sync {
    /// Returns all overrides, in any order. The read is eventually consistent.
    async fn all(&self) -> PortResult<Vec<Override>>;
}
