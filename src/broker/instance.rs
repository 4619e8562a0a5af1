//! The record of a service instance.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Location,
    id::InstanceId,
    operation::{LONGEST_REQUEST, Operation, OperationKind, OperationState},
    parameters,
    platform::Platform,
    ports::tag_value,
    requester::Requester,
    secret_parameters::SecretParameters,
};
use crate::osb::Object;

/// How long an instance's tombstone is kept. Names in AWS follow from the id, and applications may
/// keep such a name for years (a bus, a repository, a bucket): no other space gets it. Platforms
/// that still poll need it for 10,080 minutes, the longest time that Cloud Foundry can be told.
pub const TOMBSTONE_LIFETIME: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// The latest `expires_at` of a tombstone that was kept for `lifetime` and whose id can be used
/// again: its deletion ended so long ago that no earlier request for the id can still be under way.
/// Service Catalog creates an instance anew under the same id after it has cleaned up. Polls of the
/// old deletion are answered by the id of their operation.
pub fn latest_reusable_expiry(lifetime: SignedDuration, now: Timestamp) -> Timestamp {
    now + (lifetime - LONGEST_REQUEST)
}

/// A service instance, from the first request until its tombstone expires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Chosen by the platform.
    pub id: InstanceId,
    /// What it is, or is going to be once it is created.
    pub attributes: Attributes,
    /// What it is going to be when the update that runs succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Attributes>,
    /// Where it is, if not in the broker's own account and Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The instance's stack.
    pub stack_name: String,
    /// The stack's ARN, once it is known that an operation of the instance has created it: somebody
    /// else's may come to have its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_id: Option<String>,
    /// The user who created it, if the platform tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<Requester>,
    /// The user who created it or updated it last, if the platform tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<Requester>,
    /// Of the stack, as it was when the last operation ended.
    pub outputs: BTreeMap<String, String>,
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

/// What a platform asks an instance to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attributes {
    /// As requested.
    pub service_id: String,
    /// As requested.
    pub plan_id: String,
    /// As requested.
    pub organization_guid: String,
    /// As requested.
    pub space_guid: String,
    /// As requested.
    pub context: Json,
    /// As requested, without those that the template declares `NoEcho`.
    pub parameters: Json,
    /// Stands for the `NoEcho` ones, if the user gave any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_parameters: Option<SecretParameters>,
    /// The version of the template that the stack is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_version: Option<String>,
}

impl Attributes {
    /// The GUIDs of the organization and the space.
    pub fn owners(&self) -> [&str; 2] {
        [&self.organization_guid, &self.space_guid]
    }

    /// The GUID of those whose instances are counted together: on Kubernetes the space, which is a
    /// namespace, because the organization is the whole cluster.
    pub fn quota_owner(&self) -> &str {
        match Platform::of(None, &self.context.0) {
            Platform::Kubernetes => &self.space_guid,
            Platform::Other => &self.organization_guid,
        }
    }

    /// True if both are of one organization and space.
    pub fn same_owner(&self, other: &Self) -> bool {
        self.organization_guid == other.organization_guid && self.space_guid == other.space_guid
    }
}

impl Instance {
    /// Whether it is there, even if it is about to go.
    pub fn exists(&self) -> bool {
        match self.operation.kind {
            OperationKind::Provision => self.operation.state == OperationState::Succeeded,
            OperationKind::Deprovision => !self.is_tombstone(),
            _ => true,
        }
    }

    /// The stack's ARN, or its name until the ARN is known: CloudFormation takes either.
    pub fn stack(&self) -> &str {
        self.stack_id.as_deref().unwrap_or(&self.stack_name)
    }

    /// True if the stack has values of `NoEcho` parameters, or may have got them by the update that
    /// runs.
    pub fn has_secret_parameters(&self) -> bool {
        let updated = self
            .update
            .as_ref()
            .and_then(|update| update.secret_parameters.as_ref());
        self.attributes.secret_parameters.is_some() || updated.is_some()
    }

    /// Whether nothing is left of it but this record.
    pub fn is_tombstone(&self) -> bool {
        self.operation
            .is(OperationKind::Deprovision, OperationState::Succeeded)
    }

    /// True if this is a tombstone whose place a new instance with these attributes may take. See
    /// [`latest_reusable_expiry`].
    pub fn gives_way_to(&self, successor: &Attributes, now: Timestamp) -> bool {
        let is_over = self.expires_at.is_some_and(|expires_at| {
            expires_at <= latest_reusable_expiry(TOMBSTONE_LIFETIME, now)
        });
        is_over && self.attributes.same_owner(successor)
    }

    /// Whether an update of it runs.
    pub fn is_updating(&self) -> bool {
        self.operation
            .is(OperationKind::Update, OperationState::InProgress)
    }

    /// Whether a request that began before the deletion may still be about to create the stack. One
    /// that was created has left its outputs; but where several requests were at it, that of
    /// another one may come late. What went before a deletion that has failed is not known any
    /// more.
    pub fn may_be_created_late(&self, now: Timestamp) -> bool {
        let other_requests = self
            .previous_operation
            .as_ref()
            .is_some_and(|previous| previous.is_recent(now) && is_doubtful(previous));
        let not_seen = self.outputs.is_empty() && self.operation.may_be_running(now);
        self.operation.kind == OperationKind::Deprovision && (not_seen || other_requests)
    }

    /// True if a stack may come to be under the name of the one that has gone: several requests
    /// were at its creation, or it is not known how many.
    pub fn may_have_been_created_again(&self) -> bool {
        self.outputs.is_empty() || self.previous_operation.as_ref().is_some_and(is_doubtful)
    }

    /// True if the user has created the instance, or changed it last.
    pub fn is_known_to(&self, requester: &Requester) -> bool {
        [&self.created_by, &self.changed_by].contains(&&Some(requester.clone()))
    }

    /// The same instance, changed by this user, who may delete it from now on whatever was refused
    /// before.
    #[must_use]
    pub fn changed_by(self, requester: Option<&Requester>) -> Self {
        Self {
            changed_by: requester.cloned().or(self.changed_by),
            ..self
        }
    }

    /// The same instance with another operation begun.
    #[must_use]
    pub fn begin(self, operation: Operation) -> Self {
        Self {
            previous_operation: Some(self.operation),
            operation,
            ..self
        }
    }
}

/// True if requests may have sent a creation that the record does not tell of any more.
fn is_doubtful(before: &Operation) -> bool {
    before.is_taken_up || before.kind == OperationKind::Deprovision
}

/// Whose an instance is, in the words of the tags that its stack and all that the stack makes have.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    /// The tag `servicebroker:organization-guid`.
    pub organization_guid: String,
    /// The tag `servicebroker:space-guid`.
    pub space_guid: String,
}

impl Attributes {
    /// The instance's organization and space, as tags have them.
    pub fn owner(&self) -> Owner {
        Owner {
            organization_guid: tag_value(&self.organization_guid),
            space_guid: tag_value(&self.space_guid),
        }
    }

    /// Whether a request for these is the same as one for `other`. Context, headers and times do
    /// not count.
    pub fn same_request(&self, other: &Self) -> bool {
        self.service_id == other.service_id
            && self.plan_id == other.plan_id
            && self.organization_guid == other.organization_guid
            && self.space_guid == other.space_guid
            && parameters::are_same(&self.parameters.0, &other.parameters.0)
    }
}

/// A JSON object that is stored as its text: DynamoDB's numbers would not give back `1.0` as it
/// came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Json(pub Object);

impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(&self.0).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}
