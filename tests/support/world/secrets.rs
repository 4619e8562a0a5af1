//! The twin of the stores of secrets.

use super::*;

#[async_trait]
impl Secrets for World {
    async fn parameter(&self, name: &str) -> PortResult<Option<SecretString>> {
        self.call("secrets.parameter", |state| {
            stored(&state.account.parameters, name)
        })
        .await
    }

    async fn secret(&self, arn: &str) -> PortResult<Option<SecretString>> {
        self.call("secrets.secret", |state| {
            stored(&state.account.secrets, arn)
        })
        .await
    }

    async fn client_secret(
        &self,
        user_pool_id: &str,
        client_id: &str,
    ) -> PortResult<Option<SecretString>> {
        let client = (user_pool_id.to_owned(), client_id.to_owned());
        self.call("secrets.client_secret", |state| {
            stored(&state.account.client_secrets, &client)
        })
        .await
    }
}

pub(super) fn stored<K: Ord + ?Sized, L: Borrow<K> + Ord>(
    store: &BTreeMap<L, String>,
    name: &K,
) -> Option<SecretString> {
    store
        .get(name)
        .map(|text| SecretString::from(text.as_str()))
}
