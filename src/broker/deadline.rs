//! The time limit of a request.

use std::time::Duration;

use tokio::time::{Instant, error::Elapsed, timeout};

use crate::broker::error::Result;

/// The time by which the broker has to respond to a request. Each step takes from the time that the
/// steps before it have left.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The time reserved for writing the outcome into the record and sending the response.
    const MARGIN: Duration = Duration::from_secs(2);

    /// The deadline of a request that begins now and may take this long.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// The time left for a step, without the margin for recording and reporting its outcome.
    pub fn left(self) -> Duration {
        self.0
            .saturating_duration_since(Instant::now())
            .saturating_sub(Self::MARGIN)
    }

    /// Runs a step, and stops it when no time is left.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] if the step was stopped.
    pub async fn limit<T>(self, step: impl Future<Output = T>) -> Result<T, Elapsed> {
        timeout(self.left(), step).await
    }
}
