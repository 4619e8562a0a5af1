//! Encrypted texts in records.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::id::{BindingId, InstanceId};

/// The owner of a sealed text. The text can be opened only with the same purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose<'a> {
    /// The id of the instance.
    pub instance_id: &'a InstanceId,
    /// The id of the binding. Absent if the text belongs to the instance itself.
    pub binding_id: Option<&'a BindingId>,
}

/// An encrypted text in Base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(pub String);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}
