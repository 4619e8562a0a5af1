//! The path of a request, as the platform sent it.
//!
//! API Gateway's HTTP APIs decode the path of a request before they put it into the event, and `lambda_http` reads it
//! as a part of a URL again: a `?` or `#` in an id would end the path, and `..` would name another one. Here the path is
//! put together anew from the event. Ids with a slash cannot be told from two segments any more.

use axum::{
    extract::Request,
    http::{Uri, uri::PathAndQuery},
};
use lambda_http::RequestExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but the unreserved characters of RFC 3986, and the slash between segments.
const DECODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The request with its path encoded again, if it came as an event.
pub fn restore(mut request: Request) -> Request {
    let path = request.raw_http_path();
    if path.is_empty() {
        return request;
    }
    let path = utf8_percent_encode(path, DECODED);
    let query = request.query_string_parameters().to_query_string();
    let restored = if query.is_empty() { path.to_string() } else { format!("{path}?{query}") };
    if let Ok(restored) = PathAndQuery::try_from(restored) {
        *request.uri_mut() = Uri::from(restored);
    }
    request
}
