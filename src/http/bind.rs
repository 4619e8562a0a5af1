//! `PUT /v2/service_instances/:instance_id/service_bindings/:binding_id`

use axum::{Json, extract::State, http::StatusCode};

use super::{App, body::Body, error::ApiError, path::BindingPath};
use crate::osb::{BindRequest, BindingResponse};

pub async fn bind(
    State(app): State<App>,
    BindingPath(instance_id, binding_id): BindingPath,
    Body(request): Body<BindRequest>,
) -> Result<(StatusCode, Json<BindingResponse>), ApiError> {
    let bound = app.broker.bind(&instance_id, binding_id, request).await?;
    let status = if bound.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(BindingResponse { credentials: bound.credentials, parameters: None })))
}
