//! The twins of every location.

use super::*;

#[async_trait]
impl AwsPortsFactory for World {
    async fn at(&self, location: Option<&Location>) -> AwsPorts {
        let there =
            Arc::new(location.map_or_else(|| self.clone(), |location| self.elsewhere(location)));
        AwsPorts {
            stacks: there.clone(),
            users: there.clone(),
            roles: there.clone(),
            secrets: there.clone(),
            functions: there.clone(),
            resources: there,
        }
    }
}
