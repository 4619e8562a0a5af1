//! `X-Broker-API-Request-Identity`, which the response repeats unchanged (OSBAPI, Request
//! Identity).

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName},
    middleware::Next,
    response::Response,
};

/// The header that identifies a request in the logs of the platform and the broker.
static HEADER: HeaderName = HeaderName::from_static("x-broker-api-request-identity");

/// Returns the identity that the platform gave the request.
pub fn of(headers: &HeaderMap) -> Option<&str> {
    headers.get(&HEADER)?.to_str().ok()
}

pub async fn echo(request: Request, next: Next) -> Response {
    let identity = request.headers().get(&HEADER).cloned();
    let mut response = next.run(request).await;
    if let Some(identity) = identity {
        response.headers_mut().insert(&HEADER, identity);
    }
    response
}
