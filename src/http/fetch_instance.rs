//! `GET /v2/service_instances/:instance_id`

use axum::{Json, extract::State};

use super::{App, error::ApiError, path::InstancePath, provision, query::Query};
use crate::{
    broker::instances,
    osb::{Hints, InstanceMaintenanceInfo, InstanceResponse},
};

pub async fn fetch_instance(
    State(app): State<App>,
    InstancePath(id): InstancePath,
    Query(_hints): Query<Hints>,
) -> Result<Json<InstanceResponse>, ApiError> {
    let instance = instances::fetch(&app.broker, &id).await?;

    Ok(Json(InstanceResponse {
        service_id: instance.service_id,
        plan_id: instance.plan_id,
        parameters: instance.parameters,
        maintenance_info: instance
            .template_version
            .map(|version| InstanceMaintenanceInfo { version }),
        metadata: provision::metadata(&instance.view),
        dashboard_url: instance.view.dashboard_url,
    }))
}
