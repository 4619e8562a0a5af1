//! `DELETE /v2/service_instances/:instance_id`

use axum::{Extension, Json, extract::State, http::StatusCode};

use super::{
    App, error::ApiError, mutation, originating_identity::RequestedBy, path::InstancePath,
    query::Query,
};
use crate::{
    broker::{Deadline, Waiting, instances},
    osb::{DeleteQuery, OperationResponse},
};

pub async fn deprovision(
    State(app): State<App>,
    InstancePath(id): InstancePath,
    Query(query): Query<DeleteQuery>,
    RequestedBy(requester): RequestedBy,
    Extension(deadline): Extension<Deadline>,
) -> Result<(StatusCode, Json<OperationResponse>), ApiError> {
    let waiting = Waiting::new(query.accepts_incomplete, deadline);
    let service_id = &query.service_id;
    let mutation =
        instances::deprovision(&app.broker, &id, service_id, requester.as_ref(), waiting).await?;

    let status = mutation::status(&mutation);
    let operation = mutation::operation(mutation);
    Ok((status, Json(OperationResponse { operation })))
}
