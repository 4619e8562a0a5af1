//! `NoEcho` parameters: never stored, and yet a re-sent request must be told from another one.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use super::ports::{Environment, PortResult, Purpose, Sealed, Vault};
use crate::osb::Object;

/// What is stored for the secret parameters of an instance: a digest of each under a key of the
/// instance's own, and that key, sealed. Who reads the table can neither see the values nor try
/// guesses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretParameters {
    key: Sealed,
    digests: BTreeMap<String, String>,
}

/// What it takes to make digests for an instance.
#[derive(Clone, Copy)]
pub struct Digester<'a> {
    /// What the key is sealed for.
    pub purpose: Purpose<'a>,
    /// Seals it.
    pub vault: &'a dyn Vault,
    /// Where a new key comes from.
    pub environment: &'a dyn Environment,
}

impl SecretParameters {
    /// Whether it stands for these.
    ///
    /// # Errors
    ///
    /// Those of the vault.
    pub async fn matches(&self, parameters: &Object, digester: Digester<'_>) -> PortResult<bool> {
        let key = digester.vault.open(&digester.purpose, &self.key).await?;
        let digests: BTreeMap<_, _> = parameters
            .iter()
            .map(|(name, value)| (name.clone(), digest(&key, name, value)))
            .collect();
        Ok(digests == self.digests)
    }

    /// The parameters that do not stand for the same value in both.
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

    /// The parameters that it stands for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.digests.keys().map(String::as_str)
    }
}

impl Digester<'_> {
    /// Stands for these parameters over those of `before`, of which a `null` takes one away;
    /// nothing where none are left. The key is that of `known`, or of `before`, or a new one: what
    /// one key has made can be compared.
    ///
    /// # Errors
    ///
    /// Those of the vault.
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
                // Two random UUIDs hold 244 random bits: more than the 128 that HMAC-SHA-256 is
                // asked for here.
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
        // Flags were texts in the requests that earlier versions took.
        Value::Bool(flag) => Value::String(flag.to_string()),
        value => value.clone(),
    };
    // The length keeps `a` + `b=c` apart from `a=b` + `c`.
    mac.update(format!("{}:{name}={value}", name.len()).as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}
