//! `DELETE /v2/service_instances/:instance_id`

use axum::{Json, extract::State, http::StatusCode};

use super::{App, error::ApiError, path::InstancePath, query::Query};
use crate::osb::{DeleteQuery, OperationResponse};

pub async fn deprovision(
    State(app): State<App>,
    InstancePath(id): InstancePath,
    Query(query): Query<DeleteQuery>,
) -> Result<(StatusCode, Json<OperationResponse>), ApiError> {
    let operation = app.broker.deprovision(&id, query.accepts_incomplete).await?;
    Ok((StatusCode::ACCEPTED, Json(OperationResponse { operation: Some(operation) })))
}
