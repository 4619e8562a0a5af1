//! The body of a request: a JSON object (OSBAPI, Content Type).

use axum::{
    body::to_bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ApiError;
use crate::osb::NonEmpty;

/// No platform sends more than a few kilobytes. A record holds what was requested, twice while an
/// update runs, and is to fit into DynamoDB's 400 kB.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
const MAX_BYTES: usize = 96 * 1024;

/// The body as `T`; one that does not fit is a 400 that says why.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_content_type(request.headers())?;

        let bytes = to_bytes(request.into_body(), MAX_BYTES)
            .await
            .map_err(|_| {
                ApiError::bad_request(format!("The body must be at most {MAX_BYTES} bytes long."))
            })?;

        // Two passes: one for the JSON, so that what is left to say in the second is only what does
        // not fit.
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::bad_request(format!("The body must be JSON: {error}.")))?;
        if !value.is_object() {
            return Err(ApiError::bad_request("The body must be a JSON object."));
        }

        serde_path_to_error::deserialize(value)
            .map(Self)
            .map_err(|error| {
                ApiError::bad_request(format!(
                    "The body does not fit the API: {}.",
                    misfit(&error)
                ))
            })
    }
}

/// Clients differ in whether they send it; what they send must be JSON.
fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };

    let media_type = content_type
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();

    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::bad_request(
        "The Content-Type must be application/json.",
    ))
}

/// The type that a field must have, in the words of serde's error, which ends with it: "…, expected
/// a string".
fn expected(reason: &str) -> Option<&'static str> {
    let (_, expected) = reason.rsplit_once("expected ")?;
    [
        ("a string", "a text"),
        ("a map", "a JSON object"),
        ("a boolean", "true or false"),
        ("a sequence", "a list"),
    ]
    .into_iter()
    .find_map(|(words, meant)| expected.starts_with(words).then_some(meant))
}

/// What does not fit, without the value that serde would quote: it may be secret, and this text is
/// logged.
fn misfit(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let (field, reason) = (error.path(), error.inner().to_string());
    if reason.starts_with("missing field") {
        reason
    } else if reason == NonEmpty::EMPTY {
        format!("`{field}` must not be empty")
    } else {
        format!(
            "`{field}` must be {}",
            expected(&reason).unwrap_or("of another type")
        )
    }
}
