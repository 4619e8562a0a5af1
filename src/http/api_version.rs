//! `X-Broker-API-Version` (OSBAPI, API Version Header).

use axum::{extract::Request, http::HeaderMap, middleware::Next, response::Response};

use super::error::ApiError;

const HEADER: &str = "x-broker-api-version";
const MAJOR: u32 = 2;
/// Service Catalog sends 2.13, Cloud Foundry 2.15. Minor versions only add, so that all newer ones are accepted.
const OLDEST_MINOR: u32 = 13;

pub async fn check(request: Request, next: Next) -> Result<Response, ApiError> {
    check_version(request.headers())?;
    Ok(next.run(request).await)
}

fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(version) = headers.get(HEADER).filter(|version| !version.is_empty()) else {
        return Err(ApiError::bad_request("The header X-Broker-API-Version is required. Send 2.17."));
    };
    match version.to_str().ok().and_then(parse) {
        Some((MAJOR, OLDEST_MINOR..)) => Ok(()),
        _ => Err(ApiError::precondition_failed(format!(
            "The broker does not speak this version of the API. Send X-Broker-API-Version: 2.17, or another from \
             {MAJOR}.{OLDEST_MINOR} on."
        ))),
    }
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
