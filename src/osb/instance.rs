use serde::{Deserialize, Serialize};

use super::{NonEmpty, Object};

/// The body of `PUT /v2/service_instances/:instance_id`.
#[derive(Deserialize)]
pub struct ProvisionRequest {
    /// The id of an offering in the catalog.
    pub service_id: NonEmpty,
    /// The id of a plan of that offering.
    pub plan_id: NonEmpty,
    /// The organization's GUID. Deprecated in favour of `context`, but still required.
    pub organization_guid: NonEmpty,
    /// The space's GUID. Deprecated in favour of `context`, but still required.
    pub space_guid: NonEmpty,
    /// The platform's context of the instance, such as its organization and space.
    pub context: Option<Object>,
    /// The user's parameters, in accordance with the plan's schema.
    pub parameters: Option<Object>,
    /// The template version that the platform expects in the catalog.
    pub maintenance_info: Option<RequestedMaintenanceInfo>,
}

/// Maintenance Info Object of a request. Its other fields are ignored.
#[derive(Debug, Deserialize)]
pub struct RequestedMaintenanceInfo {
    /// A SemVer 2.0 version.
    pub version: NonEmpty,
}

/// The body of `PATCH /v2/service_instances/:instance_id`.
#[derive(Deserialize)]
pub struct UpdateRequest {
    /// The id of the instance's offering.
    pub service_id: NonEmpty,
    /// The id of the requested plan; absent if the plan stays.
    pub plan_id: Option<NonEmpty>,
    /// The platform's current context of the instance.
    pub context: Option<Object>,
    /// The parameters to change. A `null` resets one.
    pub parameters: Option<Object>,
    /// The template version to upgrade to; absent if no upgrade is requested.
    pub maintenance_info: Option<RequestedMaintenanceInfo>,
    /// The platform's view of the instance. Ignored, because the broker's own record is
    /// authoritative.
    pub previous_values: Option<Object>,
}

/// The response to a provision or update request: 200, 201 or 202.
#[derive(Debug, Serialize)]
pub struct ProvisionResponse {
    /// The instance's page in the AWS console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_url: Option<String>,
    /// The operation's id for polling; present if and only if the status is 202.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Details of the instance for the platform's users.
    pub metadata: InstanceMetadata,
}

/// Service Instance Metadata.
#[derive(Debug, Serialize)]
pub struct InstanceMetadata {
    /// Labels by which users can search.
    pub labels: Object,
    /// Attributes that users can read.
    pub attributes: Object,
}

/// The response to a deprovision or unbind request (200 or 202), and to an accepted bind request
/// (202).
#[derive(Debug, Default, Serialize)]
pub struct OperationResponse {
    /// The operation's id for polling; present if and only if the status is 202.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
}

/// The body of `GET …/last_operation`.
#[derive(Debug, Serialize)]
pub struct LastOperationResponse {
    /// The state of the operation.
    pub state: LastOperationState,
    /// A text for the user; never empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// True if the instance is still usable; absent unless an update or a deprovisioning failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_usable: Option<bool>,
    /// True if the update can be repeated; absent unless an update failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_repeatable: Option<bool>,
}

/// The three states of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LastOperationState {
    /// The operation still runs. The platform polls again.
    #[serde(rename = "in progress")]
    InProgress,
    /// The operation is over and succeeded.
    #[serde(rename = "succeeded")]
    Succeeded,
    /// The operation is over and failed.
    #[serde(rename = "failed")]
    Failed,
}

/// The body of `GET /v2/service_instances/:instance_id`.
#[derive(Debug, Serialize)]
pub struct InstanceResponse {
    /// The id of the instance's offering.
    pub service_id: NonEmpty,
    /// The id of the instance's plan.
    pub plan_id: NonEmpty,
    /// The instance's page in the AWS console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_url: Option<String>,
    /// The user's parameters, without secret ones.
    pub parameters: Object,
    /// The template version of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<InstanceMaintenanceInfo>,
    /// Details of the instance for the platform's users.
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
    /// The id of the instance's offering.
    pub service_id: Option<NonEmpty>,
    /// The id of the instance's plan; during a plan change, that of the old plan.
    pub plan_id: Option<NonEmpty>,
    /// The operation's id from the response with status 202.
    pub operation: Option<NonEmpty>,
}

/// The query of `PUT` and `PATCH`.
#[derive(Debug, Deserialize)]
pub struct AcceptsIncomplete {
    /// True if the platform supports asynchronous operations (202).
    #[serde(default)]
    pub accepts_incomplete: bool,
}

/// The query of `DELETE`.
#[derive(Debug, Deserialize)]
pub struct DeleteQuery {
    /// The id of the offering of the instance or binding to delete.
    pub service_id: NonEmpty,
    /// The id of the plan of the instance or binding to delete.
    pub plan_id: NonEmpty,
    /// True if the platform supports asynchronous operations (202).
    #[serde(default)]
    pub accepts_incomplete: bool,
}
