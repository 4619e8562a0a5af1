use async_trait::async_trait;
use aws_sdk_ssm::types::ParameterType;
use aws_service_broker::{
    aws::StoredSecrets,
    broker::ports::{PortResult, Secrets},
};
use secrecy::SecretString;

use crate::{
    aws::Calls,
    contract::{self, secrets::StoringSecrets, unique},
};

/// The adapter, and what stores secrets for it.
struct Stores {
    secrets: StoredSecrets,
    ssm: aws_sdk_ssm::Client,
    secrets_manager: aws_sdk_secretsmanager::Client,
    cognito: aws_sdk_cognitoidentityprovider::Client,
}

impl Stores {
    async fn new() -> Self {
        let config = Calls::default().config().await;
        Self {
            secrets: StoredSecrets::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            secrets_manager: aws_sdk_secretsmanager::Client::new(&config),
            cognito: aws_sdk_cognitoidentityprovider::Client::new(&config),
        }
    }
}

#[async_trait]
impl Secrets for Stores {
    async fn parameter(&self, name: &str) -> PortResult<Option<SecretString>> {
        self.secrets.parameter(name).await
    }

    async fn secret(&self, arn: &str) -> PortResult<Option<SecretString>> {
        self.secrets.secret(arn).await
    }

    async fn client_secret(
        &self,
        user_pool_id: &str,
        client_id: &str,
    ) -> PortResult<Option<SecretString>> {
        self.secrets.client_secret(user_pool_id, client_id).await
    }
}

impl StoringSecrets for Stores {
    async fn put_parameter(&self, name: &str, value: &str) {
        let put = self
            .ssm
            .put_parameter()
            .name(name)
            .value(value)
            .r#type(ParameterType::SecureString);
        put.send().await.expect("put");
    }

    async fn put_secret(&self, name: &str, value: &str) -> String {
        let created = self
            .secrets_manager
            .create_secret()
            .name(name)
            .secret_string(value)
            .send()
            .await;
        let arn = match created {
            Ok(created) => created.arn,
            Err(_) => {
                let put = self
                    .secrets_manager
                    .put_secret_value()
                    .secret_id(name)
                    .secret_string(value);
                put.send().await.expect("put").arn
            }
        };
        arn.expect("an ARN")
    }

    async fn make_client(&self) -> (String, String, String) {
        let pool = self
            .cognito
            .create_user_pool()
            .pool_name(unique())
            .send()
            .await
            .expect("a pool");
        let user_pool_id = pool.user_pool.and_then(|pool| pool.id).expect("an id");
        let client = self
            .cognito
            .create_user_pool_client()
            .user_pool_id(&user_pool_id)
            .client_name("client");
        let client = client
            .generate_secret(true)
            .send()
            .await
            .expect("a client")
            .user_pool_client
            .expect("a client");
        (
            user_pool_id,
            client.client_id.expect("an id"),
            client.client_secret.expect("a secret"),
        )
    }
}

contract::secrets::tests!(Stores::new().await);
