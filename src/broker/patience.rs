//! Work that a platform need not wait for.

use std::time::Duration;

use super::{Broker, Error, Result};

/// How long a platform that polls is kept waiting for a binding. IAM takes a second or two; when it is throttled the
/// rest is done while the platform polls.
const PATIENCE: Duration = Duration::from_secs(15);

impl Broker {
    /// What the work gives; nothing where the platform polls and AWS is too slow, or too busy. What was begun is then
    /// taken up by a later request, which finds it in the record.
    pub(super) async fn unless_slow<T>(
        &self,
        accepts_incomplete: bool,
        work: impl Future<Output = Result<T>>,
    ) -> Result<Option<T>> {
        if !accepts_incomplete {
            return work.await.map(Some);
        }
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(Err(Error::Port(error))) if error.is_passing() => {
                tracing::warn!(reason = %error, "to be taken up again");
                Ok(None)
            }
            Ok(done) => done.map(Some),
            Err(_) => Ok(None),
        }
    }
}
