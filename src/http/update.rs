//! `PATCH /v2/service_instances/:instance_id`

use axum::{Json, extract::State, http::StatusCode};

use super::{App, body::Body, error::ApiError, path::InstancePath, provision, query::Query};
use crate::osb::{AcceptsIncomplete, ProvisionResponse, UpdateRequest};

pub async fn update(
    State(app): State<App>,
    InstancePath(id): InstancePath,
    Query(query): Query<AcceptsIncomplete>,
    Body(request): Body<UpdateRequest>,
) -> Result<(StatusCode, Json<ProvisionResponse>), ApiError> {
    Ok(provision::response(app.broker.update(&id, request, query.accepts_incomplete).await?))
}
