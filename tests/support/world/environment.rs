//! The clock and the random ids of the twins.

use super::*;

impl Environment for World {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 50) + self.state().elapsed
    }

    fn uuid(&self) -> Uuid {
        let mut state = self.state();
        let turn = state.turn;
        let count = state.uuids.entry(turn).or_default();
        *count += 1;
        Uuid::from_u64_pair(turn as u64, *count)
    }

    fn first_version(&self) -> u64 {
        let (turn, count) = self.uuid().as_u64_pair();
        1_000 * (1_000 * turn + count)
    }
}
