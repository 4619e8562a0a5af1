//! [`Vault`] with KMS.

use std::{collections::HashMap, sync::OnceLock};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_kms::{Client, primitives::Blob};
use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};

use super::error::Service;
use crate::broker::{
    ports::{PortResult, Vault},
    records::{Purpose, Sealed},
};

const SERVICE: Service = Service("KMS");

/// Encryption with one KMS key. The encryption context binds a ciphertext to its purpose.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html>
pub struct Kms {
    config: SdkConfig,
    client: OnceLock<Client>,
    key_arn: String,
}

impl Kms {
    /// Creates the vault for this key.
    pub fn new(config: &SdkConfig, key_arn: impl Into<String>) -> Self {
        Self {
            config: config.clone(),
            client: OnceLock::new(),
            key_arn: key_arn.into(),
        }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&self.config))
    }
}

#[async_trait]
impl Vault for Kms {
    async fn seal(&self, purpose: &Purpose<'_>, plain: &SecretString) -> PortResult<Sealed> {
        let encrypted = self
            .client()
            .encrypt()
            .key_id(&self.key_arn)
            .set_encryption_context(Some(encryption_context(purpose)))
            .plaintext(Blob::new(plain.expose_secret()))
            .send()
            .await
            .map_err(SERVICE.failed("Encrypt"))?;
        let text = encrypted
            .ciphertext_blob
            .ok_or_else(|| SERVICE.unexpected("Encrypt", "the response has no ciphertext"))?;
        Ok(Sealed(BASE64_STANDARD.encode(text)))
    }

    async fn open(&self, purpose: &Purpose<'_>, sealed: &Sealed) -> PortResult<SecretString> {
        let text = BASE64_STANDARD
            .decode(&sealed.0)
            .map_err(|error| SERVICE.unexpected("Decrypt", error))?;

        let decrypted = self
            .client()
            .decrypt()
            .key_id(&self.key_arn)
            .set_encryption_context(Some(encryption_context(purpose)))
            .ciphertext_blob(Blob::new(text))
            .send()
            .await
            .map_err(SERVICE.failed("Decrypt"))?;

        let plain = decrypted
            .plaintext
            .ok_or_else(|| SERVICE.unexpected("Decrypt", "the response has no plaintext"))?;
        let plain = String::from_utf8(plain.into_inner())
            .map_err(|_| SERVICE.unexpected("Decrypt", "the plaintext is not UTF-8"))?;
        Ok(plain.into())
    }
}

fn encryption_context(purpose: &Purpose<'_>) -> HashMap<String, String> {
    let instance = [("instance_id", purpose.instance_id.as_str())];
    let binding = purpose.binding_id.map(|id| ("binding_id", id.as_str()));
    instance
        .into_iter()
        .chain(binding)
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
