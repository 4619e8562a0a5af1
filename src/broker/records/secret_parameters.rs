//! `NoEcho` parameters. They are never stored, and yet a re-sent request must be distinguishable
//! from another one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::sealed::Sealed;

/// The stored form of an instance's secret parameters: a digest of each, and the digests' key,
/// sealed. The key belongs to this instance only. Readers of the table can neither see the values
/// nor test guesses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretParameters {
    /// The key of the digests, sealed for the instance.
    pub key: Sealed,
    /// The digest of each parameter, by name.
    pub digests: BTreeMap<String, String>,
}

impl SecretParameters {
    /// Returns the names of the parameters whose digests differ.
    pub fn changed(before: Option<&Self>, after: Option<&Self>) -> BTreeSet<String> {
        let names = before.into_iter().chain(after).flat_map(Self::names);
        names
            .filter(|name| Self::digest(before, name) != Self::digest(after, name))
            .map(str::to_owned)
            .collect()
    }

    fn digest<'s>(secrets: Option<&'s Self>, name: &str) -> Option<&'s String> {
        secrets?.digests.get(name)
    }

    /// Returns the names of the secret parameters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.digests.keys().map(String::as_str)
    }
}
