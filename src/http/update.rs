//! `PATCH /v2/service_instances/:instance_id`

use axum::{Json, extract::State, http::StatusCode};

use super::{
    App, body::Body, error::ApiError, originating_identity::RequestedBy, path::InstancePath,
    provision, query::Query,
};
use crate::{
    broker::instances,
    osb::{AcceptsIncomplete, ProvisionResponse, UpdateRequest},
};

pub async fn update(
    State(app): State<App>,
    InstancePath(id): InstancePath,
    Query(query): Query<AcceptsIncomplete>,
    RequestedBy(requester): RequestedBy,
    Body(request): Body<UpdateRequest>,
) -> Result<(StatusCode, Json<ProvisionResponse>), ApiError> {
    let is_polled = query.accepts_incomplete;
    let updated =
        instances::update(&app.broker, &id, request, requester.as_ref(), is_polled).await?;
    Ok(provision::response(updated))
}
