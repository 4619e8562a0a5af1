//! `PUT /v2/service_instances/:instance_id/service_bindings/:binding_id`

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;

use super::{App, body::Body, error::ApiError, mutation, path::BindingPath, query::Query};
use crate::{
    broker::{
        Deadline, Mutation, Waiting,
        bindings::{self, BindingView},
        records::Lifetime,
    },
    osb::{
        AcceptsIncomplete, BindRequest, BindingMetadata, BindingResponse, EndpointResponse, Object,
        OperationResponse,
    },
};

pub async fn bind(
    State(app): State<App>,
    BindingPath(instance_id, binding_id): BindingPath,
    Query(query): Query<AcceptsIncomplete>,
    Extension(deadline): Extension<Deadline>,
    Body(request): Body<BindRequest>,
) -> Result<Response, ApiError> {
    let waiting = Waiting::new(query.accepts_incomplete, deadline);

    let mutation = bindings::bind(&app.broker, &instance_id, binding_id, request, waiting).await?;

    let status = mutation::status(&mutation);
    Ok(match mutation {
        Mutation::Created(binding) | Mutation::Done(binding) => {
            (status, Json(response(binding, None))).into_response()
        }
        Mutation::InProgress { operation, .. } => {
            let operation = Some(operation);
            (status, Json(OperationResponse { operation })).into_response()
        }
    })
}

/// Converts an existing binding. Only a fetch returns parameters.
pub fn response(binding: BindingView, parameters: Option<Object>) -> BindingResponse {
    let endpoints = binding
        .endpoints
        .into_iter()
        .map(|endpoint| EndpointResponse {
            host: endpoint.host,
            ports: endpoint.ports,
            protocol: endpoint.protocol,
        });

    BindingResponse {
        credentials: binding.credentials,
        endpoints: endpoints.collect(),
        metadata: binding.lifetime.map(metadata),
        parameters,
    }
}

fn metadata(lifetime: Lifetime) -> BindingMetadata {
    BindingMetadata {
        expires_at: osb_time(lifetime.ends_at),
        renew_before: osb_time(lifetime.renew_before),
    }
}

/// Returns the time in OSBAPI's format, which has a decimal fraction.
fn osb_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.0Z").to_string()
}
