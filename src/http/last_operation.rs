//! `GET /v2/service_instances/:instance_id/last_operation`

use axum::{Json, extract::State};

use super::{App, error::ApiError, path::InstancePath, query::Query};
use crate::{
    broker::operation::OperationState,
    osb::{Hints, LastOperationResponse, LastOperationState},
};

pub async fn last_operation(
    State(app): State<App>,
    InstancePath(id): InstancePath,
    Query(_hints): Query<Hints>,
) -> Result<Json<LastOperationResponse>, ApiError> {
    let operation = app.broker.last_operation(&id).await?;
    let state = match operation.state {
        OperationState::InProgress => LastOperationState::InProgress,
        OperationState::Succeeded => LastOperationState::Succeeded,
        OperationState::Failed => LastOperationState::Failed,
    };
    Ok(Json(LastOperationResponse { state, description: Some(operation.description) }))
}
