//! Differences between Kubernetes and the other platforms.

use crate::osb::Object;

/// The platform that sends a request, according to its context (OSBAPI profile, Context Object).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Kubernetes with Service Catalog. It retries every request without end unless the response is
    /// a 400. Meanwhile, its user cannot change the instance.
    Kubernetes,
    /// Cloud Foundry and every other platform.
    Other,
}

impl Platform {
    /// Returns the platform that the request's context names, or else the instance's context.
    pub fn of(request: Option<&Object>, instance: &Object) -> Self {
        match request.and_then(name).or_else(|| name(instance)) {
            Some("kubernetes") => Self::Kubernetes,
            _ => Self::Other,
        }
    }

    /// True if an update's `parameters` are the complete set, and not only the changes.
    pub fn sends_whole_set(self) -> bool {
        self == Self::Kubernetes
    }
}

fn name(context: &Object) -> Option<&str> {
    context.get("platform")?.as_str()
}
