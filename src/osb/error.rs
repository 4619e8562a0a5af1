use serde::Serialize;

/// The body of every answer from 400 on.
#[derive(Debug, Serialize)]
pub struct ErrorResponse {
    /// One CamelCase word, where the specification names one for the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// For the user: what to do.
    pub description: String,
    /// Only where an update failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_repeatable: Option<bool>,
}
