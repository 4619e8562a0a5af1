//! The time that a request has.

use std::time::Duration;

use tokio::time::{Instant, error::Elapsed, timeout};

/// The time by which a request has to be answered. Every step of it takes what the ones before have
/// left.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// Time to write the answer, and what it says into the record.
    const MARGIN: Duration = Duration::from_secs(2);

    /// The deadline of a request that has begun now and may take this long.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// The time that a step may take, so that it can still be answered what became of it.
    pub fn left(self) -> Duration {
        self.0
            .saturating_duration_since(Instant::now())
            .saturating_sub(Self::MARGIN)
    }

    /// Runs a step for no longer than what is left.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] where the step was stopped.
    pub async fn limit<T>(self, step: impl Future<Output = T>) -> Result<T, Elapsed> {
        timeout(self.left(), step).await
    }
}
