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

/// The maximum length of a body. No platform sends more than a few kilobytes. A record holds the
/// requested values, twice while an update runs, and must fit into DynamoDB's 400 kB.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
const MAX_BYTES: usize = 96 * 1024;

/// The body as `T`. A body that does not match is rejected with a 400 and the reason.
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

        // Two passes: the first reports invalid JSON, so the second only has to report fields that
        // do not match.
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::bad_request(format!("The body must be JSON: {error}.")))?;
        if !value.is_object() {
            return Err(ApiError::bad_request("The body must be a JSON object."));
        }

        serde_path_to_error::deserialize(value)
            .map(Self)
            .map_err(|error| {
                ApiError::bad_request(format!("The body is not valid: {}.", misfit(&error)))
            })
    }
}

/// Rejects any content type but JSON. Some clients send none, which is accepted.
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

/// Returns the user's word for the type that a field must have. The text of serde's error ends with
/// the type: "…, expected a string".
fn expected(reason: &str) -> Option<&'static str> {
    let (_, expected) = reason.rsplit_once("expected ")?;
    [
        ("a string", "a string"),
        ("a map", "a JSON object"),
        ("a boolean", "true or false"),
        ("a sequence", "a JSON array"),
    ]
    .into_iter()
    .find_map(|(words, meant)| expected.starts_with(words).then_some(meant))
}

/// Describes the field that does not match. It leaves out the value, which serde would quote: it
/// may be secret, and this text is logged.
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
