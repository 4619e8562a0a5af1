use serde::{Deserialize, Serialize};

use super::{NonEmpty, Object};

/// The body of `PUT /v2/service_instances/:instance_id`.
#[derive(Debug, Deserialize)]
pub struct ProvisionRequest {
    /// An offering of the catalog.
    pub service_id: NonEmpty,
    /// A plan of that offering.
    pub plan_id: NonEmpty,
    /// Deprecated in favour of `context`, and required all the same.
    pub organization_guid: NonEmpty,
    /// Deprecated in favour of `context`, and required all the same.
    pub space_guid: NonEmpty,
    /// Where the platform wants the instance.
    pub context: Option<Object>,
    /// What the plan's schema allows.
    pub parameters: Option<Object>,
    /// The version that the platform believes to be offered.
    pub maintenance_info: Option<RequestedMaintenanceInfo>,
}

/// Maintenance Info Object of a request; what else it holds is ignored.
#[derive(Debug, Deserialize)]
pub struct RequestedMaintenanceInfo {
    /// A SemVer 2.0 version.
    pub version: NonEmpty,
}

/// The answer to a provision, deprovision or unbind request: 200, 201 or 202.
#[derive(Debug, Default, Serialize)]
pub struct OperationResponse {
    /// What the platform is to poll with; there if and only if the status is 202.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
}

/// The body of `GET …/last_operation`.
#[derive(Debug, Serialize)]
pub struct LastOperationResponse {
    /// How it stands.
    pub state: LastOperationState,
    /// For the user; never empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The three states of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LastOperationState {
    /// Poll again.
    #[serde(rename = "in progress")]
    InProgress,
    /// Final.
    #[serde(rename = "succeeded")]
    Succeeded,
    /// Final.
    #[serde(rename = "failed")]
    Failed,
}

/// The body of `GET /v2/service_instances/:instance_id`.
#[derive(Debug, Serialize)]
pub struct InstanceResponse {
    /// The instance's offering.
    pub service_id: String,
    /// The instance's plan.
    pub plan_id: String,
    /// As given by the user, without secret ones.
    pub parameters: Object,
    /// The version of the template that the instance was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<InstanceMaintenanceInfo>,
}

/// Maintenance Info Object of an instance.
#[derive(Debug, Serialize)]
pub struct InstanceMaintenanceInfo {
    /// A SemVer 2.0 version.
    pub version: String,
}

/// The query of `GET …/last_operation` and of the fetch endpoints: hints only.
#[derive(Debug, Default, Deserialize)]
pub struct Hints {
    /// The instance's offering.
    pub service_id: Option<NonEmpty>,
    /// The instance's plan; the old one while a plan change runs.
    pub plan_id: Option<NonEmpty>,
    /// What the 202 held.
    pub operation: Option<NonEmpty>,
}

/// The query of `PUT`.
#[derive(Debug, Deserialize)]
pub struct AcceptsIncomplete {
    /// Whether the platform understands a 202.
    #[serde(default)]
    pub accepts_incomplete: bool,
}

/// The query of `DELETE`.
#[derive(Debug, Deserialize)]
pub struct DeleteQuery {
    /// The offering of what is to be deleted.
    pub service_id: NonEmpty,
    /// The plan of what is to be deleted.
    pub plan_id: NonEmpty,
    /// Whether the platform understands a 202.
    #[serde(default)]
    pub accepts_incomplete: bool,
}
