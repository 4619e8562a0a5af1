use async_trait::async_trait;
use aws_sdk_ssm::types::ParameterType;
use aws_service_broker::{
    aws::StoredSecrets,
    broker::ports::{PortResult, Secrets},
};
use secrecy::SecretString;

use crate::{
    aws::Calls,
    contract::{self, secrets::StoringSecrets},
};

/// The adapter, and what stores secrets for it.
struct Stores {
    secrets: StoredSecrets,
    ssm: aws_sdk_ssm::Client,
    secrets_manager: aws_sdk_secretsmanager::Client,
}

impl Stores {
    async fn new() -> Self {
        let config = Calls::default().config().await;
        Self {
            secrets: StoredSecrets::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            secrets_manager: aws_sdk_secretsmanager::Client::new(&config),
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
}

impl StoringSecrets for Stores {
    async fn put_parameter(&self, name: &str, value: &str) {
        let put = self.ssm.put_parameter().name(name).value(value).r#type(ParameterType::SecureString);
        put.send().await.expect("put");
    }

    async fn put_secret(&self, name: &str, value: &str) -> String {
        let created = self.secrets_manager.create_secret().name(name).secret_string(value).send().await;
        let arn = match created {
            Ok(created) => created.arn,
            Err(_) => {
                let put = self.secrets_manager.put_secret_value().secret_id(name).secret_string(value);
                put.send().await.expect("put").arn
            }
        };
        arn.expect("an ARN")
    }
}

contract::secrets::tests!(Stores::new().await);
