//! Digests of `NoEcho` parameters.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::Sha256;

use crate::{
    broker::{
        Broker,
        error::Result,
        ports::{Environment, PortResult, Vault},
        records::{Instance, InstanceId, Purpose, SecretParameters},
    },
    osb::Object,
};

/// The dependencies for creating digests for an instance.
#[derive(Clone, Copy)]
pub struct Digester<'a> {
    /// The purpose for which the key is sealed.
    pub purpose: Purpose<'a>,
    /// The vault that seals the key.
    pub vault: &'a dyn Vault,
    /// The source of a new key.
    pub environment: &'a dyn Environment,
}

impl Digester<'_> {
    /// True if the stored digests are those of these parameters.
    ///
    /// # Errors
    ///
    /// The errors of the vault.
    pub async fn matches(self, stored: &SecretParameters, parameters: &Object) -> PortResult<bool> {
        let key = self.vault.open(&self.purpose, &stored.key).await?;
        let digests: BTreeMap<_, _> = parameters
            .iter()
            .map(|(name, value)| (name.clone(), digest(&key, name, value)))
            .collect();
        Ok(digests == stored.digests)
    }

    /// Returns the digests of `before` with `changes` applied, where a `null` removes one. Returns
    /// `None` if none are left. The key is that of `known`, or else of `before`, or else a new one:
    /// only digests under the same key can be compared.
    ///
    /// # Errors
    ///
    /// The errors of the vault.
    pub async fn digest(
        self,
        changes: &Object,
        before: Option<&SecretParameters>,
        known: Option<&SecretParameters>,
    ) -> PortResult<Option<SecretParameters>> {
        if changes.is_empty() {
            return Ok(before.cloned());
        }

        let (key, sealed) = match known.or(before) {
            Some(known) => (
                self.vault.open(&self.purpose, &known.key).await?,
                known.key.clone(),
            ),
            None => {
                // Two random UUIDs have 244 random bits. That exceeds the 128 that are required of
                // HMAC-SHA-256 here.
                let uuids = [self.environment.uuid(), self.environment.uuid()];
                let key = SecretString::from(uuids.map(|uuid| uuid.simple().to_string()).concat());
                let sealed = self.vault.seal(&self.purpose, &key).await?;
                (key, sealed)
            }
        };

        let mut digests = before
            .map(|before| before.digests.clone())
            .unwrap_or_default();
        for (name, value) in changes {
            match value {
                Value::Null => drop(digests.remove(name)),
                value => drop(digests.insert(name.clone(), digest(&key, name, value))),
            }
        }

        Ok((!digests.is_empty()).then_some(SecretParameters {
            key: sealed,
            digests,
        }))
    }
}

fn digest(key: &SecretString, name: &str, value: &Value) -> String {
    let mut mac = match Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes a key of any length (RFC 2104, section 2)"),
    };
    let value = match value {
        // Earlier versions received flags as text.
        Value::Bool(flag) => Value::String(flag.to_string()),
        value => value.clone(),
    };
    // The length distinguishes `a` + `b=c` from `a=b` + `c`.
    mac.update(format!("{}:{name}={value}", name.len()).as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

pub fn digester<'a>(broker: &'a Broker, id: &'a InstanceId) -> Digester<'a> {
    let purpose = Purpose {
        instance_id: id,
        binding_id: None,
    };
    Digester {
        purpose,
        vault: &*broker.vault,
        environment: &*broker.environment,
    }
}

pub async fn same_secrets(broker: &Broker, existing: &Instance, secrets: &Object) -> Result<bool> {
    match &existing.attributes.secret_parameters {
        None => Ok(secrets.is_empty()),
        Some(stored) => Ok(digester(broker, &existing.id)
            .matches(stored, secrets)
            .await?),
    }
}
