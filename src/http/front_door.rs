//! Front doors: API Gateway's HTTP APIs and REST APIs, and function URLs. Their events become the
//! requests that platforms have sent, and answers become what they take.
//!
//! `lambda_http` reads paths and queries of events as parts of URLs, and panics where they are
//! none. What would make it panic is taken out of the event first.
//!
//! - **Path.** HTTP APIs decode the path before they put it into the event: a `?` or `#` in an id
//!   would end the path, and `..` would name another one. So it is put together anew. Ids with a
//!   slash cannot be told from two segments any more. REST APIs and function URLs leave the path as
//!   it is; to that of a REST API, `lambda_http` adds the stage. Where the platform's URL of the
//!   broker ends with a slash, the path begins with two.
//! - **Query.** Function URLs decode a `+` to a space, and pass on whatever else a client has sent.
//!   Platforms send neither; such a request is refused as others are, once its sender is known.
//!   <https://github.com/aws/aws-lambda-web-adapter/issues/491>
//! - **Length.** A path or a query of more than 10,240 bytes, which API Gateway never passes on, is
//!   refused likewise: function URLs and direct invocations may bring one.
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

/// All but the unreserved characters of RFC 3986, and the slash between segments.
const DECODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// What is encoded is not encoded again.
const ENCODED: &AsciiSet = &DECODED.remove(b'%');

/// What `lambda_http` would make a URL of, and what is not needed for that.
const HOST_AND_SCHEME: [&str; 2] = ["host", "x-forwarded-proto"];

/// The longest path, and the longest query, in bytes: API Gateway takes no longer request lines.
/// Encoded, both fit into the 65,534 bytes of a `Uri`.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const MAX_BYTES: usize = 10_240;

/// Marks a request with a mistake in its URL: that part was taken out.
#[derive(Clone, Copy, Debug)]
enum Malformed {
    PathTooLong,
    QueryTooLong,
    QueryCharacter,
}

/// The request that an event holds.
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

/// Takes out of an event what cannot be a part of a URL. Returns what that was.
fn make_harmless(event: &mut LambdaRequest) -> Option<Malformed> {
    match event {
        LambdaRequest::ApiGatewayV1(event) => {
            remove_host(&mut event.headers);
            remove_host(&mut event.multi_value_headers);
            let path = check_path(&mut event.path);

            // Its parameters come one by one, and are encoded by whoever puts them together.
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

/// Makes the path absolute, or `/` where it is too long.
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

/// Whether the event's path is as the platform sent it.
fn is_encoded(request: &Request) -> bool {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(_)) => true,
        // Events of function URLs have the form of those of HTTP APIs.
        Some(RequestContext::ApiGatewayV2(context)) => context
            .domain_name
            .as_deref()
            .is_some_and(|domain| domain.contains(".lambda-url.")),
        _ => false,
    }
}

/// The request with the path that the platform sent, encoded, beginning with one slash.
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

/// Refuses a request with a mistake in its URL.
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
        Some(Malformed::QueryCharacter) => "The query of the URL has a character that does not \
                                            belong there. Percent-encode spaces, quotes and angle \
                                            brackets; a space as %20."
            .into(),
    };

    Err(ApiError::bad_request(reason))
}

/// An answer as all front doors take it.
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
    /// The router's response, whose body is JSON or nothing.
    ///
    /// # Errors
    ///
    /// Where its body or a header is no text.
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
