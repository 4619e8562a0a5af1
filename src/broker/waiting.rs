//! The time for which a request waits for the work that it has begun.

use std::time::Duration;

use crate::broker::{deadline::Deadline, error::Result};

/// The longest time that a request waits if its platform polls. For a binding, IAM takes a second
/// or two. If IAM is throttled, the rest is done while the platform polls.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// The time for which a request waits for its work.
#[derive(Clone, Copy, Debug)]
pub enum Waiting {
    /// Waits to the end: the platform does not poll.
    ToTheEnd,
    /// Waits for `LONGEST_WAIT`, or for what is left of the request's time: the platform polls.
    Briefly(Deadline),
}

impl Waiting {
    /// Returns the waiting for a request with this `accepts_incomplete`.
    pub fn new(accepts_incomplete: bool, deadline: Deadline) -> Self {
        if accepts_incomplete {
            Self::Briefly(deadline)
        } else {
            Self::ToTheEnd
        }
    }

    /// True if the platform polls.
    pub fn is_polled(self) -> bool {
        matches!(self, Self::Briefly(_))
    }

    /// Returns the result of the work, or `None` if the platform polls and AWS is too slow or too
    /// busy. A later request finds the begun work in the record, and resumes it.
    pub(super) async fn result_of<T>(
        self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<Option<T>> {
        let Self::Briefly(deadline) = self else {
            return work.await.map(Some);
        };

        match tokio::time::timeout(deadline.left().min(LONGEST_WAIT), work).await {
            Ok(Err(error)) if error.is_passing() => {
                tracing::warn!(
                    reason = error.log_text(),
                    "AWS or a database is busy or unavailable; a later request resumes the operation"
                );
                Ok(None)
            }
            Ok(done) => done.map(Some),
            Err(_) => Ok(None),
        }
    }
}
