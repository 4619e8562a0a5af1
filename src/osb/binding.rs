use serde::{Deserialize, Serialize};

use super::{NonEmpty, Object, non_empty::absent_if_empty};

/// The body of `PUT …/service_bindings/:binding_id`.
#[derive(Deserialize)]
pub struct BindRequest {
    /// The instance's offering; optional in a rotation.
    pub service_id: Option<NonEmpty>,
    /// The instance's plan; optional in a rotation.
    pub plan_id: Option<NonEmpty>,
    /// The binding to rotate; absent unless the request is a rotation.
    pub predecessor_binding_id: Option<NonEmpty>,
    /// The platform's context of the binding, such as its organization and space.
    pub context: Option<Object>,
    /// Deprecated in favour of `bind_resource.app_guid`. Empty means absent.
    #[serde(default, deserialize_with = "absent_if_empty")]
    pub app_guid: Option<NonEmpty>,
    /// The resource that uses the binding, such as an application.
    pub bind_resource: Option<BindResource>,
    /// The user's parameters, in accordance with the plan's schema.
    pub parameters: Option<Object>,
}

/// Bind Resource Object. Its other fields are ignored.
#[derive(Debug, Deserialize)]
pub struct BindResource {
    /// The application's GUID. Empty means absent.
    #[serde(default, deserialize_with = "absent_if_empty")]
    pub app_guid: Option<NonEmpty>,
    /// The route, for route services only. The broker offers none.
    pub route: Option<NonEmpty>,
}

/// The body of a bind (200, 201) and of `GET …/service_bindings/:binding_id`.
#[derive(Serialize)]
pub struct BindingResponse {
    /// The values with which the application connects. Secret.
    pub credentials: Object,
    /// Every host that the application connects to. Left out if the template lists none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointResponse>,
    /// The lifetime of the credentials; absent if they do not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BindingMetadata>,
    /// The user's parameters. Only the response to a fetch has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Object>,
}

/// Endpoint Object.
#[derive(Debug, Serialize)]
pub struct EndpointResponse {
    /// A host name or one IP address.
    pub host: String,
    /// Port numbers, or ranges like `9000-9010`; at least one.
    pub ports: Vec<String>,
    /// The protocol: `tcp`, `udp` or `all`.
    pub protocol: String,
}

/// Binding Metadata Object. Times are like `2027-01-31T12:00:00.0Z`.
#[derive(Debug, Serialize)]
pub struct BindingMetadata {
    /// The time from which the credentials no longer work.
    pub expires_at: String,
    /// The time before which a successor should replace the binding.
    pub renew_before: String,
}
