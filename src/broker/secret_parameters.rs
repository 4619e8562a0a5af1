//! `NoEcho` parameters: never stored, and yet a re-sent request must be told from another one.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::ports::{Environment, PortResult, Purpose, Sealed, Vault};
use crate::osb::Object;

/// What is stored for the secret parameters of a request: a digest under a key of the instance's own, and that key,
/// sealed. Who reads the table can neither see the values nor try guesses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretParameters {
    key: Sealed,
    digest: String,
}

impl SecretParameters {
    /// Stands for these parameters; nothing where there are none.
    ///
    /// # Errors
    ///
    /// Those of the vault.
    pub async fn of(
        parameters: &Object,
        purpose: &Purpose<'_>,
        vault: &dyn Vault,
        environment: &dyn Environment,
    ) -> PortResult<Option<Self>> {
        if parameters.is_empty() {
            return Ok(None);
        }
        // Two random UUIDs hold 244 random bits: more than the 128 that HMAC-SHA-256 is asked for here.
        let key = SecretString::from(format!("{}{}", environment.uuid().simple(), environment.uuid().simple()));
        Ok(Some(Self { digest: digest(&key, parameters), key: vault.seal(purpose, &key).await? }))
    }

    /// Whether it stands for these.
    ///
    /// # Errors
    ///
    /// Those of the vault.
    pub async fn matches(&self, parameters: &Object, purpose: &Purpose<'_>, vault: &dyn Vault) -> PortResult<bool> {
        let key = vault.open(purpose, &self.key).await?;
        Ok(digest(&key, parameters) == self.digest)
    }
}

fn digest(key: &SecretString, parameters: &Object) -> String {
    // The order of a JSON object's keys does not count.
    let mut ordered: Vec<_> = parameters.iter().collect();
    ordered.sort_by_key(|(name, _)| *name);
    let text = ordered.into_iter().map(|(name, value)| format!("{}:{name}={value};", name.len())).collect::<String>();
    let mut mac = match Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes a key of any length (RFC 2104, section 2)"),
    };
    mac.update(text.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}
