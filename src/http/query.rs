//! The query of a request's URL.

use std::error::Error;

use axum::{
    extract::{self, FromRequestParts},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// The query as `T`. A query that does not match is rejected with a 400 and the reason.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = extract::Query::<T>::try_from_uri(&parts.uri);
        query
            .map(|extract::Query(query)| Self(query))
            .map_err(|error| {
                // The cause is serde's sentence. axum's own text only adds a prefix to it.
                let reason = error
                    .source()
                    .map_or_else(|| error.to_string(), ToString::to_string);
                ApiError::bad_request(format!("The query is not valid: {reason}."))
            })
    }
}
