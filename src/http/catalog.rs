//! `GET /v2/catalog`

use std::sync::OnceLock;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use headers::{ETag, HeaderMapExt, IfNoneMatch};
use uuid::Uuid;

use super::{App, error::ApiError};
use crate::catalog::Catalog;

/// The response of the catalog endpoint, which stays the same while the process runs.
#[derive(Debug, Default)]
pub struct RenderedCatalog(OnceLock<Rendered>);

#[derive(Debug)]
struct Rendered {
    body: Bytes,
    etag: ETag,
}

impl RenderedCatalog {
    /// Returns the rendered catalog. The first request renders it.
    fn of(&self, catalog: &Catalog) -> Result<&Rendered, ApiError> {
        if let Some(rendered) = self.0.get() {
            return Ok(rendered);
        }
        let rendered = Rendered::new(catalog)?;
        Ok(self.0.get_or_init(|| rendered))
    }
}

impl Rendered {
    fn new(catalog: &Catalog) -> Result<Self, ApiError> {
        let unusable =
            |error: &dyn std::fmt::Display| ApiError::internal(format!("catalog: {error}"));
        let catalog = catalog.to_osb().map_err(|error| unusable(&error))?;
        let body = serde_json::to_vec(&catalog).map_err(|error| unusable(&error))?;

        let digest = Uuid::new_v5(&Uuid::NAMESPACE_OID, &body);
        let etag = format!("\"{digest}\"")
            .parse()
            .map_err(|error| unusable(&error))?;
        Ok(Self {
            body: body.into(),
            etag,
        })
    }
}

pub async fn catalog(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    let Rendered { body, etag } = app.rendered_catalog.of(&app.broker.catalog)?;

    let is_known = headers
        .typed_get::<IfNoneMatch>()
        .is_some_and(|known| !known.precondition_passes(etag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], body.clone()).into_response()
    };
    response.headers_mut().typed_insert(etag.clone());
    Ok(response)
}
