use serde::{Deserialize, Serialize};

use super::{NonEmpty, Object};

/// The body of `PUT …/service_bindings/:binding_id`.
#[derive(Debug, Deserialize)]
pub struct BindRequest {
    /// The instance's offering.
    pub service_id: NonEmpty,
    /// The instance's plan.
    pub plan_id: NonEmpty,
    /// Where the platform wants the binding.
    pub context: Option<Object>,
    /// Deprecated in favour of `bind_resource.app_guid`.
    pub app_guid: Option<NonEmpty>,
    /// What the binding is for.
    pub bind_resource: Option<BindResource>,
    /// What the plan's schema allows.
    pub parameters: Option<Object>,
}

/// Bind Resource Object; what else it holds is ignored.
#[derive(Debug, Deserialize)]
pub struct BindResource {
    /// The application.
    pub app_guid: Option<NonEmpty>,
}

/// The body of a bind (200, 201) and of `GET …/service_bindings/:binding_id`.
#[derive(Serialize)]
pub struct BindingResponse {
    /// What the application connects with. Secret.
    pub credentials: Object,
    /// As given by the user; only in the answer to a fetch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Object>,
}
