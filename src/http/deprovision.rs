//! `DELETE /v2/service_instances/:instance_id`

use axum::{Extension, Json, extract::State, http::StatusCode};

use super::{App, error::ApiError, path::InstancePath, query::Query};
use crate::{
    broker::{Deadline, Waiting},
    osb::{DeleteQuery, OperationResponse},
};

pub async fn deprovision(
    State(app): State<App>,
    InstancePath(id): InstancePath,
    Query(query): Query<DeleteQuery>,
    Extension(deadline): Extension<Deadline>,
) -> Result<(StatusCode, Json<OperationResponse>), ApiError> {
    let operation = app.broker.deprovision(&id, Waiting::new(query.accepts_incomplete, deadline)).await?;
    Ok((StatusCode::ACCEPTED, Json(OperationResponse { operation: Some(operation) })))
}
