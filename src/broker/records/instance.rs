//! The record of a service instance.

use std::collections::BTreeMap;

use catalog::OperatorValues;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    id::InstanceId,
    json::{self, Json},
    location::Location,
    operation::{LONGEST_REQUEST, Operation, OperationKind, OperationState},
    platform::Platform,
    requester::Requester,
    secret_parameters::SecretParameters,
    tag::{ORGANIZATION_TAG, SPACE_TAG, Tag, tag_value},
};
use crate::osb::NonEmpty;

/// The lifetime of an instance's tombstone: ten years.
///
/// Names in AWS follow from the id. Applications may keep such a name for years (a bus, a
/// repository, a bucket), so no other space may get it. Platforms that still poll need the
/// tombstone for at most 10,080 minutes, Cloud Foundry's maximum.
pub const INSTANCE_TOMBSTONE_LIFETIME: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// The latest `expires_at` of a tombstone whose id can be used again. `lifetime` is the
/// tombstone's.
///
/// The deletion ended so long ago that no earlier request for the id can still be running. Service
/// Catalog cleans up a failed creation, then creates the instance again under the same id. A poll
/// of the old deletion is answered from its operation id.
pub fn latest_reusable_expiry(lifetime: SignedDuration, now: Timestamp) -> Timestamp {
    now + (lifetime - LONGEST_REQUEST)
}

/// A service instance, from the first request until its tombstone expires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// The instance's id, which the platform chooses.
    pub id: InstanceId,
    /// The present attributes; during the creation, the requested ones.
    pub attributes: Attributes,
    /// The attributes after the running update, if it succeeds; absent while no update runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Attributes>,
    /// The instance's location; absent if it is the broker's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The name of the instance's stack, which follows from the service and the instance's id.
    pub stack_name: String,
    /// The stack's ARN; absent until an operation of the instance is known to have created the
    /// stack. The name does not identify the stack: somebody else's may get the same one later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_id: Option<String>,
    /// True if the stack has a stack policy. A stack from an earlier version of the broker gets one
    /// with its first update.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_stack_policy: bool,
    /// The user who created the instance, if the platform names users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<Requester>,
    /// The user who created the instance or updated it last, if the platform names users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<Requester>,
    /// The stack's outputs when the last creation or update succeeded.
    pub outputs: BTreeMap<String, String>,
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

/// The attributes of an instance that a platform requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attributes {
    /// The id of the service offering.
    pub service_id: NonEmpty,
    /// The id of the plan.
    pub plan_id: NonEmpty,
    /// The GUID of the platform's organization; on Kubernetes, of the cluster.
    pub organization_guid: NonEmpty,
    /// The GUID of the platform's space; on Kubernetes, of the namespace.
    pub space_guid: NonEmpty,
    /// The platform's context object, as requested.
    pub context: Json,
    /// The user's parameters, normalised, without those that the template declares `NoEcho`.
    pub parameters: Json,
    /// Digests of the `NoEcho` parameters; absent if the user gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_parameters: Option<SecretParameters>,
    /// The stack's parameters that have the operator's value. All others have values from the user,
    /// the plan or the template.
    #[serde(default, skip_serializing_if = "OperatorValues::is_empty")]
    pub overrides: OperatorValues,
    /// The names, in AWS, of other instances that the user's parameters refer to, by the instances'
    /// ids. They take the place of the ids in the stack's parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub references: BTreeMap<String, String>,
    /// The version of the stack's template; absent if the template has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_version: Option<String>,
}

impl Attributes {
    /// The GUIDs of the organization and the space.
    pub fn owners(&self) -> [&str; 2] {
        [&self.organization_guid, &self.space_guid]
    }

    /// The GUID of the organization or space whose instances share a quota. On Kubernetes it is the
    /// space, a namespace, because the organization is the whole cluster.
    pub fn quota_owner(&self) -> &str {
        match Platform::of(None, &self.context.0) {
            Platform::Kubernetes => &self.space_guid,
            Platform::Other => &self.organization_guid,
        }
    }

    /// True if both have the same organization and space.
    pub fn same_owner(&self, other: &Self) -> bool {
        self.organization_guid == other.organization_guid && self.space_guid == other.space_guid
    }
}

impl Instance {
    /// True if the instance is created and not yet deleted, even if its deletion has begun.
    pub fn exists(&self) -> bool {
        match self.operation.kind {
            OperationKind::Provision => self.operation.state == OperationState::Succeeded,
            OperationKind::Deprovision => !self.is_tombstone(),
            _ => true,
        }
    }

