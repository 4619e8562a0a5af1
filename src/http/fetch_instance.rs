//! `GET /v2/service_instances/:instance_id`

use axum::{Json, extract::State};

use super::{App, error::ApiError, path::InstancePath, provision, query::Query};
use crate::{
    broker::{instances, records::Location},
    osb::{Hints, InstanceMaintenanceInfo, InstanceResponse},
};

pub async fn fetch_instance(
    State(app): State<App>,
    InstancePath(id): InstancePath,
    Query(_hints): Query<Hints>,
) -> Result<Json<InstanceResponse>, ApiError> {
    let instance = instances::fetch(&app.broker, &id).await?;
    let view = instances::view(&app.broker, &instance);
    let mut parameters = instance.attributes.parameters.0;
    parameters.extend(instance.location.iter().flat_map(Location::parameters));
    Ok(Json(InstanceResponse {
        service_id: instance.attributes.service_id,
        plan_id: instance.attributes.plan_id,
        parameters,
        maintenance_info: instance
            .attributes
            .template_version
            .map(|version| InstanceMaintenanceInfo { version }),
        metadata: provision::metadata(&view),
        dashboard_url: view.dashboard_url,
    }))
}
