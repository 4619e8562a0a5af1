//! The function that creates a binding's credentials, as the record names it.

use serde::{Deserialize, Serialize};

use super::sealed::Sealed;

/// The function that creates the credentials of a binding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BindFunction {
    /// The function's name or ARN.
    pub name: String,
    /// The credentials that the function returned, sealed for the binding; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Sealed>,
}
