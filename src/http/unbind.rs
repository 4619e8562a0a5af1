//! `DELETE /v2/service_instances/:instance_id/service_bindings/:binding_id`

use axum::{Json, extract::State, http::StatusCode};

use super::{App, error::ApiError, path::BindingPath, query::Query};
use crate::osb::{DeleteQuery, OperationResponse};

pub async fn unbind(
    State(app): State<App>,
    BindingPath(instance_id, binding_id): BindingPath,
    Query(query): Query<DeleteQuery>,
) -> Result<(StatusCode, Json<OperationResponse>), ApiError> {
    let operation = app.broker.unbind(&instance_id, &binding_id, query.accepts_incomplete).await?;
    let status = if operation.is_some() { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, Json(OperationResponse { operation })))
}
