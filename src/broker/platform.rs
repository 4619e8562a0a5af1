//! What the broker does differently for Kubernetes.

use super::{Error, Result};
use crate::osb::Object;

/// The platform that sends a request, as its context says (OSBAPI profile, Context Object).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Service Catalog, which retries every request without end unless its answer is a 400, and
    /// meanwhile does not let its user change the instance.
    Kubernetes,
    /// Cloud Foundry and every other platform.
    Other,
}

impl Platform {
    /// The platform of a request with this context, about an instance with that one.
    pub fn of(request: Option<&Object>, instance: &Object) -> Self {
        let platform = |context: &Object| context.get("platform")?.as_str().map(str::to_owned);
        match request
            .and_then(platform)
            .or_else(|| platform(instance))
            .as_deref()
        {
            Some("kubernetes") => Self::Kubernetes,
            _ => Self::Other,
        }
    }

    /// True if an update's `parameters` are all that the instance is to have, and not only what
    /// changes.
    pub fn sends_whole_set(self) -> bool {
        self == Self::Kubernetes
    }

    /// The result as the platform understands it: where the request as it is can never work, it
    /// must not retry.
    pub fn final_result<T>(self, result: Result<T>) -> Result<T> {
        result.map_err(|error| match (self, &error) {
            (
                Self::Kubernetes,
                Error::Unsupported(_)
                | Error::UnfitState(_)
                | Error::MaintenanceInfoConflict { .. },
            ) => Error::Invalid(error.to_string()),
            _ => error,
        })
    }
}
