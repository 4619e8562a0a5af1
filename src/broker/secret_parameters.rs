//! `NoEcho` parameters. They are never stored, and yet a re-sent request must be distinguishable
//! from another one.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use super::ports::{Environment, PortResult, Purpose, Sealed, Vault};
use crate::osb::Object;

/// The stored form of an instance's secret parameters: a digest of each, and the digests' key,
/// sealed. The key belongs to this instance only. Readers of the table can neither see the values
/// nor test guesses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretParameters {
    key: Sealed,
    digests: BTreeMap<String, String>,
}

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

impl SecretParameters {
    /// True if the digests are those of these parameters.
    ///
    /// # Errors
    ///
    /// The errors of the vault.
    pub async fn matches(&self, parameters: &Object, digester: Digester<'_>) -> PortResult<bool> {
        let key = digester.vault.open(&digester.purpose, &self.key).await?;
        let digests: BTreeMap<_, _> = parameters
            .iter()
            .map(|(name, value)| (name.clone(), digest(&key, name, value)))
            .collect();
        Ok(digests == self.digests)
    }

    /// Returns the names of the parameters whose digests differ.
    pub fn changed(before: Option<&Self>, after: Option<&Self>) -> BTreeSet<String> {
        let digest = |of: Option<&Self>, name: &str| {
            of.and_then(|secrets| secrets.digests.get(name).cloned())
        };
        let names = before.into_iter().chain(after).flat_map(Self::names);
        names
            .filter(|name| digest(before, name) != digest(after, name))
            .map(str::to_owned)
            .collect()
    }

    /// Returns the names of the secret parameters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.digests.keys().map(String::as_str)
    }
}

impl Digester<'_> {
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
