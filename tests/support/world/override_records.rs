//! The twin of the overrides in the table.

use super::*;

#[async_trait]
impl OverrideRecords for World {
    async fn all(&self) -> PortResult<Vec<Override>> {
        self.call("override_records.all", |state| {
            state.account.overrides.clone()
        })
        .await
    }
}
