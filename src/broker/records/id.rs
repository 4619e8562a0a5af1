//! Ids that the platform chooses, and the AWS names that follow from them.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::broker::error::Result;

/// The maximum length of an id, in characters.
///
/// OSBAPI sets no limit; platforms send UUIDs of 36. The limit keeps a binding's sort key below
/// DynamoDB's 1,024 bytes, even at four bytes a character.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
const MAX_ID_LENGTH: usize = 200;

/// The error for an empty or too long id in a request's path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("An id must have 1 to {MAX_ID_LENGTH} characters; this one has {0}.")]
pub struct InvalidId(usize);

macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Creates an id of any characters: ids are opaque.
            ///
            /// # Errors
            ///
            /// [`InvalidId`] if the id is empty, or has more than 200 characters.
            pub fn new(id: impl Into<String>) -> Result<Self, InvalidId> {
                let id = id.into();
                match id.chars().count() {
                    1..=MAX_ID_LENGTH => Ok(Self(id)),
                    length => Err(InvalidId(length)),
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

opaque_id! {
    /// The id of a service instance.
    InstanceId
}

opaque_id! {
    /// The id of a service binding, unique in its instance.
    BindingId
}

/// A UUID for these texts and no others: each text is preceded by its length.
pub fn digest(texts: &[&str]) -> Uuid {
    let name: String = texts
        .iter()
        .map(|text| format!("{}:{text}", text.len()))
        .collect();
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}
