//! `GET /v2/service_instances/:instance_id/service_bindings/:binding_id`

use axum::{Json, extract::State};

use super::{App, bind, error::ApiError, path::BindingPath, query::Query};
use crate::{
    broker::bindings,
    osb::{BindingResponse, Hints},
};

pub async fn fetch_binding(
    State(app): State<App>,
    BindingPath(instance_id, binding_id): BindingPath,
    Query(_hints): Query<Hints>,
) -> Result<Json<BindingResponse>, ApiError> {
    let (binding, parameters) = bindings::fetch(&app.broker, &instance_id, &binding_id).await?;
    Ok(Json(bind::response(binding, Some(parameters))))
}
