//! `DELETE /v2/service_instances/:instance_id/service_bindings/:binding_id`

use axum::{Extension, Json, extract::State, http::StatusCode};

use super::{App, error::ApiError, mutation, path::BindingPath, query::Query};
use crate::{
    broker::{Deadline, Waiting, bindings},
    osb::{DeleteQuery, OperationResponse},
};

pub async fn unbind(
    State(app): State<App>,
    BindingPath(instance_id, binding_id): BindingPath,
    Query(query): Query<DeleteQuery>,
    Extension(deadline): Extension<Deadline>,
) -> Result<(StatusCode, Json<OperationResponse>), ApiError> {
    let waiting = Waiting::new(query.accepts_incomplete, deadline);
    let service_id = &query.service_id;
    let mutation =
        bindings::unbind(&app.broker, &instance_id, &binding_id, service_id, waiting).await?;

    let status = mutation::status(&mutation);
    let operation = mutation::operation(mutation);
    Ok((status, Json(OperationResponse { operation })))
}
