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

    async fn tags(&self, arn: &str) -> PortResult<BTreeMap<String, String>> {
        self.call("resources.tags", |state| {
            let tags = state.account.tagged.get(arn);
            tags.cloned().unwrap_or_default()
        })
        .await
    }
}
