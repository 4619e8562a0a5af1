//! The record of a service binding.

use serde::{Deserialize, Serialize};

use super::{
    id::{BindingId, InstanceId},
    instance::Json,
    operation::{Operation, OperationKind, OperationState},
    ports::Sealed,
};

/// A service binding, from the first request until it is deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// Chosen by the platform.
    pub id: BindingId,
    /// What is bound.
    pub instance_id: InstanceId,
    /// As requested.
    pub service_id: String,
    /// As requested.
    pub plan_id: String,
    /// The application, if the request named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_guid: Option<String>,
    /// As requested.
    pub parameters: Json,
    /// The IAM user that belongs to this binding; none where the template asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The user's access key, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key: Option<SealedAccessKey>,
    /// The last one.
    pub operation: Operation,
    /// Counts the writes of this record.
    pub version: u64,
}

/// An access key as it is stored: AWS shows the secret once, so that it is kept encrypted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SealedAccessKey {
    /// Not secret.
    pub id: String,
    /// The secret access key, sealed for this binding.
    pub secret: Sealed,
}

impl Binding {
    /// Whether its credentials work.
    pub fn is_usable(&self) -> bool {
        self.operation.is(OperationKind::Bind, OperationState::Succeeded)
    }

    /// Whether `other` is what the same request would have made.
    pub fn same_request(&self, other: &Self) -> bool {
        self.service_id == other.service_id
            && self.plan_id == other.plan_id
            && self.app_guid == other.app_guid
            && self.parameters == other.parameters
    }
}
