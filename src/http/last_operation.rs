//! `GET /v2/service_instances/:instance_id/last_operation` and
//! `GET /v2/service_instances/:instance_id/service_bindings/:binding_id/last_operation`

use axum::{
    Extension, Json,
    extract::State,
    http::header,
    response::{AppendHeaders, IntoResponse},
};

use super::{
    App,
    error::ApiError,
    path::{BindingPath, InstancePath},
    query::Query,
};
use crate::{
    broker::{
        Deadline, LastOperation, bindings, instances,
        records::{OperationKind, OperationState},
    },
    osb::{Hints, LastOperationResponse, LastOperationState},
};

pub async fn of_instance(
    State(app): State<App>,
    InstancePath(id): InstancePath,
    Query(hints): Query<Hints>,
    Extension(deadline): Extension<Deadline>,
) -> Result<impl IntoResponse, ApiError> {
    Ok(response(
        instances::last_operation(&app.broker, &id, hints.operation.as_deref(), deadline).await?,
    ))
}

pub async fn of_binding(
    State(app): State<App>,
    BindingPath(instance_id, binding_id): BindingPath,
    Query(hints): Query<Hints>,
    Extension(deadline): Extension<Deadline>,
) -> Result<impl IntoResponse, ApiError> {
    let asked = hints.operation.as_deref();
    Ok(response(
        bindings::last_operation(&app.broker, &instance_id, &binding_id, asked, deadline).await?,
    ))
}

fn response(operation: LastOperation) -> impl IntoResponse {
    let state = match operation.state {
        OperationState::InProgress => LastOperationState::InProgress,
        OperationState::Succeeded => LastOperationState::Succeeded,
        OperationState::Failed => LastOperationState::Failed,
    };

    // An instance that is still usable after a failed update can be updated again.
    let update_repeatable = operation
        .instance_usable
        .filter(|_| operation.kind == OperationKind::Update);
    let retry_after = operation
        .retry_after
        .map(|delay| (header::RETRY_AFTER, delay.as_secs().to_string()));

    (
        AppendHeaders(retry_after),
        Json(LastOperationResponse {
            state,
            description: Some(operation.description),
            instance_usable: operation.instance_usable,
            update_repeatable,
        }),
    )
}
