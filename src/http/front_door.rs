//! Front doors: API Gateway's HTTP APIs and REST APIs, and function URLs. This file converts their
//! events to the platforms' requests, and responses to the format that they accept.
//!
//! `lambda_http` parses paths and queries of events as parts of URLs, and panics if they are
//! invalid. Anything that would make it panic is removed from the event first.
//!
//! - **Path.** HTTP APIs decode the path in the event. A `?` or `#` in an id would end the path,
//!   and `..` would name another path, so the path is rebuilt. An id with a slash cannot be
//!   distinguished from two segments any more. REST APIs and function URLs pass the path on
//!   unchanged; `lambda_http` adds the stage to that of a REST API. If the platform's URL of the
//!   broker ends with a slash, the path begins with two.
//! - **Query.** Function URLs decode a `+` to a space, and pass on any other character that a
//!   client sends. Platforms send neither. Such a request is rejected like any other malformed one,
//!   after authentication.
//!   <https://github.com/aws/aws-lambda-web-adapter/issues/491>
//! - **Length.** A path or a query of more than 10,240 bytes is rejected in the same way. API
//!   Gateway never passes one on, but function URLs and direct invocations may.
//! - **Host.** The client chooses it, and nothing here depends on it.

use std::collections::BTreeMap;

use axum::{
    body::to_bytes,
    extract::Request,
    http::{HeaderMap, Uri, uri::PathAndQuery},
    middleware::Next,
    response::Response,
};
use lambda_http::{
    Error, LambdaEvent, RequestExt,
    request::{LambdaRequest, RequestContext},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::error::ApiError;

/// The characters to encode in a decoded path: all but the unreserved characters of RFC 3986 and
/// the slash between segments.
const DECODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The characters to encode in an encoded path. A `%` stays, so nothing is encoded twice.
const ENCODED: &AsciiSet = &DECODED.remove(b'%');

/// Headers from which `lambda_http` would build a URL. The broker does not need them.
const HOST_AND_SCHEME: [&str; 2] = ["host", "x-forwarded-proto"];

/// The maximum length of the path, and of the query, in bytes: API Gateway accepts no longer
/// request lines. Encoded, both fit into the 65,534 bytes of a `Uri`.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const MAX_BYTES: usize = 10_240;

/// Marks a request with a mistake in its URL. The faulty part has been removed.
#[derive(Clone, Copy, Debug)]
enum Malformed {
    PathTooLong,
    QueryTooLong,
    QueryCharacter,
}

/// Converts an event to the request in it.
pub fn request(event: LambdaEvent<LambdaRequest>) -> lambda_http::Request {
    let LambdaEvent {
        mut payload,
        context,
    } = event;
    let malformed = make_harmless(&mut payload);

    let mut request = lambda_http::Request::from(payload).with_lambda_context(context);
    if let Some(malformed) = malformed {
        request.extensions_mut().insert(malformed);
    }
    request
}

/// Removes everything from an event that cannot be part of a URL. Returns the mistake; `None` if
/// the path and the query are valid.
fn make_harmless(event: &mut LambdaRequest) -> Option<Malformed> {
    match event {
        LambdaRequest::ApiGatewayV1(event) => {
            remove_host(&mut event.headers);
            remove_host(&mut event.multi_value_headers);
            let path = check_path(&mut event.path);

            // The parameters come one by one, and `to_query_string` encodes them.
            let queries = [
                &event.query_string_parameters,
                &event.multi_value_query_string_parameters,
            ];
            let is_too_long = queries
                .into_iter()
                .any(|query| query.to_query_string().len() > MAX_BYTES);
            if is_too_long {
                event.query_string_parameters = Default::default();
                event.multi_value_query_string_parameters = Default::default();
            }
            path.or(is_too_long.then_some(Malformed::QueryTooLong))
        }

        LambdaRequest::ApiGatewayV2(event) => {
            remove_host(&mut event.headers);
            let path = check_path(&mut event.raw_path);

            let query = event.raw_query_string.as_deref().and_then(check_query);
            if query.is_some() {
                event.raw_query_string = None;
                event.query_string_parameters = Default::default();
            }
            path.or(query)
        }
        _ => None,
    }
}

fn remove_host(headers: &mut HeaderMap) {
    for name in HOST_AND_SCHEME {
        headers.remove(name);
    }
}

/// Makes the path absolute. A path that is too long becomes `/`.
fn check_path(path: &mut Option<String>) -> Option<Malformed> {
    let path = path.as_mut()?;
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    if path.len() <= MAX_BYTES {
        return None;
    }
    path.truncate(1);
    Some(Malformed::PathTooLong)
}

fn check_query(text: &str) -> Option<Malformed> {
    if text.len() > MAX_BYTES {
        return Some(Malformed::QueryTooLong);
    }
    let is_query = !text.contains('#') && PathAndQuery::try_from(format!("/?{text}")).is_ok();
    (!is_query).then_some(Malformed::QueryCharacter)
}

/// True if the event has the path as the platform sent it.
fn is_encoded(request: &Request) -> bool {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(_)) => true,
        // Events of function URLs have the format of those of HTTP APIs.
        Some(RequestContext::ApiGatewayV2(context)) => context
            .domain_name
            .as_deref()
            .is_some_and(|domain| domain.contains(".lambda-url.")),
        _ => false,
    }
}

/// Restores the path that the platform sent, encoded, with one slash at the beginning.
pub(super) fn restore_path(mut request: Request) -> Request {
    let path = match request.raw_http_path() {
        "" => request.uri().path().to_owned(),
        path => utf8_percent_encode(
            path,
            if is_encoded(&request) {
                ENCODED
            } else {
                DECODED
            },
        )
        .to_string(),
    };
    let path = format!("/{}", path.trim_start_matches('/'));

    let query = match request.raw_http_path() {
        "" => request.uri().query().unwrap_or_default().to_owned(),
        _ => request.query_string_parameters().to_query_string(),
    };
    let restored = if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    };

    if let Ok(restored) = PathAndQuery::try_from(restored) {
        *request.uri_mut() = Uri::from(restored);
    }
    request
}

/// Rejects a request with a mistake in its URL.
pub(super) async fn refuse_malformed_url(
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let reason = match request.extensions().get::<Malformed>() {
        None => return Ok(next.run(request).await),
        Some(Malformed::PathTooLong) => format!(
            "The path of the URL must have at most \
                                                 {MAX_BYTES} bytes."
        ),
        Some(Malformed::QueryTooLong) => format!(
            "The query of the URL must have at most \
                                                  {MAX_BYTES} bytes."
        ),
        Some(Malformed::QueryCharacter) => "The query of the URL contains an invalid character. \
                                            Percent-encode spaces, quotes and angle brackets; a \
                                            space as %20."
            .into(),
    };

    Err(ApiError::bad_request(reason))
}

/// A response in the format that all front doors accept.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    body: String,
    is_base64_encoded: bool,
}

impl Answer {
    /// Converts the router's response, whose body is JSON or empty.
    ///
    /// # Errors
    ///
    /// Fails if the body or a header is not valid UTF-8.
    pub async fn of(response: Response) -> Result<Self, Error> {
        let (head, body) = response.into_parts();

        let mut headers = BTreeMap::new();
        for (name, value) in &head.headers {
            headers.insert(
                name.to_string(),
                String::from_utf8(value.as_bytes().to_vec())?,
            );
        }

        let body = String::from_utf8(to_bytes(body, usize::MAX).await?.to_vec())?;
        Ok(Self {
            status_code: head.status.as_u16(),
            headers,
            body,
            is_base64_encoded: false,
        })
    }
}
