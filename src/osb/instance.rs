use serde::{Deserialize, Serialize};

use super::{NonEmpty, Object};

/// The body of `PUT /v2/service_instances/:instance_id`.
#[derive(Deserialize)]
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

/// The body of `PATCH /v2/service_instances/:instance_id`.
#[derive(Deserialize)]
pub struct UpdateRequest {
    /// The instance's offering.
    pub service_id: NonEmpty,
    /// Another plan of the offering.
    pub plan_id: Option<NonEmpty>,
    /// Where the platform has the instance now.
    pub context: Option<Object>,
    /// What is to change; a `null` resets one.
    pub parameters: Option<Object>,
    /// The version to upgrade to.
    pub maintenance_info: Option<RequestedMaintenanceInfo>,
    /// What the platform believes the instance to be. The broker's own record is the truth.
    pub previous_values: Option<Object>,
}

/// The answer to a provision or update request: 200, 201 or 202.
#[derive(Debug, Serialize)]
pub struct ProvisionResponse {
    /// The instance's page in the AWS console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_url: Option<String>,
    /// What the platform is to poll with; there if and only if the status is 202.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// For the platform's users.
    pub metadata: InstanceMetadata,
}

/// Service Instance Metadata.
#[derive(Debug, Serialize)]
pub struct InstanceMetadata {
    /// To search for.
    pub labels: Object,
    /// To read.
    pub attributes: Object,
}

/// The answer to a deprovision, bind or unbind request that is not, or not yet, done: 200 or 202.
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
    /// Only where an update or a deprovisioning failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_usable: Option<bool>,
    /// Only where an update failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_repeatable: Option<bool>,
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
    /// The instance's page in the AWS console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_url: Option<String>,
    /// As given by the user, without secret ones.
    pub parameters: Object,
    /// The version of the template that the instance was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<InstanceMaintenanceInfo>,
    /// For the platform's users.
    pub metadata: InstanceMetadata,
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

/// The query of `PUT` and `PATCH`.
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
