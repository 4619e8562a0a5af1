//! `GET /v2/service_instances/:instance_id`

use axum::{Json, extract::State};

use super::{App, error::ApiError, path::InstancePath, query::Query};
use crate::osb::{Hints, InstanceMaintenanceInfo, InstanceResponse};

pub async fn fetch_instance(
    State(app): State<App>,
    InstancePath(id): InstancePath,
    Query(_hints): Query<Hints>,
) -> Result<Json<InstanceResponse>, ApiError> {
    let instance = app.broker.fetch_instance(&id).await?;
    Ok(Json(InstanceResponse {
        service_id: instance.service_id,
        plan_id: instance.plan_id,
        parameters: instance.parameters.0,
        maintenance_info: instance.template_version.map(|version| InstanceMaintenanceInfo { version }),
    }))
}
