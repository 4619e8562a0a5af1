//! The response to a mutation: its status follows from the outcome (OSBAPI, Response in each of
//! Provisioning, Updating, Binding, Unbinding and Deprovisioning).

use axum::http::StatusCode;

use crate::broker::Mutation;

/// Returns the status of the response.
pub fn status<V, P>(mutation: &Mutation<V, P>) -> StatusCode {
    match mutation {
        Mutation::Created(_) => StatusCode::CREATED,
        Mutation::Done(_) => StatusCode::OK,
        Mutation::InProgress { .. } => StatusCode::ACCEPTED,
    }
}

/// Returns the operation id of a mutation without a view.
pub fn operation(mutation: Mutation<()>) -> Option<String> {
    match mutation {
        Mutation::InProgress { operation, .. } => Some(operation),
        Mutation::Created(()) | Mutation::Done(()) => None,
    }
}
