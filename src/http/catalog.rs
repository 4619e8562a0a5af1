//! `GET /v2/catalog`

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};

use super::{App, error::ApiError};

pub async fn catalog(State(app): State<App>) -> Result<Response, ApiError> {
    let catalog = app.broker.catalog.to_osb().map_err(|error| ApiError::internal(format!("catalog: {error}")))?;
    Ok(Json(catalog).into_response())
}
