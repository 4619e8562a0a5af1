//! [`PlatformSecrets`] with Secrets Manager.

use std::sync::OnceLock;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use secrecy::SecretString;
use serde::Deserialize;

use super::error::Service;
use crate::broker::ports::{PlatformSecret, PlatformSecrets, PortResult};

const SERVICE: Service = Service("Secrets Manager");

/// The secret that holds the user name and password with which platforms call the broker.
pub struct SecretsManager {
    config: SdkConfig,
    client: OnceLock<Client>,
    secret_arn: String,
}

/// What the secret's text holds, as JSON.
#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: SecretString,
}

impl SecretsManager {
    /// The secret of this ARN.
    pub fn new(config: &SdkConfig, secret_arn: impl Into<String>) -> Self {
        Self { config: config.clone(), client: OnceLock::new(), secret_arn: secret_arn.into() }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }
}

#[async_trait]
impl PlatformSecrets for SecretsManager {
    async fn read(&self) -> PortResult<Vec<PlatformSecret>> {
        let secret = self.client().get_secret_value().secret_id(&self.secret_arn).send().await;
        let secret = secret.map_err(SERVICE.failed("GetSecretValue"))?;
        // A parser's message may quote the text, which is secret.
        let malformed =
            || SERVICE.unexpected("GetSecretValue", "the secret is not a JSON object with `username` and `password`");
        let text = secret.secret_string().ok_or_else(malformed)?;
        let Credentials { username, password } = serde_json::from_str(text).map_err(|_| malformed())?;
        Ok(vec![PlatformSecret { username, password }])
    }
}
