//! The twin of the Tagging API.

use super::*;

#[async_trait]
impl Resources for World {
    async fn page(&self, next: Option<String>) -> PortResult<Page<StackResource>> {
        self.call("resources.page", |state| {
            page_of(state.account.resources.iter().cloned(), next)
        })
        .await
    }
}
