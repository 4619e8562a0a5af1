//! The ids in a request's path, percent-decoded.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::broker::{
    Error,
    records::{BindingId, InstanceId},
};

/// The id in `/v2/service_instances/:instance_id…`.
pub struct InstancePath(pub InstanceId);

/// The ids in `/v2/service_instances/:instance_id/service_bindings/:binding_id`.
pub struct BindingPath(pub InstanceId, pub BindingId);

async fn segments<T: DeserializeOwned + Send>(parts: &mut Parts) -> Result<T, ApiError> {
    let path = Path::<T>::from_request_parts(parts, &()).await;
    path.map(|Path(segments)| segments).map_err(|error| {
        let reason = error.body_text();
        ApiError::bad_request(format!("The path is not valid: {reason}."))
    })
}

impl<S: Sync> FromRequestParts<S> for InstancePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let id = segments::<String>(parts).await?;
        Ok(Self(InstanceId::new(id).map_err(Error::from)?))
    }
}

impl<S: Sync> FromRequestParts<S> for BindingPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let (instance_id, binding_id) = segments::<(String, String)>(parts).await?;
        Ok(Self(
            InstanceId::new(instance_id).map_err(Error::from)?,
            BindingId::new(binding_id).map_err(Error::from)?,
        ))
    }
}
