//! `GET /v2/catalog`

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use headers::{ETag, HeaderMapExt, IfNoneMatch};
use uuid::Uuid;

use super::{App, error::ApiError};

pub async fn catalog(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    let unusable = |error: &dyn std::fmt::Display| ApiError::internal(format!("catalog: {error}"));
    let catalog = app.broker.catalog.to_osb().map_err(|error| unusable(&error))?;
    let body = serde_json::to_vec(&catalog).map_err(|error| unusable(&error))?;
    let etag: ETag =
        format!("\"{}\"", Uuid::new_v5(&Uuid::NAMESPACE_OID, &body)).parse().map_err(|error| unusable(&error))?;
    let known = headers.typed_get::<IfNoneMatch>().is_some_and(|known| !known.precondition_passes(&etag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    };
    response.headers_mut().typed_insert(etag);
    Ok(response)
}
