//! `X-Broker-API-Version` (OSBAPI, API Version Header).

use axum::{
    extract::{Request, State},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};

use super::error::ApiError;

const HEADER: &str = "x-broker-api-version";
const MAJOR: u32 = 2;
/// The oldest accepted minor version. Service Catalog sends 2.14, Cloud Foundry 2.15, Korifi 2.17.
/// Minor versions only add features, so all newer ones are accepted.
const OLDEST_MINOR: u32 = 13;

/// The response to a request without the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingVersion {
    /// 400, as OSBAPI 2.17 requires.
    #[default]
    BadRequest,
    /// 412, as checkers of earlier OSBAPI versions require.
    PreconditionFailed,
}

pub async fn check(
    State(missing): State<MissingVersion>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    check_version(request.headers(), missing)?;
    Ok(next.run(request).await)
}

fn check_version(headers: &HeaderMap, missing: MissingVersion) -> Result<(), ApiError> {
    let Some(version) = headers.get(HEADER).filter(|version| !version.is_empty()) else {
        let description = "The header X-Broker-API-Version is required. Send 2.17.";
        return Err(match missing {
            MissingVersion::BadRequest => ApiError::bad_request(description),
            MissingVersion::PreconditionFailed => ApiError::precondition_failed(description),
        });
    };

    match version.to_str().ok().and_then(parse) {
        Some((MAJOR, OLDEST_MINOR..)) => Ok(()),
        _ => Err(ApiError::precondition_failed(format!(
            "The broker does not support this version of the API. Send X-Broker-API-Version: \
             2.17, or another one from {MAJOR}.{OLDEST_MINOR} on."
        ))),
    }
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
