//! HTTP Basic authentication, before any other check (OSBAPI, Authentication; RFC 7617).

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::SecretString;

use super::{App, error::ApiError};
use crate::{broker::Error, telemetry::facts};

pub async fn check(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (username, password) = credentials(request.headers()).ok_or_else(ApiError::unauthorized)?;

    if !app
        .authenticator
        .accepts(&username, &password)
        .await
        .map_err(Error::from)?
    {
        return Err(ApiError::wrong_credentials());
    }

    facts::note(|facts| facts.is_known_sender = true);
    Ok(next.run(request).await)
}

fn credentials(headers: &HeaderMap) -> Option<(String, SecretString)> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(token.trim()).ok()?).ok()?;
    let (username, password) = decoded.split_once(':')?;
    Some((username.to_owned(), password.to_owned().into()))
}