    /// The stack's ARN, or its name until the ARN is known: CloudFormation accepts either.
    pub fn stack(&self) -> &str {
        self.stack_id.as_deref().unwrap_or(&self.stack_name)
    }

    /// True if the stack has values of `NoEcho` parameters, or the running update may have set
    /// some.
    pub fn has_secret_parameters(&self) -> bool {
        let updated = self
            .update
            .as_ref()
            .and_then(|update| update.secret_parameters.as_ref());
        self.attributes.secret_parameters.is_some() || updated.is_some()
    }

    /// True if nothing but this record is left of the instance.
    pub fn is_tombstone(&self) -> bool {
        self.operation
            .is(OperationKind::Deprovision, OperationState::Succeeded)
    }

    /// True if this is a tombstone that a new instance with these attributes may replace. See
    /// [`latest_reusable_expiry`].
    pub fn gives_way_to(&self, successor: &Attributes, now: Timestamp) -> bool {
        let is_over = self.expires_at.is_some_and(|expires_at| {
            expires_at <= latest_reusable_expiry(INSTANCE_TOMBSTONE_LIFETIME, now)
        });
        is_over && self.attributes.same_owner(successor)
    }

    /// True if an update of the instance is in progress.
    pub fn is_updating(&self) -> bool {
        self.operation
            .is(OperationKind::Update, OperationState::InProgress)
    }

    /// True if a request that began before the deletion may still create the stack.
    ///
    /// A stack that was created has left its outputs in the record. If several requests worked on
    /// the creation, another one's stack may still come late. After a failed deletion, the record
    /// does not show how many requests worked on the creation.
    pub fn may_be_created_late(&self, now: Timestamp) -> bool {
        let other_requests = self
            .previous_operation
            .as_ref()
            .is_some_and(|previous| previous.is_recent(now) && is_doubtful(previous));
        let not_seen = self.outputs.is_empty() && self.operation.may_be_running(now);
        self.operation.kind == OperationKind::Deprovision && (not_seen || other_requests)
    }

    /// True if another stack may appear under the name of the deleted one. Several requests worked
    /// on its creation, or the record does not show how many.
    pub fn may_have_been_created_again(&self) -> bool {
        self.outputs.is_empty() || self.previous_operation.as_ref().is_some_and(is_doubtful)
    }

    /// True if the user has created the instance, or changed it last.
    pub fn is_known_to(&self, requester: &Requester) -> bool {
        [&self.created_by, &self.changed_by].contains(&&Some(requester.clone()))
    }

    /// Returns the instance as changed by this user, if the platform names users. The user may
    /// delete it from now on, even after an earlier refusal.
    #[must_use]
    pub fn changed_by(self, requester: Option<&Requester>) -> Self {
        Self {
            changed_by: requester.cloned().or(self.changed_by),
            ..self
        }
    }

    /// Returns the record as a write stores it: with the next version.
    #[must_use]
    pub fn next_version(self) -> Self {
        Self {
            version: self.version + 1,
            ..self
        }
    }

    /// Returns the instance with a new operation as its last one.
    #[must_use]
    pub fn begin(self, operation: Operation) -> Self {
        Self {
            previous_operation: Some(self.operation),
            operation,
            ..self
        }
    }
}

/// True if requests may have sent a creation that the record does not show any more.
fn is_doubtful(before: &Operation) -> bool {
    before.is_taken_up || before.kind == OperationKind::Deprovision
}

/// The owner of an instance, as in the tags of its stack and of the stack's resources.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    /// The tag `servicebroker:organization-guid`.
    pub organization_guid: String,
    /// The tag `servicebroker:space-guid`.
    pub space_guid: String,
}

impl Attributes {
    /// The instance's organization and space, in the form of tag values.
    pub fn owner(&self) -> Owner {
        Owner {
            organization_guid: tag_value(&self.organization_guid),
            space_guid: tag_value(&self.space_guid),
        }
    }

    /// Returns the tags that name the organization and the space.
    pub fn owner_tags(&self) -> [Tag; 2] {
        [
            Tag::new(ORGANIZATION_TAG, &self.organization_guid),
            Tag::new(SPACE_TAG, &self.space_guid),
        ]
    }

    /// True if both are the same request. Context, headers and times do not count.
    pub fn same_request(&self, other: &Self) -> bool {
        self.service_id == other.service_id
            && self.plan_id == other.plan_id
            && self.organization_guid == other.organization_guid
            && self.space_guid == other.space_guid
            && json::are_same(&self.parameters.0, &other.parameters.0)
    }
}
