//! The body of a request: a JSON object (OSBAPI, Content Type).

use axum::{
    body::to_bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ApiError;

/// No request needs more: CloudFormation takes 200 parameters of 4,096 bytes at the most, and a record, which holds
/// what was requested, is to fit into DynamoDB's 400 kB with room to spare.
const MAX_BYTES: usize = 256 * 1024;

/// The body as `T`; one that does not fit is a 400 that says why.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_content_type(request.headers())?;
        let bytes = to_bytes(request.into_body(), MAX_BYTES)
            .await
            .map_err(|_| ApiError::bad_request(format!("The body must be at most {MAX_BYTES} bytes long.")))?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::bad_request(format!("The body must be JSON: {error}.")))?;
        if !value.is_object() {
            return Err(ApiError::bad_request("The body must be a JSON object."));
        }
        let body = serde_json::from_slice(&bytes);
        body.map(Self).map_err(|error| ApiError::bad_request(format!("The body does not fit the API: {error}.")))
    }
}

/// Clients differ in whether they send it; what they send must be JSON.
fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let media_type = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::bad_request("The Content-Type must be application/json."))
}
