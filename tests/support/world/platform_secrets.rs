//! The twin of the secret with the platforms' passwords.

use super::*;

#[async_trait]
impl PlatformSecrets for World {
    async fn read(&self) -> PortResult<Vec<PlatformSecret>> {
        self.call("platform_secrets.read", |state| {
            let pairs = state.platform_secrets.iter().cloned();
            pairs
                .map(|(username, password)| PlatformSecret {
                    username,
                    password: password.into(),
                })
                .collect()
        })
        .await
    }
}
