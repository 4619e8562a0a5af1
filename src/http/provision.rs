//! `PUT /v2/service_instances/:instance_id`

use axum::{Json, extract::State, http::StatusCode};

use super::{
    App, body::Body, error::ApiError, originating_identity::RequestedBy, path::InstancePath,
    query::Query,
};
use crate::{
    broker::instances::{self, InstanceView, Provisioned},
    osb::{AcceptsIncomplete, InstanceMetadata, ProvisionRequest, ProvisionResponse},
};

pub async fn provision(
    State(app): State<App>,
    InstancePath(id): InstancePath,
    Query(query): Query<AcceptsIncomplete>,
    RequestedBy(requester): RequestedBy,
    Body(request): Body<ProvisionRequest>,
) -> Result<(StatusCode, Json<ProvisionResponse>), ApiError> {
    let is_polled = query.accepts_incomplete;
    let provisioned =
        instances::provision(&app.broker, id, request, requester.as_ref(), is_polled).await?;
    Ok(response(provisioned))
}

/// Returns the response to a provision or update request.
pub fn response(provisioned: Provisioned) -> (StatusCode, Json<ProvisionResponse>) {
    let status = if provisioned.operation.is_some() {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    let metadata = metadata(&provisioned.view);
    let (dashboard_url, operation) = (provisioned.view.dashboard_url, provisioned.operation);
    (
        status,
        Json(ProvisionResponse {
            dashboard_url,
            operation,
            metadata,
        }),
    )
}

pub fn metadata(view: &InstanceView) -> InstanceMetadata {
    let object = |pairs: &[(&str, String)]| {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone().into()))
            .collect()
    };
    InstanceMetadata {
        labels: object(&view.labels),
        attributes: object(&view.attributes),
    }
}
