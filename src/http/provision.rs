//! `PUT /v2/service_instances/:instance_id`

use axum::{Json, extract::State, http::StatusCode};

use super::{App, body::Body, error::ApiError, path::InstancePath, query::Query};
use crate::{
    broker::Provisioned,
    osb::{AcceptsIncomplete, OperationResponse, ProvisionRequest},
};

pub async fn provision(
    State(app): State<App>,
    InstancePath(id): InstancePath,
    Query(query): Query<AcceptsIncomplete>,
    Body(request): Body<ProvisionRequest>,
) -> Result<(StatusCode, Json<OperationResponse>), ApiError> {
    Ok(match app.broker.provision(id, request, query.accepts_incomplete).await? {
        Provisioned::Accepted { operation } => {
            (StatusCode::ACCEPTED, Json(OperationResponse { operation: Some(operation) }))
        }
        Provisioned::Exists => (StatusCode::OK, Json(OperationResponse::default())),
    })
}
