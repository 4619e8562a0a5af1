//! `PUT /v2/service_instances/:instance_id`

use axum::{Json, extract::State, http::StatusCode};

use super::{
    App, body::Body, error::ApiError, mutation, originating_identity::RequestedBy,
    path::InstancePath, query::Query,
};
use crate::{
    broker::{
        Mutation,
        instances::{self, InstanceView},
    },
    osb::{AcceptsIncomplete, InstanceMetadata, Object, ProvisionRequest, ProvisionResponse},
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
pub fn response(mutation: Mutation<InstanceView>) -> (StatusCode, Json<ProvisionResponse>) {
    let status = mutation::status(&mutation);
    let (view, operation) = match mutation {
        Mutation::Created(view) | Mutation::Done(view) => (view, None),
        Mutation::InProgress { operation, view } => (view, Some(operation)),
    };
    let metadata = metadata(&view);
    let body = ProvisionResponse {
        dashboard_url: view.dashboard_url,
        operation,
        metadata,
    };
    (status, Json(body))
}

pub fn metadata(view: &InstanceView) -> InstanceMetadata {
    InstanceMetadata {
        labels: object(&view.labels),
        attributes: object(&view.attributes),
    }
}

fn object(pairs: &[(&str, String)]) -> Object {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone().into()))
        .collect()
}
