//! The port for time and chance.

use jiff::Timestamp;
use uuid::Uuid;

/// The clock, and the source of random ids.
pub trait Environment: Send + Sync {
    /// Returns the current time in whole seconds, the precision of records.
    fn now(&self) -> Timestamp;

    /// Returns a random UUID (version 4).
    fn uuid(&self) -> Uuid;

    /// Returns the version that a new record starts with. It is random. A delayed request must not
    /// mistake a later record of the same id for the one that it has read.
    fn first_version(&self) -> u64 {
        let (high, low) = self.uuid().as_u64_pair();
        (high ^ low) >> 32
    }
}
