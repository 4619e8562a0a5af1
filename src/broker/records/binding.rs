//! The record of a service binding.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    grant::Grant,
    id::{BindingId, InstanceId},
    json::{self, Json},
    location::Location,
    operation::{Operation, OperationKind, OperationState},
};
use crate::osb::NonEmpty;

/// The lifetime of a binding's tombstone, for platforms that still poll. Cloud Foundry polls for up
/// to 10,080 minutes.
pub const BINDING_TOMBSTONE_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A service binding, from the first request until its tombstone expires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// The binding's id, which the platform chooses.
    pub id: BindingId,
    /// The service instance that is bound.
    pub instance_id: InstanceId,
    /// The instance's location; absent if it is the broker's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The id of the instance's service offering.
    pub service_id: NonEmpty,
    /// The id of the instance's plan at the time of the bind request.
    pub plan_id: NonEmpty,
    /// The application's GUID, if the request named one. A rotation inherits its predecessor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_guid: Option<NonEmpty>,
    /// The user's parameters, normalised. A rotation without parameters inherits its predecessor's.
    pub parameters: Json,
    /// The binding that this one replaces, if the request named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predecessor_id: Option<BindingId>,
    /// The binding's grants to its application, in the order of creation.
    pub grants: Vec<Grant>,
    /// The validity period of the IAM user's access key; absent without a user, or if the operator
    /// has set no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Lifetime>,
    /// The last operation.
    pub operation: Operation,
    /// The operation before the last one, as it was when the last one began. A platform may still
    /// poll it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_operation: Option<Operation>,
    /// The time after which DynamoDB may delete the record, in seconds since 1970 as its TTL
    /// requires. Only tombstones have it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::second::optional"
    )]
    pub expires_at: Option<Timestamp>,
    /// A counter of the record's writes, which begins at a random number. Each write requires the
    /// version that was read.
    pub version: u64,
}

/// The validity period of a binding's identity (OSBAPI, Binding Metadata Object).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetime {
    /// The time from which the platform should request a successor.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    pub renew_before: Timestamp,
    /// The time from which IAM denies everything.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    pub ends_at: Timestamp,
}

impl Binding {
    /// True if the binding is created and not being deleted.
    pub fn is_usable(&self) -> bool {
        self.operation
            .is(OperationKind::Bind, OperationState::Succeeded)
    }

    /// True if the binding is usable and its identity has not expired.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.is_usable() && self.lifetime.is_none_or(|lifetime| now < lifetime.ends_at)
    }

    /// True if nothing but this record is left of the binding.
    pub fn is_tombstone(&self) -> bool {
        self.operation
            .is(OperationKind::Unbind, OperationState::Succeeded)
    }

    /// Returns the record as a write stores it: with the next version.
    #[must_use]
    pub fn next_version(self) -> Self {
        Self {
            version: self.version + 1,
            ..self
        }
    }

    /// True if the same bind request would create both bindings.
    pub fn same_request(&self, other: &Self) -> bool {
        self.service_id == other.service_id
            && self.plan_id == other.plan_id
            && self.app_guid == other.app_guid
            && json::are_same(&self.parameters.0, &other.parameters.0)
            && self.predecessor_id == other.predecessor_id
    }
}
