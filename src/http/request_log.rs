//! The log lines of a request: caller, operation and outcome. They never hold an authorization, a
//! body or a query.

use std::time::Instant;

use axum::{
    RequestExt,
    extract::{MatchedPath, RawPathParams, Request},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use lambda_http::RequestExt as _;

use super::{error::LogDetail, originating_identity, request_identity};
use crate::telemetry::{
    facts,
    lines::{self, Outcome},
};

pub async fn log(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let operation = operation(request.method(), request.extensions().get::<MatchedPath>());
    let is_safe = request.method().is_safe();

    let ids = request.extract_parts::<RawPathParams>().await.ok();
    let (instance_id, binding_id) = (
        path_parameter(ids.as_ref(), "instance_id"),
        path_parameter(ids.as_ref(), "binding_id"),
    );

    let request_identity = request_identity::of(request.headers()).map(str::to_owned);
    let originator = originating_identity::of(request.headers());
    let request_id = request
        .lambda_context_ref()
        .map(|context| context.request_id.clone());

    let (response, facts) = facts::gather(next.run(request)).await;

    let status = response.status();
    lines::Request {
        operation,
        // Unauthenticated requests change nothing; auditing them would let anyone flood the log.
        is_mutation: !is_safe && operation != UNKNOWN && facts.is_known_sender,
        outcome: outcome(status),
        status: Some(status.as_u16()),
        duration: started.elapsed(),
        instance_id,
        binding_id,
        request_id: request_id.as_deref(),
        request_identity: request_identity.as_deref(),
        originating_platform: originator.platform.as_deref(),
        originating_user: originator.user.as_deref(),
        originating_identity_mistake: originator.mistake,
        reason: response
            .extensions()
            .get::<LogDetail>()
            .map(|detail| detail.0.as_str()),
    }
    .log(&facts);

    response
}

const UNKNOWN: &str = "unknown";

fn path_parameter<'p>(parameters: Option<&'p RawPathParams>, name: &str) -> Option<&'p str> {
    parameters?
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// Returns OSBAPI's name of the requested operation.
fn operation(method: &Method, path: Option<&MatchedPath>) -> &'static str {
    let path = path.map(MatchedPath::as_str).unwrap_or_default();

    match (method.as_str(), path.rsplit('/').next().unwrap_or_default()) {
        ("GET", "catalog") => "catalog",
        ("GET", "last_operation") if path.contains("{binding_id}") => "binding_last_operation",
        ("GET", "last_operation") => "last_operation",
        ("PUT", "{instance_id}") => "provision",
        ("PATCH", "{instance_id}") => "update",
        ("GET", "{instance_id}") => "fetch_instance",
        ("DELETE", "{instance_id}") => "deprovision",
        ("PUT", "{binding_id}") => "bind",
        ("GET", "{binding_id}") => "fetch_binding",
        ("DELETE", "{binding_id}") => "unbind",
        _ => UNKNOWN,
    }
}

fn outcome(status: StatusCode) -> Outcome {
    match status.as_u16() {
        202 => Outcome::Accepted,
        400..500 => Outcome::Refused,
        500.. => Outcome::Failed,
        _ => Outcome::Succeeded,
    }
}
