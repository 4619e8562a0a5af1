use serde::{Deserialize, Serialize};

use super::{NonEmpty, Object, non_empty::absent_if_empty};

/// The body of `PUT …/service_bindings/:binding_id`.
#[derive(Deserialize)]
pub struct BindRequest {
    /// The instance's offering; a rotation may leave it out.
    pub service_id: Option<NonEmpty>,
    /// The instance's plan; a rotation may leave it out.
    pub plan_id: Option<NonEmpty>,
    /// The binding that is to be rotated.
    pub predecessor_binding_id: Option<NonEmpty>,
    /// Where the platform wants the binding.
    pub context: Option<Object>,
    /// Deprecated in favour of `bind_resource.app_guid`. Empty means absent.
    #[serde(default, deserialize_with = "absent_if_empty")]
    pub app_guid: Option<NonEmpty>,
    /// What the binding is for.
    pub bind_resource: Option<BindResource>,
    /// What the plan's schema allows.
    pub parameters: Option<Object>,
}

/// Bind Resource Object; what else it holds is ignored.
#[derive(Debug, Deserialize)]
pub struct BindResource {
    /// The application. Empty means absent.
    #[serde(default, deserialize_with = "absent_if_empty")]
    pub app_guid: Option<NonEmpty>,
    /// Only for route services, of which the broker has none.
    pub route: Option<NonEmpty>,
}

/// The body of a bind (200, 201) and of `GET …/service_bindings/:binding_id`.
#[derive(Serialize)]
pub struct BindingResponse {
    /// What the application connects with. Secret.
    pub credentials: Object,
    /// Every host that the application connects to, where the template says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointResponse>,
    /// How long the binding works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BindingMetadata>,
    /// As given by the user; only in the answer to a fetch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Object>,
}

/// Endpoint Object.
#[derive(Debug, Serialize)]
pub struct EndpointResponse {
    /// A name or one address.
    pub host: String,
    /// Numbers, or ranges like `9000-9010`; at least one.
    pub ports: Vec<String>,
    /// `tcp`, `udp` or `all`.
    pub protocol: String,
}

/// Binding Metadata Object. Times are like `2027-01-31T12:00:00.0Z`.
#[derive(Debug, Serialize)]
pub struct BindingMetadata {
    /// From when on the credentials do not work any more.
    pub expires_at: String,
    /// Until when the binding should have a successor.
    pub renew_before: String,
}
