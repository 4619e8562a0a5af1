//! One line a request: who asked for what, and how it ended. Never an authorization, a body or a query.

use std::time::Instant;

use axum::{
    RequestExt,
    extract::{MatchedPath, RawPathParams, Request},
    http::Method,
    middleware::Next,
    response::Response,
};
use lambda_http::RequestExt as _;
use tracing::{error, info, warn};

use super::{error::LogDetail, originating_identity, request_identity};

pub async fn log(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let operation = operation(request.method(), request.extensions().get::<MatchedPath>());
    let ids = request.extract_parts::<RawPathParams>().await.ok();
    let id = |name| ids.iter().flatten().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    let (instance_id, binding_id) = (id("instance_id"), id("binding_id"));
    let request_identity = request_identity::of(request.headers()).map(str::to_owned);
    let originator = originating_identity::of(request.headers());
    let request_id = request.lambda_context_ref().map(|context| context.request_id.clone());

    let response = next.run(request).await;

    let status = response.status().as_u16();
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let reason = response.extensions().get::<LogDetail>().map(|detail| detail.0.as_str());
    macro_rules! line {
        ($level:ident) => {
            $level!(
                operation,
                instance_id,
                binding_id,
                status,
                duration_ms,
                request_id,
                request_identity,
                originating_platform = originator.platform,
                originating_user = originator.user,
                originating_identity_mistake = originator.mistake,
                reason,
                "request"
            )
        };
    }
    match status {
        500.. => line!(error),
        400.. => line!(warn),
        _ => line!(info),
    }
    response
}

/// OSBAPI's word for what a request asks for.
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
        _ => "unknown",
    }
}
