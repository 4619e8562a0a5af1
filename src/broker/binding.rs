//! The record of a service binding.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Location,
    bind_function::BindFunction,
    id::{BindingId, InstanceId},
    identity::Identity,
    instance::Json,
    operation::{Operation, OperationKind, OperationState},
    parameters,
    ports::Sealed,
};

/// How long a binding's tombstone is kept for platforms that still poll: Cloud Foundry does for up
/// to 10,080 minutes.
pub const TOMBSTONE_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A service binding, from the first request until its tombstone expires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// Chosen by the platform.
    pub id: BindingId,
    /// What is bound.
    pub instance_id: InstanceId,
    /// Where it is: the instance's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// As requested.
    pub service_id: String,
    /// As requested.
    pub plan_id: String,
    /// The application, if the request named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_guid: Option<String>,
    /// As requested.
    pub parameters: Json,
    /// The binding that this one is to replace, if the request named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predecessor_id: Option<BindingId>,
    /// What belongs to this binding in IAM; nothing where the template asks for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// The function that makes its credentials, where the template has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<BindFunction>,
    /// How long its access key may do anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Lifetime>,
    /// The last one.
    pub operation: Operation,
    /// The one before, as it was when the last one began: a platform may still poll it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_operation: Option<Operation>,
    /// When the record may be forgotten; only tombstones have it. In seconds since 1970, as
    /// DynamoDB's TTL wants it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::second::optional"
    )]
    pub expires_at: Option<Timestamp>,
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

/// How long a binding's identity may do anything (OSBAPI, Binding Metadata Object).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetime {
    /// From when on the platform should ask for a successor.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    pub renew_before: Timestamp,
    /// From when on IAM denies everything.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    pub ends_at: Timestamp,
}

impl Binding {
    /// Whether it is created and not being deleted.
    pub fn is_usable(&self) -> bool {
        self.operation
            .is(OperationKind::Bind, OperationState::Succeeded)
    }

    /// Whether its identity may still do something.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.is_usable() && self.lifetime.is_none_or(|lifetime| now < lifetime.ends_at)
    }

    /// Whether nothing is left of it but this record.
    pub fn is_tombstone(&self) -> bool {
        self.operation
            .is(OperationKind::Unbind, OperationState::Succeeded)
    }

    /// The IAM user that belongs to it, if one does.
    pub fn user_name(&self) -> Option<&str> {
        match &self.identity {
            Some(Identity::User { user_name, .. }) => Some(user_name),
            _ => None,
        }
    }

    /// Whether `other` is what the same request would have made.
    pub fn same_request(&self, other: &Self) -> bool {
        self.service_id == other.service_id
            && self.plan_id == other.plan_id
            && self.app_guid == other.app_guid
            && parameters::are_same(&self.parameters.0, &other.parameters.0)
            && self.predecessor_id == other.predecessor_id
    }
}
