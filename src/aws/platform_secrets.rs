//! [`PlatformSecrets`] with Secrets Manager: the current and the previous version of a secret. The
//! previous one stays valid until there is a newer version or somebody removes its label. A
//! rotation therefore leaves an overlap.
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html>

use std::sync::OnceLock;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::{Client, operation::get_secret_value::GetSecretValueError};
use secrecy::SecretString;
use serde::Deserialize;

use super::error::Service;
use crate::broker::ports::{PlatformSecret, PlatformSecrets, PortResult};

const SERVICE: Service = Service("Secrets Manager");
/// The staging labels of the two accepted versions.
const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// The secret that holds the user name and password with which platforms call the broker.
pub struct SecretsManager {
    config: SdkConfig,
    client: OnceLock<Client>,
    secret_arn: String,
}

/// The JSON object in the secret's text.
#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: SecretString,
}

impl SecretsManager {
    /// Creates the adapter for the secret of this ARN.
    pub fn new(config: &SdkConfig, secret_arn: impl Into<String>) -> Self {
        Self {
            config: config.clone(),
            client: OnceLock::new(),
            secret_arn: secret_arn.into(),
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }

    /// Returns the user name and password of the version with this label; `None` if no version has
    /// it.
    async fn pair(&self, label: &str) -> PortResult<Option<PlatformSecret>> {
        let secret = self
            .client()
            .get_secret_value()
            .secret_id(&self.secret_arn)
            .version_stage(label)
            .send()
            .await;

        let secret = match secret {
            Err(error)
                if label == PREVIOUS
                    && error
                        .as_service_error()
                        .is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                return Ok(None);
            }
            secret => secret.map_err(SERVICE.failed("GetSecretValue"))?,
        };

        let text = secret.secret_string().unwrap_or_default();
        match serde_json::from_str(text) {
            Ok(Credentials { username, password }) => {
                Ok(Some(PlatformSecret { username, password }))
            }
            // The malformed version never worked, and a newer one has replaced it.
            Err(_) if label == PREVIOUS => Ok(None),
            // The parser's error may quote the text, which is secret.
            Err(_) => Err(SERVICE.unexpected(
                "GetSecretValue",
                "the secret is not a JSON object with `username` and `password`",
            )),
        }
    }
}

#[async_trait]
impl PlatformSecrets for SecretsManager {
    async fn read(&self) -> PortResult<Vec<PlatformSecret>> {
        let (current, previous) = tokio::try_join!(self.pair(CURRENT), self.pair(PREVIOUS))?;
        Ok(current.into_iter().chain(previous).collect())
    }
}
