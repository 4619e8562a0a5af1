//! The path of a request, as the platform sent it.
//!
//! API Gateway's HTTP APIs decode the path of a request before they put it into the event, and `lambda_http` reads it
//! as a part of a URL again: a `?` or `#` in an id would end the path, and `..` would name another one. Here the path is
//! put together anew from the event. Ids with a slash cannot be told from two segments any more. REST APIs and function
//! URLs leave the path as it is; to that of a REST API, `lambda_http` adds the stage.

use axum::{
    extract::Request,
    http::{Uri, uri::PathAndQuery},
};
use lambda_http::{RequestExt, request::RequestContext};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but the unreserved characters of RFC 3986, and the slash between segments.
const DECODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// What is encoded is not encoded again.
const ENCODED: &AsciiSet = &DECODED.remove(b'%');

/// Whether the event's path is as the platform sent it.
fn is_encoded(request: &Request) -> bool {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(_)) => true,
        // Events of function URLs have the form of those of HTTP APIs.
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.domain_name.as_deref().is_some_and(|domain| domain.contains(".lambda-url."))
        }
        _ => false,
    }
}

/// The request with its path encoded again, if it came as an event.
pub fn restore(mut request: Request) -> Request {
    let path = request.raw_http_path();
    if path.is_empty() {
        return request;
    }
    let path = utf8_percent_encode(path, if is_encoded(&request) { ENCODED } else { DECODED });
    let query = request.query_string_parameters().to_query_string();
    let restored = if query.is_empty() { path.to_string() } else { format!("{path}?{query}") };
    if let Ok(restored) = PathAndQuery::try_from(restored) {
        *request.uri_mut() = Uri::from(restored);
    }
    request
}
