use std::{
    fmt::{self, Display, Formatter},
    ops::Deref,
};

use serde::{Deserialize, Serialize, de::Error};

/// A string of at least one character, as OSBAPI requires of every string (release notes of 2.12).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NonEmpty(String);

impl NonEmpty {
    /// The error text for an empty string.
    pub const EMPTY: &str = "a string must not be empty";

    /// Returns the string; `None` if it is empty.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        Some(text.into()).filter(|text| !text.is_empty()).map(Self)
    }
}

impl Deref for NonEmpty {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for NonEmpty {
    fn eq(&self, other: &str) -> bool {
        self.0 == *other
    }
}

impl Display for NonEmpty {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl<'de> Deserialize<'de> for NonEmpty {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom(Self::EMPTY))
    }
}

/// Deserializes an empty string as an absent one. Some platforms send optional fields even without
/// a value: Korifi sends `"app_guid": ""` for a service key.
/// <https://github.com/cloudfoundry/korifi/blob/main/controllers/controllers/services/osbapi/types.go>
pub(super) fn absent_if_empty<'de, D>(deserializer: D) -> Result<Option<NonEmpty>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    Ok(Option::<String>::deserialize(deserializer)?.and_then(NonEmpty::new))
}
