//! `PATCH /v2/service_instances/:instance_id`

use axum::{Json, extract::State, http::StatusCode};

use super::{
    App, body::Body, error::ApiError, originating_identity::RequestedBy, path::InstancePath,
    provision, query::Query,
};
use crate::osb::{AcceptsIncomplete, ProvisionResponse, UpdateRequest};

pub async fn update(
    State(app): State<App>,
    InstancePath(id): InstancePath,
    Query(query): Query<AcceptsIncomplete>,
    RequestedBy(requester): RequestedBy,
    Body(request): Body<UpdateRequest>,
) -> Result<(StatusCode, Json<ProvisionResponse>), ApiError> {
    Ok(provision::response(
        app.broker
            .update(&id, request, requester.as_ref(), query.accepts_incomplete)
            .await?,
    ))
}
