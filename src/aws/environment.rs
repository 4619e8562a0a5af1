//! The system's clock and randomness.

use jiff::{Timestamp, Unit};
use uuid::Uuid;

use crate::broker::ports::Environment;

/// The system's clock and randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Environment for System {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.round(Unit::Second).unwrap_or(now)
    }

    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }
}
