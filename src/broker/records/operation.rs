//! The last operation on an instance or a binding, and its state.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Upper bound on the run time of a request: Lambda stops the function earlier (`Timeout` in
/// `infra/template.yaml`). No request is working on an operation that is older and still in
/// progress. The sweep function may run for longer, but only deletes.
///
/// It also bounds the time in which a call takes effect in CloudFormation after the broker has given
/// up waiting for the response. AWS documents no such bound. A stack that appears later is found by
/// a deletion of its instance, and by the sweep.
pub const LONGEST_REQUEST: SignedDuration = SignedDuration::from_secs(30);

/// An operation on an instance or a binding. The last operation and its outcome are the state of
/// the instance's or binding's lifecycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The id that the platform polls with. It is also CloudFormation's `ClientRequestToken`. It
    /// consists of RFC 3986 unreserved characters.
    pub id: String,
    /// The action that the platform requested.
    pub kind: OperationKind,
    /// The operation's current state.
    pub state: OperationState,
    /// The user's text: the reason for a failure, or a note on the stack that a deletion has left
    /// in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// True if the instance is usable and can be updated, although an update or a deprovisioning of
    /// it has failed. Absent unless one of these has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_usable: Option<bool>,
    /// The time when the operation was accepted, or last resumed.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    pub started_at: Timestamp,
    /// The time when the operation was accepted. Absent unless it was resumed since.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::second::optional"
    )]
    pub accepted_at: Option<Timestamp>,
    /// True if a request other than the first one has resumed the operation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_taken_up: bool,
}

/// An action that a platform can request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Creates an instance.
    Provision,
    /// Updates an instance.
    Update,
    /// Deletes an instance.
    Deprovision,
    /// Creates a binding.
    Bind,
    /// Deletes a binding.
    Unbind,
}

impl OperationKind {
    /// The kinds that leave only a tombstone when they succeed.
    const DELETIONS: [Self; 2] = [Self::Deprovision, Self::Unbind];

    /// The kind's name in OSBAPI. Operation ids begin with it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Update => "update",
            Self::Deprovision => "deprovision",
            Self::Bind => "bind",
            Self::Unbind => "unbind",
        }
    }

    /// True if an operation with this id is of this kind. The id is enough to know the kind after
    /// the record is gone.
    pub fn is_of(self, operation_id: &str) -> bool {
        operation_id
            .split_once('-')
            .is_some_and(|(name, _)| name == self.name())
    }
}

/// The state of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Accepted, and not known to have ended.
    InProgress,
    /// Ended with success.
    Succeeded,
    /// Ended with a failure.
    Failed,
}

impl Operation {
    /// Returns a new operation that starts now.
    pub fn begin(kind: OperationKind, id: Uuid, now: Timestamp) -> Self {
        Self {
            id: format!("{}-{id}", kind.name()),
            kind,
            state: OperationState::InProgress,
            reason: None,
            instance_usable: None,
            started_at: now,
            accepted_at: None,
            is_taken_up: false,
        }
    }

    /// Returns the operation as resumed by another request.
    #[must_use]
    pub fn taken_up(self, now: Timestamp) -> Self {
        let accepted_at = Some(self.accepted_at.unwrap_or(self.started_at));
        Self {
            started_at: now,
            accepted_at,
            is_taken_up: true,
            ..self
        }
    }

    /// The time since the operation was accepted.
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.accepted_at.unwrap_or(self.started_at))
    }

    /// Returns the operation marked as succeeded.
    #[must_use]
    pub fn succeeded(self) -> Self {
        Self {
            state: OperationState::Succeeded,
            ..self
        }
    }

    /// Returns the operation marked as failed.
    #[must_use]
    pub fn failed(self, reason: impl Into<String>) -> Self {
        Self {
            state: OperationState::Failed,
            reason: Some(reason.into()),
            ..self
        }
    }

    /// True if the operation is of this kind and in this state.
    pub fn is(&self, kind: OperationKind, state: OperationState) -> bool {
        self.kind == kind && self.state == state
    }

    /// True if the operation is not known to have ended.
    pub fn in_progress(&self) -> bool {
        self.state == OperationState::InProgress
    }

    /// True if a request may be working on the operation right now.
    pub fn may_be_running(&self, now: Timestamp) -> bool {
        self.in_progress() && self.is_recent(now)
    }

    /// True if `asked` is a deletion that ended before this operation began: its id is a
    /// deletion's, and this operation is no deletion. Ids of instances and bindings can be reused,
    /// and the platform may still poll the earlier deletion.
    pub fn has_followed_deletion(&self, asked: Option<&str>) -> bool {
        let is_deletion = asked.is_some_and(|asked| {
            OperationKind::DELETIONS
                .iter()
                .any(|kind| kind.is_of(asked))
        });
        is_deletion && !OperationKind::DELETIONS.contains(&self.kind)
    }

    /// True if the request that began or last resumed the operation may still be running.
    pub fn is_recent(&self, now: Timestamp) -> bool {
        now.duration_since(self.started_at) < LONGEST_REQUEST
    }
}
