//! `DELETE /v2/service_instances/:instance_id/service_bindings/:binding_id`

use axum::{Json, extract::State};

use super::{App, error::ApiError, path::BindingPath, query::Query};
use crate::osb::{DeleteQuery, OperationResponse};

pub async fn unbind(
    State(app): State<App>,
    BindingPath(instance_id, binding_id): BindingPath,
    Query(_): Query<DeleteQuery>,
) -> Result<Json<OperationResponse>, ApiError> {
    app.broker.unbind(&instance_id, &binding_id).await?;
    Ok(Json(OperationResponse::default()))
}
