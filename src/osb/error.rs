use serde::Serialize;

/// The body of every response with a status of 400 or above.
#[derive(Debug, Serialize)]
pub struct ErrorResponse {
    /// The error code, one CamelCase word; absent unless the specification defines one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// A text for the user: what is wrong, and what to do.
    pub description: String,
    /// False if the requested update can never succeed; absent from all other errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_repeatable: Option<bool>,
}
